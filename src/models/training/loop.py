"""The training loop: Lightning's Trainer over batches of tensors. Nothing else imports Lightning.

After each epoch all that training has come to is written beside the stage's outputs, so that a run that was
killed goes on after its last whole epoch, and ends with the weights that it would have had.
"""

from __future__ import annotations

import logging
import math
import shutil
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import torch
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint

from analysis.contract import InputError
from models.data.batches import Batches
from models.networks.classifier import ImageClassifier
from models.training.callbacks import Display, History
from models.training.dynamics import TrainingDynamics
from models.training.hardware import Hardware
from models.training.module import BEST_BY, ClassifierTraining, Objective
from models.training.phases import Phase, freeze_all_but


@dataclass(frozen=True)
class TrainingRun:
    """What happened.

    Attributes
    ----------
    curves
        One row per epoch, from 1: `epoch`, `phase`, losses, score.
    best_epoch
        The one whose weights were kept.
    dynamics
        Of each training image.
    """

    curves: pd.DataFrame
    best_epoch: int
    dynamics: TrainingDynamics

    def at_best(self, column: str) -> float:
        """A loss or score of the epoch that was kept; NaN if it was not measured."""
        if column not in self.curves:
            return math.nan
        return float(self.curves.set_index("epoch")[column][self.best_epoch])


def train(
    classifier: ImageClassifier,
    training: Batches,
    validation: Batches | None,
    *,
    phases: list[Phase],
    patience: int,
    weight_decay: float,
    objective: Objective,
    hardware: Hardware,
    dvclive: Path,
    checkpoints: Path,
) -> TrainingRun:
    """Train `classifier` in place, to the weights of the epoch with the best macro-F1 on validation.

    Without validation there is no best epoch: the last one's weights stay. In the last phase training stops
    when the score has not improved for `patience` epochs.

    Parameters
    ----------
    dvclive
        Folder for DVCLive's training curves.
    checkpoints
        Folder for the state after each epoch. What is there is gone on from, so it must be of the same
        training; the caller deletes it when it has kept the result.

    Raises
    ------
    InputError
        If the loss is no longer finite.
    """
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    if hardware.is_compiled:
        classifier.compile()
    if hardware.device.type == "cuda":
        classifier.to(memory_format=torch.channels_last)
    history = History(len(training.store))
    for number, phase in enumerate(phases):
        freeze_all_but(classifier, phase.peak_learning_rates)
        module = ClassifierTraining(classifier, phase, objective, weight_decay=weight_decay)
        stops = validation is not None and number == len(phases) - 1
        callbacks = [
            history,
            Display(history, dvclive, n_images=len(training.store)),
            *([EarlyStopping(BEST_BY, mode="max", patience=patience)] if stops else []),
        ]
        folder = checkpoints / f"phase-{number + 1}"
        _fit(module, training, validation, callbacks, folder, hardware)
        _take_back(module, history, folder / "last.ckpt")
        _check_finite(history, checkpoints)
        history.n_epochs_before = len(history.rows)
    run = _run_of(history, phases)
    if validation:
        _load_best(module, run, phases, checkpoints)
    classifier.cpu().requires_grad_(True)
    return run


def _fit(
    module: ClassifierTraining,
    training: Batches,
    validation: Batches | None,
    callbacks: list[Callback],
    folder: Path,
    hardware: Hardware,
) -> None:
    """Train a phase to its end, from `last.ckpt` in `folder` if it is there. Other ranks end here."""
    best = ModelCheckpoint(folder, "best", monitor=BEST_BY, mode="max", save_weights_only=True)
    last = ModelCheckpoint(folder, "last", enable_version_counter=False, save_on_train_epoch_end=True)
    trainer = Trainer(
        accelerator=hardware.device.type,
        devices=hardware.n_devices,
        num_nodes=hardware.n_nodes,
        strategy=hardware.strategy,
        precision=hardware.precision,
        benchmark=hardware.device.type == "cuda",
        max_epochs=module.phase.n_epochs,
        callbacks=[*callbacks, *([best] if validation else []), last],
        limit_val_batches=None if validation else 0,
        use_distributed_sampler=False,  # batches share themselves out
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        logger=False,
    )
    path = folder / "last.ckpt"
    with warnings.catch_warnings():
        # Lightning 2.6 asks torch's pytree in a way that torch 2.15 calls deprecated
        warnings.filterwarnings("ignore", message=".*LeafSpec", category=FutureWarning)
        warnings.filterwarnings("ignore", message=".*exists and is not empty")  # a run that was killed
        warnings.filterwarnings("ignore", message=".*in eval mode at the start")  # what is frozen
        checkpoint = str(path) if path.exists() else None
        trainer.fit(module, training, validation or [], ckpt_path=checkpoint, weights_only=True)
    if not trainer.is_global_zero:
        sys.exit()


def _take_back(module: ClassifierTraining, history: History, path: Path) -> None:
    """The last epoch's weights and the history: with several processes they are in the file alone."""
    content = torch.load(path, map_location="cpu", weights_only=True)
    module.load_state_dict(content["state_dict"])
    history.load_state_dict(content["callbacks"]["History"])


def _check_finite(history: History, checkpoints: Path) -> None:
    last = history.rows[-1]
    if not math.isfinite(last["train/loss"]):
        shutil.rmtree(checkpoints)  # nothing to go on from
        raise InputError(f"Training diverged in epoch {last['epoch']}: lower baseline_resnet.learning_rate.")


def _load_best(module: ClassifierTraining, run: TrainingRun, phases: list[Phase], checkpoints: Path) -> None:
    phase = run.curves.set_index("epoch")["phase"][run.best_epoch]
    number = [each.name for each in phases].index(phase) + 1
    best = torch.load(checkpoints / f"phase-{number}" / "best.ckpt", map_location="cpu", weights_only=True)
    module.load_state_dict(best["state_dict"])


def _run_of(history: History, phases: list[Phase]) -> TrainingRun:
    table = pd.DataFrame(history.rows).rename(columns=lambda name: name.replace("/", "_"))
    best_by = BEST_BY.replace("/", "_")
    kept = table[best_by].idxmax() if best_by in table else table.index[-1]
    return TrainingRun(table, int(table["epoch"][kept]), history.dynamics)

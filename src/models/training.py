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
from typing import Any

import pandas as pd
import torch
from dvclive import Live
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
from torch import Tensor, nn
from torchmetrics.classification import MulticlassF1Score
from tqdm import tqdm

from analysis.stage import InputError
from models.image_data import Batch, Batches
from models.networks import ImageClassifier, in_unit_range
from models.phases import Phase, freeze_all_but, parameter_groups
from models.training_dynamics import TrainingDynamics

BEST_BY = "validation/macro_f1"


@dataclass(frozen=True)
class Hardware:
    """What computes.

    Attributes
    ----------
    n_devices, n_nodes
        Devices a machine, and machines, that share each batch.
    precision
        Of Lightning: `32-true`, `bf16-mixed`, `16-mixed`.
    is_compiled
        Whether torch.compile makes kernels for this network first.
    """

    device: torch.device
    n_devices: int = 1
    n_nodes: int = 1
    precision: str = "32-true"
    is_compiled: bool = False

    @property
    def strategy(self) -> str:
        """How processes are started: here from this one, on several machines by whoever started this one."""
        if self.n_nodes > 1:
            return "ddp"
        return "ddp_spawn" if self.n_devices > 1 else "auto"


@dataclass(frozen=True)
class Objective:
    """What training minimises: cross-entropy, with smoothed labels and weights (C,) for the classes."""

    label_smoothing: float = 0.0
    class_weights: Tensor | None = None


@dataclass(frozen=True)
class TrainingRun:
    """What happened.

    Attributes
    ----------
    curves
        One row an epoch, from 1: `epoch`, `phase`, losses, score.
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


class ClassifierTraining(LightningModule):
    """One phase: AdamW, the learning rate of each part rising and falling once (Smith and Topin 2018)."""

    def __init__(
        self, classifier: ImageClassifier, phase: Phase, objective: Objective, *, weight_decay: float
    ) -> None:
        super().__init__()
        self.classifier = classifier
        self.phase = phase
        self.weight_decay = weight_decay
        self.loss = nn.CrossEntropyLoss(
            weight=objective.class_weights, label_smoothing=objective.label_smoothing
        )
        self.macro_f1 = MulticlassF1Score(len(classifier.classes), average="macro")

    def logits(self, images: Tensor) -> Tensor:
        pixels = in_unit_range(images)
        if pixels.is_cuda:  # its convolutions are faster so; on a CPU it makes no difference
            pixels = pixels.contiguous(memory_format=torch.channels_last)
        return self.classifier(pixels)

    def training_step(self, batch: Batch, _: int) -> dict[str, Tensor]:
        logits = self.logits(batch.images)
        loss = self.loss(logits, batch.targets)
        self.log(
            "train/loss", loss, on_step=False, on_epoch=True, sync_dist=True, batch_size=len(batch.labels)
        )
        return {"loss": loss, "logits": logits.detach()}

    def validation_step(self, batch: Batch, _: int) -> None:
        labels = batch.labels
        logits = self.logits(batch.images)
        self.macro_f1.update(logits, labels)
        loss = nn.functional.cross_entropy(logits, labels)
        self.log("validation/loss", loss, sync_dist=True, batch_size=len(labels))
        self.log(BEST_BY, self.macro_f1, batch_size=len(labels))

    def configure_optimizers(self) -> dict:
        rates = self.phase.peak_learning_rates
        optimizer = torch.optim.AdamW(
            parameter_groups(self.classifier, rates),
            weight_decay=self.weight_decay,
            fused=True,  # a fifth of the time, also on a CPU
        )
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, max_lr=list(rates.values()), total_steps=self.trainer.estimated_stepping_batches
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


class History(Callback):
    """Each epoch's losses and scores, over all phases, and the dynamics of each image."""

    def __init__(self, n_images: int) -> None:
        self.rows: list[dict[str, Any]] = []
        self.dynamics = TrainingDynamics(n_images)
        self.n_epochs_before = 0  # of earlier phases

    def on_train_epoch_start(self, trainer: Trainer, _: LightningModule) -> None:
        trainer.train_dataloader.epoch = self.n_epochs_before + trainer.current_epoch

    def on_train_batch_end(
        self,
        trainer: Trainer,
        module: LightningModule,
        outputs: dict[str, Tensor],
        batch: Batch,
        batch_idx: int,
    ) -> None:
        self.dynamics.record(batch.rows, outputs["logits"], batch.labels)

    def on_train_epoch_end(self, trainer: Trainer, module: ClassifierTraining) -> None:
        self.dynamics.end_epoch(lambda values: trainer.strategy.reduce(values, reduce_op="sum"))
        scores = {name: value.item() for name, value in sorted(trainer.callback_metrics.items())}
        epoch = self.n_epochs_before + trainer.current_epoch + 1
        self.rows.append({"epoch": epoch, "phase": module.phase.name, **scores})
        trainer.should_stop |= not math.isfinite(scores["train/loss"])

    def state_dict(self) -> dict[str, Any]:
        return {"rows": self.rows, "dynamics": self.dynamics.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.rows = list(state["rows"])
        self.dynamics.load_state_dict(state["dynamics"])


class Display(Callback):
    """Shows the epochs while they pass: a bar, and DVCLive's curves in `folder`."""

    def __init__(self, history: History, folder: Path, *, n_images: int) -> None:
        self.history = history
        self.folder = folder
        self.n_images = n_images
        self.bar: tqdm | None = None
        self.live: Live | None = None

    def on_train_start(self, trainer: Trainer, module: ClassifierTraining) -> None:
        if not trainer.is_global_zero:
            return
        # DVCLive would also save experiments and rewrite dvc.yaml, which the pipeline does itself
        self.live = Live(str(self.folder), save_dvc_exp=False, dvcyaml=None, report=None)
        for row in self.history.rows:
            self._log_row(row)
        self.bar = tqdm(
            desc=f"training ({module.phase.name})",
            total=trainer.max_epochs * self.n_images,
            initial=trainer.current_epoch * self.n_images,
            unit="image",
            unit_scale=True,
            leave=False,
        )

    def _log_row(self, row: dict[str, Any]) -> None:
        self.live.step = row["epoch"]
        for name, value in row.items():
            if name not in ("epoch", "phase"):
                self.live.log_metric(name, value)

    def on_train_batch_end(
        self, trainer: Trainer, module: LightningModule, outputs: object, batch: Batch, batch_idx: int
    ) -> None:
        if self.bar is not None:
            self.bar.update(len(batch.labels) * trainer.world_size)

    def on_train_epoch_end(self, trainer: Trainer, module: LightningModule) -> None:
        if self.bar is None:
            return
        row = self.history.rows[-1]
        self._log_row(row)
        shown = {"macro_f1": row.get(BEST_BY), "loss": row["train/loss"]}
        scores = {name: f"{value:.3f}" for name, value in shown.items() if value is not None}
        self.bar.set_postfix({"epoch": row["epoch"], **scores})

    def on_exception(self, trainer: Trainer, module: LightningModule, exception: BaseException) -> None:
        self._close()

    def teardown(self, trainer: Trainer, module: LightningModule, stage: str) -> None:
        self._close()

    def _close(self) -> None:
        if self.bar is not None:
            self.bar.close()
            self.live.end()
            self.bar = self.live = None


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

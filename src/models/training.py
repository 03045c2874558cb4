"""The training loop: Lightning's Trainer over batches of tensors. Nothing else imports Lightning."""

from __future__ import annotations

import logging
import math
import shutil
import warnings
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import torch
from dvclive import Live
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
from torch import Tensor
from torch.nn import functional
from torchmetrics.classification import MulticlassF1Score
from tqdm import tqdm

from analysis.stage import InputError
from models.image_data import Batch, Batches
from models.networks import ImageClassifier, in_unit_range

BEST_BY = "validation/macro_f1"


@dataclass(frozen=True)
class TrainingRun:
    """What happened: one row of `curves` an epoch (from 1), and the epoch whose weights were kept."""

    curves: pd.DataFrame
    best_epoch: int

    def at_best(self, column: str) -> float:
        """A loss or score of the epoch that was kept; NaN if it was not measured."""
        if column not in self.curves:
            return math.nan
        return float(self.curves.set_index("epoch")[column][self.best_epoch])


class ClassifierTraining(LightningModule):
    """Cross-entropy with AdamW, the learning rate rising and falling once (Smith and Topin 2018)."""

    def __init__(self, classifier: ImageClassifier, *, learning_rate: float, weight_decay: float) -> None:
        super().__init__()
        self.classifier = classifier
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.macro_f1 = MulticlassF1Score(len(classifier.classes), average="macro")

    def training_step(self, batch: Batch, _: int) -> Tensor:
        loss = functional.cross_entropy(self.classifier(in_unit_range(batch.images)), batch.targets)
        self.log("train/loss", loss, on_step=False, on_epoch=True, batch_size=len(batch.labels))
        return loss

    def validation_step(self, batch: Batch, _: int) -> None:
        labels = batch.labels
        logits = self.classifier(in_unit_range(batch.images))
        self.macro_f1.update(logits, labels)
        self.log("validation/loss", functional.cross_entropy(logits, labels), batch_size=len(labels))
        self.log(BEST_BY, self.macro_f1, batch_size=len(labels))

    def configure_optimizers(self) -> dict:
        optimizer = torch.optim.AdamW(
            self.classifier.parameters(),
            lr=self.learning_rate,
            weight_decay=self.weight_decay,
            fused=True,  # a fifth of the time, also on a CPU
        )
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, max_lr=self.learning_rate, total_steps=self.trainer.estimated_stepping_batches
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


class Curves(Callback):
    """Keeps each epoch's losses and scores, and hands them to DVCLive."""

    def __init__(self, live: Live) -> None:
        self.live = live
        self.rows: list[dict[str, float]] = []

    def on_train_epoch_end(self, trainer: Trainer, _: LightningModule) -> None:
        epoch = trainer.current_epoch + 1
        scores = {name: value.item() for name, value in sorted(trainer.callback_metrics.items())}
        if not math.isfinite(scores["train/loss"]):
            raise InputError(f"Training diverged in epoch {epoch}: lower baseline_resnet.learning_rate.")
        self.live.step = epoch
        for name, value in scores.items():
            self.live.log_metric(name, value)
        self.rows.append({"epoch": epoch, **scores})


class Progress(Callback):
    """Moves one bar through the whole training, with the last epoch's scores behind it."""

    def __init__(self, bar: tqdm) -> None:
        self.bar = bar

    def on_train_batch_end(
        self,
        trainer: Trainer,
        _: LightningModule,
        outputs: object,
        batch: Batch,
        batch_idx: int,
    ) -> None:
        self.bar.update(len(batch.labels))

    def on_train_epoch_end(self, trainer: Trainer, _: LightningModule) -> None:
        scores = {
            name.split("/")[1]: f"{value:.3f}"
            for name, value in trainer.callback_metrics.items()
            if name in ("train/loss", BEST_BY)
        }
        self.bar.set_postfix({"epoch": trainer.current_epoch + 1, **scores})


def train(
    classifier: ImageClassifier,
    training: Batches,
    validation: Batches | None,
    *,
    epochs: int,
    patience: int,
    learning_rate: float,
    weight_decay: float,
    device: torch.device,
    precision: str,
    dvclive: Path,
    checkpoints: Path,
) -> TrainingRun:
    """Train `classifier` in place, to the weights of the epoch with the best macro-F1 on validation.

    Without validation there is no best epoch: the last one's weights stay.

    Parameters
    ----------
    dvclive
        Folder for DVCLive's training curves.
    checkpoints
        Folder that holds the best weights while training lasts.
    """
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    shutil.rmtree(checkpoints, ignore_errors=True)  # of a run that was killed
    module = ClassifierTraining(classifier, learning_rate=learning_rate, weight_decay=weight_decay)
    best = ModelCheckpoint(checkpoints, "best", monitor=BEST_BY, mode="max", save_weights_only=True)
    stop = EarlyStopping(BEST_BY, mode="max", patience=patience)
    n_images = epochs * len(training.store)
    with (
        # DVCLive would also save experiments and rewrite dvc.yaml, which the pipeline does itself
        Live(str(dvclive), save_dvc_exp=False, dvcyaml=None, report=None) as live,
        tqdm(total=n_images, desc="training", unit="image", unit_scale=True, leave=False) as bar,
    ):
        curves = Curves(live)
        trainer = Trainer(
            accelerator=device.type,
            devices=1,
            precision=precision,
            max_epochs=epochs,
            callbacks=[curves, Progress(bar), *([best, stop] if validation else [])],
            enable_checkpointing=validation is not None,
            limit_val_batches=None if validation else 0,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            logger=False,
        )
        _fit(trainer, module, training, validation)
    if validation:
        module.load_state_dict(torch.load(best.best_model_path, weights_only=True)["state_dict"])
        shutil.rmtree(checkpoints)
    return _run_of(curves)


def _fit(trainer: Trainer, module: ClassifierTraining, training: Batches, validation: Batches | None) -> None:
    with warnings.catch_warnings():
        # Lightning 2.6 asks torch's pytree in a way that torch 2.15 calls deprecated
        warnings.filterwarnings("ignore", message=".*LeafSpec", category=FutureWarning)
        trainer.fit(module, training, validation or [])


def _run_of(curves: Curves) -> TrainingRun:
    table = pd.DataFrame(curves.rows).rename(columns=lambda name: name.replace("/", "_"))
    best_by = BEST_BY.replace("/", "_")
    kept = table[best_by].idxmax() if best_by in table else table.index[-1]
    return TrainingRun(table, best_epoch=int(table["epoch"][kept]))

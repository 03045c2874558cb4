"""One step of training and of validation, as Lightning wants it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from lightning.pytorch import LightningModule
from torch import Tensor, nn
from torchmetrics.classification import MulticlassF1Score

from models.data.batches import Batch
from models.networks.classifier import ImageClassifier, in_unit_range
from models.training.phases import Phase, parameter_groups

BEST_BY = "validation/macro_f1"


@dataclass(frozen=True)
class Objective:
    """What training minimises: cross-entropy, with smoothed labels and weights (C,) for the classes."""

    label_smoothing: float = 0.0
    class_weights: Tensor | None = None


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
        if pixels.is_cuda:  # its convolutions are faster so; on a CPU it makes no difference to ResNets
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

"""The images under test."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from analysis.dataset.readable import readable_images
from analysis.interpret.attack_trials.attacks import Target
from analysis.interpret.attack_trials.parameters import AttackTrialsParameters
from analysis.interpret.judged_images import sample_of_judged
from models.data.decoding import decode
from models.networks.checkpoint import classifier_on
from models.networks.classifier import in_unit_range


@dataclass(frozen=True)
class SampledImages:
    """Images under test, row by row.

    Attributes
    ----------
    rows
        As `readable_images` gives them, with `is_right` and `predicted_label` as `predict` found them.
    pixels, labels
        (N, 3, H, H) in [0, 1] and class indices (N,), on the classifier's device.
    """

    rows: pd.DataFrame
    pixels: Tensor
    labels: Tensor

    def __getitem__(self, places: np.ndarray) -> SampledImages:
        chosen = torch.from_numpy(places).to(self.labels.device)
        return SampledImages(
            self.rows.iloc[places].reset_index(drop=True), self.pixels[chosen], self.labels[chosen]
        )

    @property
    def is_right(self) -> np.ndarray:
        return self.rows["is_right"].to_numpy()

    @property
    def pictures(self) -> np.ndarray:
        """(N, H, H, 3) in [0, 1]"""
        return as_pictures(self.pixels)


def as_pictures(pixels: Tensor) -> np.ndarray:
    """(N, 3, H, W) -> (N, H, W, 3)"""
    return pixels.permute(0, 2, 3, 1).cpu().numpy()


def target_of(model: Path, classes: list[str], parameters: AttackTrialsParameters) -> Target:
    return Target(classifier_on(model, classes, parameters.device), parameters.batch_images)


def draw_sample(
    manifest: pd.DataFrame,
    scan: pd.DataFrame,
    predictions: pd.DataFrame,
    target: Target,
    parameters: AttackTrialsParameters,
    *,
    seed: int,
) -> tuple[SampledImages, str]:
    """Images of the judged split with what `predict` says of them, and the split's name."""
    rows, split = sample_of_judged(readable_images(manifest, scan), parameters.n_images, seed=seed)
    found = predictions[["item_id", "predicted_label", "is_correct"]]
    rows = rows.merge(found, on="item_id", how="left", validate="1:1")
    rows = rows.assign(is_right=rows["is_correct"].astype(bool))
    classifier = target.classifier
    pixels = decode(rows, input_px=classifier.input_px, interpolation=classifier.interpolation)
    device = classifier.mean.device
    labels = torch.from_numpy(rows["class_index"].to_numpy()).to(device)
    return SampledImages(rows, in_unit_range(pixels).to(device), labels), split

"""A contact sheet of what augmentation makes of training images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from analysis.contract import Figure
from analysis.drawing.class_axis import note_on_shown, short_label, spread_over
from analysis.drawing.pictures import plot_image_grid
from models.data.batches import Batches

MAX_CLASSES = 6
N_VERSIONS = 6  # of each image
MIN_SHARE = 0.005  # of a target, to be written
LABEL_CHARACTERS = 15  # as wide as a picture of the sheet


def plot_augmented(training: Batches, classes: Sequence[str], *, seed: int) -> Figure:
    """One image of each of a few classes, as it is and beside it as training may see it."""
    rng = np.random.default_rng(seed)
    labels = training.labels.numpy()
    present = np.unique(labels).tolist()
    shown = spread_over(present, MAX_CLASSES)
    rows = np.array([rng.choice(np.flatnonzero(labels == label)) for label in shown])
    # one of each class after the other, since an image is mixed with the one before it
    versions, targets = _augmented(training, np.tile(rows, N_VERSIONS), rng)
    pictures, captions = [], []
    for i, (original, label) in enumerate(zip(training.store[rows], shown, strict=True)):
        pictures += [original, *versions[i :: len(shown)]]
        captions += [short_label(classes[label], LABEL_CHARACTERS)]
        captions += [_target_text(target, classes) for target in targets[i :: len(shown)]]
    return Figure(
        name="augmented_images",
        title="Augmented training images",
        caption=(
            f"Left, one training image of each class; beside it {N_VERSIONS} versions as training may see "
            "it, drawn anew in each epoch. Below mixed images stand the shares of the classes in their "
            "target. A version that you could not name yourself, or that will not come in use, teaches the "
            "network something wrong: see baseline_resnet.augmentation in params.yaml."
            + note_on_shown(len(shown), len(present), "evenly spread")
        ),
        drawing=plot_image_grid(
            [picture.permute(1, 2, 0).cpu().numpy() for picture in pictures],
            captions,
            columns=N_VERSIONS + 1,
        ),
        table=pd.DataFrame(
            {
                "label": [classes[label] for label in shown for _ in range(N_VERSIONS + 1)],
                "version": list(range(N_VERSIONS + 1)) * len(shown),  # 0: as it is
                "caption": [caption.replace("\n", ", ") for caption in captions],
            }
        ),
    )


def _augmented(training: Batches, rows: np.ndarray, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    images = training.store[rows].to(training.device)
    labels = training.labels[torch.from_numpy(rows)].to(training.device)
    return training.augment(images, labels, rng) if training.augment else (images, labels)


def _target_text(target: Tensor, classes: Sequence[str]) -> str:
    """A line for each class of an image that may be mixed; empty for one that is what it was."""
    if not target.ndim:
        return ""
    shares, order = target.sort(descending=True)
    return "\n".join(
        f"{short_label(classes[i], LABEL_CHARACTERS)} {share:.2f}"
        for share, i in zip(shares.tolist(), order.tolist(), strict=True)
        if share >= MIN_SHARE
    )

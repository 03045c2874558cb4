"""A contact sheet of what augmentation makes of training images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from analysis.figures import plot_image_grid
from analysis.stage import Figure
from models.image_data import Batches

MAX_CLASSES = 6
N_VERSIONS = 6  # of each image
MIN_SHARE = 0.005  # of a target, to be written


def plot_augmented(training: Batches, classes: Sequence[str], *, seed: int) -> Figure:
    """One image of each of a few classes, as it is and beside it as training may see it."""
    labels = training.labels.numpy()
    present = np.unique(labels)
    shown = present[np.linspace(0, len(present) - 1, min(MAX_CLASSES, len(present))).round().astype(int)]
    rng = np.random.default_rng(seed)
    rows = np.array([rng.choice(np.flatnonzero(labels == label)) for label in shown])
    originals = training.store[rows]
    # one image of each class after the other, as mixing takes the image before in the batch
    versions, targets = _augmented(training, np.tile(rows, N_VERSIONS), rng)
    pictures, captions = [], []  # row by row
    for i, label in enumerate(shown):
        places = range(i, len(versions), len(shown))
        pictures += [originals[i], *versions[places]]
        captions += [classes[label], *(_target_text(targets[place], classes) for place in places)]
    table = pd.DataFrame(
        {
            "label": np.repeat(np.asarray(classes)[shown], N_VERSIONS + 1),
            "version": [*(["original"] + [str(i + 1) for i in range(N_VERSIONS)])] * len(shown),
            "target": captions,
        }
    )
    return Figure(
        name="augmented_images",
        title="Augmented training images",
        caption=(
            f"Left, one training image of each of {len(shown)} classes; beside it {N_VERSIONS} versions as "
            "training may see it, drawn anew in each epoch. Below images that are mixed stand the shares of "
            "their target. A version that you could not name yourself, or that will not come in use, teaches "
            "the network something wrong: see baseline_resnet.augmentation in params.yaml."
        ),
        drawing=plot_image_grid(
            [picture.permute(1, 2, 0).cpu().numpy() for picture in pictures], captions, columns=N_VERSIONS + 1
        ),
        table=table,
    )


def _augmented(training: Batches, rows: np.ndarray, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    images = training.store[rows].to(training.device)
    labels = training.labels[torch.from_numpy(rows)].to(training.device)
    return training.augment(images, labels, rng) if training.augment else (images, labels)


def _target_text(target: Tensor, classes: Sequence[str]) -> str:
    """The classes of a mixed image by their shares; empty if there is one class only."""
    if not target.ndim or target.max() > 1 - MIN_SHARE:
        return ""
    shares, order = target.sort(descending=True)
    return ", ".join(
        f"{classes[i]} {share:.2f}"
        for share, i in zip(shares.tolist(), order, strict=True)
        if share >= MIN_SHARE
    )

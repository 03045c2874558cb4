"""Which images the probe learns from and is judged on, and what it sees of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from analysis.contract import NothingToJudgeError
from analysis.dataset.input_size import suited_input_px
from analysis.dataset.readable import readable_images
from analysis.dataset.samples import stratified_folds, stratified_sample
from models.data.leaks import leaked_images

N_FOLDS = 5

Trial = tuple[np.ndarray, np.ndarray]  # rows to learn from, rows to predict


@dataclass(frozen=True)
class ProbedImages:
    """Labelled images with their features; all rows are places in `images`.

    Attributes
    ----------
    images
        `item_id`, `split`, `label` and `class_index`; no training image that is held out too.
    features
        float32 (n, d), of about unit variance.
    n_leaked
        Training images left out, as validation or test hold them too.
    n_training
        Those that there are to learn from, of which `training` may be a sample.
    """

    images: pd.DataFrame
    features: np.ndarray
    classes: list[str]
    training: np.ndarray
    n_training: int
    n_leaked: int
    seed: int

    @property
    def codes(self) -> np.ndarray:
        return self.images["class_index"].to_numpy()

    @property
    def judged_split(self) -> str:
        """The first of test and validation that has images; train if both have none."""
        return next((split for split in ("test", "validation") if len(self.rows_of(split))), "train")

    def rows_of(self, split: str) -> np.ndarray:
        return np.flatnonzero(self.images["split"] == split)

    def training_sample(self, n: int) -> np.ndarray:
        """`n` of the rows to learn from, each class in its share; a smaller sample is part of a larger."""
        rows = self.images.iloc[self.training].assign(row=self.training).reset_index(drop=True)
        return stratified_sample(rows, n, rng=np.random.default_rng(self.seed))["row"].to_numpy()

    def folds(self, rows: np.ndarray) -> Iterator[Trial]:
        """Each fold of the rows, to be predicted by what is learnt from the others."""
        fold = stratified_folds(self.codes[rows], N_FOLDS, seed=self.seed)
        return ((rows[fold != i], rows[fold == i]) for i in np.unique(fold))


def probed_images(
    manifest: pd.DataFrame,
    scan: pd.DataFrame,
    thumbnails: np.ndarray,
    embeddings: np.ndarray,
    *,
    max_training_images: int,
    seed: int,
) -> ProbedImages:
    """The readable, labelled images, and the training images among them that the probe learns from.

    Raises
    ------
    NothingToJudgeError
        If fewer than two classes have images to train on.
    """
    readable = readable_images(manifest, scan)
    # the interpolation only matters to pictures that are nearly, but not quite, the same
    leaked = leaked_images(readable, thumbnails, input_px=suited_input_px(scan), interpolation="bilinear")
    images = readable[(readable["class_index"] >= 0) & ~readable["item_id"].isin(leaked)]
    images = images[images["split"].notna()].reset_index(drop=True)
    is_training = images["split"].eq("train").to_numpy()
    if images.loc[is_training, "class_index"].nunique() < 2:
        found = f"{is_training.sum():,} of one" if is_training.any() else "none"
        raise NothingToJudgeError(
            f"a linear probe learns from images of two classes, and training has {found}"
        )
    probed = ProbedImages(
        images=images,
        # unit vectors have a variance of 1 / d
        features=embeddings[images["item_id"]] * np.float32(embeddings.shape[1] ** 0.5),
        classes=list(manifest["label"].cat.categories),
        training=np.flatnonzero(is_training),
        n_training=int(is_training.sum()),
        n_leaked=len(leaked),
        seed=seed,
    )
    return replace(probed, training=probed.training_sample(max_training_images))

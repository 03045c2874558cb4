"""Training, validation and test: which name means which, how missing splits are made, how samples are drawn.

Every random choice ranks images by a hash of their content and the seed. So it depends neither on file names
nor on the order of files, copies of one image go together, and when a dataset grows by a few images, nearly
all others stay where they were. scikit-learn's StratifiedShuffleSplit, which gives splits of the same sizes,
has none of the three, and refuses a dataset in which a class has a single image.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import pandas as pd


def complete_splits(
    rows: pd.DataFrame, *, validation_fraction: float, test_fraction: float, seed: int
) -> pd.Series:
    """The split of every image: the dataset's own where it has one, else one made here.

    Images without a split are for training. A test and a validation split are cut from the training images,
    each if its fraction is above 0 and the dataset brings none with labels. Each class gives its share: of
    its n distinct images n · fraction, rounded, and at least one, while training keeps at least one. Some
    images stay in training whatever the fractions are: those of a class with fewer distinct images than
    splits to fill, those without a label that are no copies of labelled ones, those that cannot be read, and
    copies of an image that the dataset itself has put into another split.

    Parameters
    ----------
    rows
        `label` (null if blank), `split` (null if the dataset gives none), `content_hash` (null if not read).
    validation_fraction, test_fraction
        Of the training images before any are cut. Their sum is below 1.
    seed
        Another seed draws other images.

    Returns
    -------
    Series of "train", "validation" or "test", indexed as `rows`.
    """
    split = rows["split"].fillna("train")
    brought = set(split[rows["label"].notna()])
    fractions = {"test": test_fraction, "validation": validation_fraction}
    cuts = {name: share for name, share in fractions.items() if share > 0 and name not in brought}

    content = rows["content_hash"]
    is_free = (split == "train") & ~content.isin(content[split != "train"].dropna())
    moves = _cut(_distinct_images(rows[is_free], seed=seed), cuts)
    return split.mask(is_free & content.isin(moves), content.map(moves))


def _distinct_images(rows: pd.DataFrame, *, seed: int) -> pd.DataFrame:
    """One row per distinct content: its commonest label, its random `rank` in that class, the class's `n`.

    A content without any label, and images that were not read, are none.
    """
    counts = rows.groupby(["content_hash", "label"], observed=True).size().reset_index(name="n_copies")
    counts = counts.sort_values("n_copies", ascending=False, kind="stable")
    images = counts.drop_duplicates("content_hash").drop(columns="n_copies")
    order = random_order(images["content_hash"], seed=seed, purpose="split")
    by_class = images.iloc[order].groupby("label", observed=True)["label"]
    return images.iloc[order].assign(rank=by_class.cumcount(), n=by_class.transform("size").astype(int))


def _cut(images: pd.DataFrame, cuts: dict[str, float]) -> dict[str, str]:
    """By content hash, the split of each image that leaves training: the first ranks of each class."""
    images = images[images["n"] > len(cuts)]
    moves: dict[str, str] = {}
    begin = 0
    for n_later, (name, fraction) in zip(reversed(range(len(cuts))), cuts.items(), strict=True):
        share = np.floor(images["n"] * fraction + 0.5).clip(lower=1)
        end = np.minimum(begin + share, images["n"] - n_later - 1)  # one each for later cuts and training
        is_cut = (begin <= images["rank"]) & (images["rank"] < end)
        moves |= dict.fromkeys(images.loc[is_cut, "content_hash"], name)
        begin = end
    return moves


def sample_classes(rows: pd.DataFrame, *, max_per_class: int, seed: int) -> pd.Series:
    """Mask of a random sample of `max_per_class` images of each class and split; all without a label stay."""
    return _rank(rows, by=["label", "split"], seed=seed) < max_per_class


def sample_long_tail(
    rows: pd.DataFrame, *, classes: Sequence[str], imbalance_ratio: float, seed: int
) -> pd.Series:
    """Mask of a random sample with an exponentially long tail in training, as in Cui et al. (2019).

    Of the C `classes`, in their order, the n-th (from 0) keeps n_max · imbalance_ratio^(−n/(C−1)) training
    images, rounded, where n_max is the size of the largest; one that has fewer keeps them all. Everything
    else stays: validation and test, and images without a label.

    References
    ----------
    Y. Cui et al., "Class-Balanced Loss Based on Effective Number of Samples", CVPR 2019.
    """
    is_training = (rows["split"] == "train") & rows["label"].notna()
    n_max = rows.loc[is_training, "label"].value_counts().max()
    position = np.arange(len(classes)) / max(1, len(classes) - 1)
    kept = np.floor(n_max * float(imbalance_ratio) ** -position + 0.5).clip(min=1)
    limits = rows["label"].map(dict(zip(classes, kept, strict=True))).astype(float)
    return ~is_training | (_rank(rows, by=["label", "split"], seed=seed) < limits)


def _rank(rows: pd.DataFrame, *, by: list[str], seed: int) -> pd.Series:
    """Random rank of each image, from 0, among those that agree in `by`; −1 where one of these is null."""
    identity = rows["content_hash"].fillna(rows["path"])
    shuffled = rows.iloc[random_order(identity, seed=seed, purpose="sample")]
    rank = shuffled.groupby(by, observed=True).cumcount()
    return rank.reindex(rows.index).where(rows[by].notna().all(axis=1), -1)


def random_order(identities: pd.Series, *, seed: int, purpose: str) -> np.ndarray:
    """Positions that put `identities` into a random order, which depends on their text alone; ties stay."""
    key = f"{purpose} {seed}".encode()
    digests = [hashlib.blake2b(text.encode(), digest_size=8, key=key).digest() for text in identities]
    return np.argsort(np.frombuffer(b"".join(digests), dtype="<u8"), kind="stable")

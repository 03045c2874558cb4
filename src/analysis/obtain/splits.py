"""Training, validation and test split: which name means which, how missing ones are made, smaller samples.

Every random choice ranks images by a hash of the seed and their content. The choice therefore depends neither
on file names nor on the order of the files, copies of one image stay together, and a dataset that grows by a
few images keeps nearly all others where they were.
"""

from __future__ import annotations

import hashlib

import numpy as np
import pandas as pd

SPLITS = ["train", "validation", "test"]
SPLIT_NAMES = {
    "train": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
}


def split_named(name: str) -> str | None:
    """The split that a folder's name or a CSV's value means, in any case; None if it means none."""
    return SPLIT_NAMES.get(name.strip().casefold())


def complete_splits(
    rows: pd.DataFrame, *, validation_fraction: float, test_fraction: float, seed: int
) -> pd.Series:
    """The split of every row: the dataset's own where it has one, else one made here.

    Rows without a split are training images. From the training images a test and a validation split are
    cut, each only if the dataset brings none and its fraction is above 0. Each class is divided in
    proportion (stratified), its distinct images counted: n · fraction of them, rounded, at least one. Training
    keeps at least one. A class with fewer distinct images than there are splits to fill stays in training,
    and so do images without a label, those that cannot be read, and copies of an image that the dataset
    itself put in another split.

    Parameters
    ----------
    rows
        `label` (null if blank), `split` (null if the dataset gives none) and `content_hash` (null if unread).
    validation_fraction, test_fraction
        Of the training images before anything is cut. Their sum is below 1.

    Returns
    -------
    Series of "train", "validation" and "test", indexed as `rows`.
    """
    split = rows["split"].fillna("train")
    present = set(split)
    group = rows["content_hash"]
    fixed_elsewhere = group[split != "train"].dropna()
    is_divided = (split == "train") & rows["label"].notna() & group.notna() & ~group.isin(fixed_elsewhere)

    groups = _distinct_images(rows[is_divided], seed=seed)
    n = groups.groupby("label", sort=False)["label"].transform("size").to_numpy()
    cuts = {"test": test_fraction, "validation": validation_fraction}
    cuts = {name: fraction for name, fraction in cuts.items() if fraction > 0 and name not in present}
    is_divisible = n > len(cuts)
    begin = np.zeros(len(groups), dtype=int)
    for i, (name, fraction) in enumerate(cuts.items(), start=1):
        at_most = n - begin - 1 - (len(cuts) - i)  # leave one for training and each split still to be cut
        n_cut = np.clip(np.floor(n * fraction + 0.5).astype(int), 1, at_most.clip(min=1))
        is_cut = is_divisible & (groups["rank"] >= begin) & (groups["rank"] < begin + n_cut)
        split[is_divided & group.isin(groups.loc[is_cut, "content_hash"])] = name
        begin = begin + n_cut
    return split


def _distinct_images(rows: pd.DataFrame, *, seed: int) -> pd.DataFrame:
    """One row a distinct content: its commonest label, and its random rank from 0 within that label."""
    counts = (
        rows.groupby(["content_hash", "label"], observed=True, sort=True).size().rename("n").reset_index()
    )
    groups = counts.sort_values("n", ascending=False, kind="stable").drop_duplicates("content_hash")
    groups = groups.assign(key=random_keys(groups["content_hash"], seed=seed, purpose="split"))
    groups = groups.sort_values(["key", "content_hash"])
    return groups.assign(rank=groups.groupby("label", observed=True).cumcount())


def random_keys(subjects: pd.Series, *, seed: int, purpose: str) -> np.ndarray:
    """A uniform 64-bit number for each subject, the same for the same text, seed and purpose."""
    salt = f"{purpose} {seed}".encode()
    digests = b"".join(hashlib.blake2b(s.encode(), digest_size=8, key=salt).digest() for s in subjects)
    return np.frombuffer(digests, dtype="<u8")

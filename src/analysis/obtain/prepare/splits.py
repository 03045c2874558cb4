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
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components


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
        `label` (null if blank), `split` (null if the dataset gives none), `content_hash` (null if not read),
        `group` (null if in none): a patient, a camera, a session, which never straddles splits made here.
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

    unit = _units(rows)
    is_free = (split == "train") & ~unit.isin(unit[split != "train"].dropna())
    moves = _cut(_units_of_classes(rows[is_free].assign(unit=unit), seed=seed), cuts)
    return split.mask(is_free & unit.isin(moves), unit.map(moves))


def _units(rows: pd.DataFrame) -> pd.Series:
    """What goes to one split as a whole: the copies of an image, and the images of a group with their copies.

    An image that was not read, and is in no group, is in none.
    """
    if rows["group"].isna().all():
        return rows["content_hash"]
    is_in_one = rows["content_hash"].notna() | rows["group"].notna()
    known = rows[is_in_one]
    content = pd.factorize(known["content_hash"])[0]
    group = pd.factorize(known["group"])[0]
    n = len(known)
    ends = np.r_[np.where(content >= 0, n + content, range(n)), np.where(group >= 0, 2 * n + group, range(n))]
    links = coo_matrix((np.ones(2 * n), (np.tile(range(n), 2), ends)), shape=(3 * n, 3 * n))
    component = connected_components(links, directed=False)[1][:n]
    # named by what does not change as the dataset grows: the first of its groups, else its content
    names = known["group"].map(lambda name: f"group {name}", na_action="ignore").fillna(known["content_hash"])
    is_group = known["group"].notna()
    ordered = pd.DataFrame({"component": component, "name": names, "is_image": ~is_group})
    first = ordered.sort_values(["is_image", "name"], kind="stable").drop_duplicates("component")
    return pd.Series(component, known.index).map(first.set_index("component")["name"]).reindex(rows.index)


def _units_of_classes(rows: pd.DataFrame, *, seed: int) -> pd.DataFrame:
    """One row per unit, in random order: its commonest label, and the distinct images that it holds.

    A unit without any label is none.
    """
    counts = rows.groupby(["unit", "label"], observed=True).size().reset_index(name="n_rows")
    counts = counts.sort_values("n_rows", ascending=False, kind="stable")
    units = counts.drop_duplicates("unit").drop(columns="n_rows")
    n_distinct = rows.groupby("unit", observed=True)["content_hash"].nunique().clip(lower=1)
    order = random_order(units["unit"], seed=seed, purpose="split")
    return units.assign(n_distinct=units["unit"].map(n_distinct)).iloc[order]


def _cut(units: pd.DataFrame, cuts: dict[str, float]) -> dict[str, str]:
    """By its name, the split of each unit that leaves training: the first ones of each class."""
    moves: dict[str, str] = {}
    for _, of_class in units.groupby("label", observed=True):
        if len(of_class) <= len(cuts):
            continue
        names, sizes = of_class["unit"].to_numpy(), of_class["n_distinct"].to_numpy()
        begin = 0
        for n_later, (split, fraction) in zip(reversed(range(len(cuts))), cuts.items(), strict=True):
            share = max(1, np.floor(sizes.sum() * fraction + 0.5))
            n = _nearest_number(sizes[begin:], share)
            n = min(n, len(names) - n_later - 1 - begin)  # one each for later cuts and training
            moves |= dict.fromkeys(names[begin : begin + n], split)
            begin += n
    return moves


def _nearest_number(sizes: np.ndarray, share: float) -> int:
    """How many units, of these sizes in their order, come nearest to a share of images; at least one."""
    taken = np.cumsum(sizes)
    return 1 + int(np.abs(taken - share).argmin())


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

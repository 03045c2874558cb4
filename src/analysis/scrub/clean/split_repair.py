"""Splits without leaks: every group of copies on one side, with as few images moved as possible."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.dataset.copies import component_of


def repair_splits(images: pd.DataFrame, pairs: pd.DataFrame) -> pd.Series:
    """The split of every image, such that no pair of copies lies in two splits.

    Each connected group of copies that lies in several splits is moved to one of them: the one that leaves
    no class without an image where it had one, of these the one to which the fewest images have to move, of
    these the one after which classes (then splits) are nearest to the sizes that they had. Groups for which
    the number of moves decides come first, so that those for which it does not can balance them. Each choice
    is made once (greedily): together they need not be the best, but each image that leaks costs one move at
    most, and without a threat to a class the number of moves is the smallest possible.

    Parameters
    ----------
    images
        `label`, `split` (both categorical), `is_readable` and `is_dropped`, by `item_id`.
    pairs
        `item_id_a` and `item_id_b` of verified copies.

    Returns
    -------
    Series of the categories of `split`, indexed as `images`.
    """
    names = list(images["split"].cat.categories)
    group = component_of(pairs)
    there = images.loc[images.index.isin(group.index) & ~images["is_dropped"]]
    members = pd.DataFrame(
        {
            "split": there["split"].cat.codes,
            "label": there["label"].cat.codes,
            "group": group.loc[there.index],
        }
    )
    members = members[members.groupby("group")["split"].transform("nunique") > 1]
    balance = _Balance(images)
    codes = images["split"].cat.codes.copy()
    for ids, splits, labels in _in_order(members):
        costs = {split: balance.cost(splits, labels, split) for split in np.unique(splits)}
        target = min(costs, key=costs.__getitem__)
        balance.move(splits, labels, target)
        codes.loc[ids] = target
    return pd.Series(pd.Categorical.from_codes(codes, categories=names), index=images.index)


def _in_order(members: pd.DataFrame) -> list[tuple[pd.Index, np.ndarray, np.ndarray]]:
    """Ids, splits and labels of each group; those with one most frequent split first."""
    groups = [
        (rows.index, rows["split"].to_numpy(), rows["label"].to_numpy())
        for _, rows in members.groupby("group")
    ]
    return sorted(groups, key=lambda group: (_is_tied(group[1]), group[0].min()))


def _is_tied(splits: np.ndarray) -> bool:
    _, counts = np.unique(splits, return_counts=True)
    return bool((counts == counts.max()).sum() > 1)


class _Balance:
    """Images per class and split as they stand while groups are moved, and as they were.

    Images without a label or a picture are of no class: code −1, the last row.
    """

    def __init__(self, images: pd.DataFrame) -> None:
        counted = images[images["is_readable"] & ~images["is_dropped"]]
        shape = len(images["label"].cat.categories) + 1, len(images["split"].cat.categories)
        self.before = np.zeros(shape)
        np.add.at(self.before, (counted["label"].cat.codes, counted["split"].cat.codes), 1)
        self.now = self.before.copy()

    def _after(self, splits: np.ndarray, labels: np.ndarray, target: int) -> np.ndarray:
        counts = self.now.copy()
        np.subtract.at(counts, (labels, splits), 1)
        np.add.at(counts, (labels, target), 1)
        return counts

    def move(self, splits: np.ndarray, labels: np.ndarray, target: int) -> None:
        self.now = self._after(splits, labels, target)

    def cost(self, splits: np.ndarray, labels: np.ndarray, target: int) -> tuple[float, ...]:
        """Smaller is better; compared from left to right."""
        after = self._after(splits, labels, target)
        is_emptied = (after[:-1] <= 0) & (self.now[:-1] > 0)
        return (
            float(is_emptied[:, 0].sum()),  # training: what cannot be learnt is worse than what is not judged
            float(is_emptied.sum()),
            int((splits != target).sum()),
            self._deviation(after, np.unique(labels)),
            self._deviation(after.sum(axis=0, keepdims=True), None),
            -target,  # all else equal, what is judged on stays
        )

    def _deviation(self, counts: np.ndarray, labels: np.ndarray | None) -> float:
        """Squared differences to the sizes before, relative to these."""
        before = self.before.sum(axis=0, keepdims=True) if labels is None else self.before[labels]
        now = counts if labels is None else counts[labels]
        return round(float(((now - before) ** 2 / np.maximum(before, 1)).sum()), 9)

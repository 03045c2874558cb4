"""Which of the possible copies are taken for copies."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from analysis.scrub.duplicate_search.parameters import DETAIL_COLUMNS, SURE_SCORE
from analysis.scrub.duplicates.leaks import leaks_of


@dataclass(frozen=True)
class Copies:
    """The compared `images`, the `first` that stands for each, `pairs` of copies and `leaks`."""

    images: pd.DataFrame
    first: pd.Series
    pairs: pd.DataFrame
    leaks: pd.DataFrame


def copies_among(possible_copies: pd.DataFrame, images: pd.DataFrame, *, min_score: float) -> Copies:
    """The pairs that score at least `min_score`, and what follows from them.

    `possible_copies` is the table of the stage `duplicate_search`, `images` are those of `compared_images`.
    """
    exact = possible_copies[possible_copies["kind"] == "exact"]
    first = pd.Series(images.index, index=images.index)
    first.loc[exact["item_id_b"]] = exact["item_id_a"].to_numpy()
    pairs = _described(possible_copies[possible_copies["score"] >= min_score], images)
    return Copies(images, first, pairs, leaks_of(pairs, first, images))


def _described(pairs: pd.DataFrame, images: pd.DataFrame) -> pd.DataFrame:
    """With each image's path, split and label; leaks first, then by score."""
    for side in "ab":
        of_image = images[["path", "split", "label", "split_rank"]].add_suffix(f"_{side}")
        pairs = pairs.join(of_image, on=f"item_id_{side}", validate="m:1")
    crosses = pairs["split_rank_a"] != pairs["split_rank_b"]
    labelled = pairs["label_a"].notna() & pairs["label_b"].notna()
    contradicts = labelled & (pairs["label_a"].astype(str) != pairs["label_b"].astype(str))
    pairs = pairs.assign(crosses_splits=crosses, is_contradicting=contradicts)
    # Of copies one in some hundreds bears another label, of look-alikes (a plane and a bird, far off in the
    # sky) every other: where labels differ, a pair must be surer by about that factor.
    pairs = pairs[~contradicts | (pairs["score"] >= SURE_SCORE)]
    order = ["crosses_splits", "score", "item_id_a", "item_id_b"]
    pairs = pairs.sort_values(order, ascending=[False, False, True, True], ignore_index=True)
    return pairs[
        [f"{name}_{side}" for name in ("path", "split", "label") for side in "ab"]
        + ["kind", "change", "score", *DETAIL_COLUMNS, "hamming_distance", "is_contradicting"]
        + ["item_id_a", "item_id_b"]
    ]

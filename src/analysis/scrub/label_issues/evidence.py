"""Why a label is doubted: the images nearest to it of the class that is suggested, and of the one given."""

from __future__ import annotations

import numpy as np
import pandas as pd

N_NEAREST = 3
CHUNK_IMAGES = 500  # compared at once with all of a class
COLUMNS = [
    "item_id",
    "path",
    "shown_for",
    "label",
    "place",
    "neighbour_id",
    "neighbour_path",
    "cosine_similarity",
]
GIVEN, SUGGESTED = "given", "suggested"


def nearest_of_both_classes(table: pd.DataFrame, embeddings: np.ndarray) -> pd.DataFrame:
    """For each doubted label the nearest images, not doubted, labelled as it is and as is suggested.

    Parameters
    ----------
    table
        One row per image: `item_id`, `path`, `label`, `suggested_label`, `is_issue`, `score`.
    embeddings
        (n, d) unit vectors by `item_id`.

    Returns
    -------
    DataFrame
        At most `N_NEAREST` rows for each doubted label and each of its two classes, the nearest first.
    """
    doubted = table[table["is_issue"]]
    trusted = table[~table["is_issue"] & table["score"].notna()]
    by_class = {str(label): rows for label, rows in trusted.groupby(trusted["label"].astype(str))}
    parts = []
    for shown_for, column in ((GIVEN, "label"), (SUGGESTED, "suggested_label")):
        for label, images in doubted.groupby(doubted[column].astype(str), sort=True):
            if label in by_class:
                parts.append(_nearest(images, by_class[label], embeddings, shown_for, label))
    if not parts:
        return pd.DataFrame(columns=COLUMNS)
    order = {item_id: rank for rank, item_id in enumerate(doubted["item_id"])}
    found = pd.concat(parts, ignore_index=True)
    rank = found["item_id"].map(order)
    return found.assign(rank=rank).sort_values(["rank", "shown_for", "place"], ignore_index=True)[COLUMNS]


def _nearest(
    images: pd.DataFrame, others: pd.DataFrame, embeddings: np.ndarray, shown_for: str, label: str
) -> pd.DataFrame:
    ids = others["item_id"].to_numpy()
    vectors, n_shown = embeddings[ids], min(N_NEAREST, len(ids))
    nearest, similarity = [], []
    for start in range(0, len(images), CHUNK_IMAGES):
        cosines = embeddings[images["item_id"].to_numpy()[start : start + CHUNK_IMAGES]] @ vectors.T
        best = np.argsort(-cosines, axis=1, kind="stable")[:, :n_shown]
        nearest.append(best)
        similarity.append(np.take_along_axis(cosines, best, axis=1))
    places = np.concatenate(nearest).ravel()
    return pd.DataFrame(
        {
            "item_id": np.repeat(images["item_id"].to_numpy(), n_shown),
            "path": np.repeat(images["path"].to_numpy(object), n_shown),
            "shown_for": shown_for,
            "label": label,
            "place": np.tile(np.arange(1, n_shown + 1), len(images)),
            "neighbour_id": ids[places],
            "neighbour_path": others["path"].to_numpy(object)[places],
            "cosine_similarity": np.concatenate(similarity).ravel().round(3),
        }
    )

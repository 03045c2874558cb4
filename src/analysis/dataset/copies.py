"""Which images show one picture."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components


def component_of(pairs: pd.DataFrame) -> pd.Series:
    """Number of the connected component of each image in `pairs` (`item_id_a`, `item_id_b`), by its id."""
    ends = pairs[["item_id_a", "item_id_b"]].to_numpy(dtype=np.int64)
    ids, places = np.unique(ends, return_inverse=True)
    a, b = places.reshape(-1, 2).T  # older numpy gives them flat
    links = coo_matrix((np.ones(len(a), dtype=bool), (a, b)), shape=(len(ids), len(ids)))
    _, component = connected_components(links, directed=False)
    return pd.Series(component, index=pd.Index(ids, name="item_id"), dtype=np.int64)


def copy_groups(ids: pd.Index, pairs: pd.DataFrame) -> pd.Series:
    """Number of each image's group, by its id: its connected component in `pairs`, or a group of its own."""
    alone = pd.Series(-1 - np.arange(len(ids)), ids)  # numbers that no component has
    return component_of(pairs).reindex(ids).fillna(alone).astype(np.int64)


def path_of_copy(seekers: pd.Index, others: pd.Index, paths: pd.Series, pairs: pd.DataFrame) -> pd.Series:
    """The path of a copy among `others`, by `item_id`, for those `seekers` that have one.

    Exact copies are one picture: what is a near copy of one is a near copy of all. `pairs` need hold each of
    them with one other only.

    Parameters
    ----------
    seekers, others
        Ids of images, none in both.
    paths
        Of all images, by `item_id`.
    pairs
        `item_id_a`, `item_id_b` and `kind` (exact, near).
    """
    picture = copy_groups(paths.index, pairs[pairs["kind"] == "exact"])
    near = pairs[pairs["kind"] == "near"]
    a, b = (picture.loc[near[f"item_id_{side}"]].to_numpy() for side in "ab")
    shown = paths.loc[others].groupby(picture.loc[others]).first()
    neighbours = pd.Series(np.r_[a, b], index=np.r_[b, a])  # each picture's near copies, under its number
    of_neighbours = neighbours.map(shown).dropna()
    shown = pd.concat([shown, of_neighbours]).groupby(level=0).first()
    return picture.loc[seekers].map(shown).dropna()

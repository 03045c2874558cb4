"""Where images lie in the two spaces in which they are points, pixels and embeddings, and on their maps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

SPACES = ("embeddings", "thumbnails")
MIN_IMAGES = 20  # below, neither neighbours nor maps say anything
PER_NEIGHBOUR = ("distances", "neighbours", "map_neighbours")


@dataclass(frozen=True)
class Layout:
    """A space and its map. Neighbours are searched among the fitted images; `neighbours` names places.

    Attributes
    ----------
    positions
        (n, 2) float32.
    is_fitted
        (n,) whether t-SNE placed the image itself, rather than its nearest neighbours.
    distances, neighbours, map_neighbours
        (n, k), the nearest first: in the space, and on the map.
    """

    positions: np.ndarray
    is_fitted: np.ndarray
    distances: np.ndarray
    neighbours: np.ndarray
    map_neighbours: np.ndarray


Placed = tuple[np.ndarray, Layout]  # the (n,) `item_id` of each image, and where these lie


def tabulate_layouts(placed: Mapping[str, Placed]) -> pd.DataFrame:
    """One row per space and image, with a list per neighbour: see `Layout`, and `layouts_in` to read it."""
    columns = ["space", "item_id", "x", "y", "is_fitted", *PER_NEIGHBOUR]
    parts = [
        pd.DataFrame(
            {
                "space": space,
                "item_id": item_ids,
                "x": layout.positions[:, 0],
                "y": layout.positions[:, 1],
                "is_fitted": layout.is_fitted,
                **{name: list(getattr(layout, name)) for name in PER_NEIGHBOUR},
            }
        )
        for space, (item_ids, layout) in placed.items()
    ]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)


def layouts_in(table: pd.DataFrame) -> dict[str, Placed]:
    """By space, in the order of the table."""
    return {
        str(space): (
            rows["item_id"].to_numpy(),
            Layout(
                positions=rows[["x", "y"]].to_numpy(),
                is_fitted=rows["is_fitted"].to_numpy(),
                **{name: np.stack(rows[name].to_list()) for name in PER_NEIGHBOUR},
            ),
        )
        for space, rows in table.groupby("space", sort=False)
    }

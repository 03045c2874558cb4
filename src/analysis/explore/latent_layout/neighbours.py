"""Nearest neighbours: who they are, and whether a map keeps them."""

from __future__ import annotations

import faiss
import numpy as np
from scipy.stats import spearmanr

N_PAIRS = 20_000  # of images, whose distances in the space and on the map are compared


def find_neighbours(
    reference: np.ndarray, queries: np.ndarray, k: int, *, own_places: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The `k` nearest of `reference` (m, d) to each of `queries` (n, d), by Euclidean distance, exactly.

    Parameters
    ----------
    own_places
        (n,) where each query itself stands in `reference`, so that no image is its own neighbour.

    Returns
    -------
    tuple
        Distances and places in `reference`, both (n, k), the nearest first.
    """
    index = faiss.IndexFlatL2(reference.shape[1])
    index.add(np.ascontiguousarray(reference, dtype=np.float32))
    n_wanted = k if own_places is None else k + 1
    squares, places = index.search(np.ascontiguousarray(queries, dtype=np.float32), n_wanted)
    if own_places is not None:
        is_left_out = places == own_places[:, None]
        is_left_out[~is_left_out.any(axis=1), -1] = True  # hidden behind more than k copies of itself
        squares, places = squares[~is_left_out].reshape(-1, k), places[~is_left_out].reshape(-1, k)
    return np.sqrt(squares.clip(min=0)), places


def kept_fraction(neighbours: np.ndarray, map_neighbours: np.ndarray) -> np.ndarray:
    """(n,) share of each image's neighbours, both (n, k), that are its neighbours on the map too."""
    k = neighbours.shape[1]
    both = np.sort(np.concatenate([neighbours, map_neighbours], axis=1), axis=1)  # (n, 2k)
    return (both[:, 1:] == both[:, :-1]).sum(axis=1) / k


def distance_correlation(features: np.ndarray, positions: np.ndarray, *, seed: int) -> float:
    """Spearman's correlation of distances in the space and on the map, over random pairs of images."""
    first, second = np.random.default_rng(seed).integers(len(features), size=(2, N_PAIRS))
    is_pair = first != second
    distances = [
        np.linalg.norm(points[first[is_pair]] - points[second[is_pair]], axis=1)
        for points in (features, positions)
    ]
    if any(np.ptp(values) == 0 for values in distances):
        return np.nan
    return float(spearmanr(*distances).statistic)

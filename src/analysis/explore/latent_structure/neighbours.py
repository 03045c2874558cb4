"""Nearest neighbours: who they are, whether a map keeps them, and whether they bear the same label."""

from __future__ import annotations

import faiss
import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from analysis.statistics.proportions import proportion_of, wilson_interval

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


def label_purity(codes: np.ndarray, neighbours: np.ndarray) -> np.ndarray:
    """(n,) share of each image's labelled neighbours that bear its label; NaN where there is nothing to say.

    `codes` holds each image's class, -1 for none.
    """
    of_neighbours = codes[neighbours]
    n_labelled = (of_neighbours >= 0).sum(axis=1)
    purity = proportion_of((of_neighbours == codes[:, None]).sum(axis=1), n_labelled)
    return np.where(codes >= 0, purity, np.nan)


def purity_of_classes(codes: np.ndarray, purity: np.ndarray, n_classes: int) -> pd.DataFrame:
    """One row per class: `n_items`, `purity` and its 95% Wilson interval, `purity_low`, `purity_high`.

    The interval takes each image for one yes or no. Its neighbours say it more finely than that, but they
    are shared between images, so the wider interval is the honest one.
    """
    is_counted = np.isfinite(purity)
    n_items = np.bincount(codes[is_counted], minlength=n_classes)
    total = np.bincount(codes[is_counted], weights=purity[is_counted], minlength=n_classes)
    low, high = wilson_interval(total, n_items)
    return pd.DataFrame(
        {
            "n_items": n_items,
            "purity": proportion_of(total, n_items),
            "purity_low": low,
            "purity_high": high,
        }
    )


def mixed_with(codes: np.ndarray, neighbours: np.ndarray, n_classes: int) -> np.ndarray:
    """(n_classes,) the other class that most of a class's neighbours bear; -1 where they bear no other."""
    own = np.repeat(codes, neighbours.shape[1])
    theirs = codes[neighbours].ravel()
    is_other = (own >= 0) & (theirs >= 0) & (own != theirs)
    pairs = np.bincount(own[is_other] * n_classes + theirs[is_other], minlength=n_classes**2)
    counts = pairs.reshape(n_classes, n_classes)
    return np.where(counts.any(axis=1), counts.argmax(axis=1), -1)


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

"""Images unlike all others: less similar to their neighbourhood than chance allows."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import NormalDist

import numpy as np
import pandas as pd

from analysis.explore.latent_structure.views import View

UPPER_QUANTILE = 0.9  # of the scale; up to a tenth of outliers leave it as it is
MIN_SIMILARITY = 0.01  # beyond a right angle all is equally strange
COLUMNS = ["item_id", "similarity", "unlikeness_z", "excess", "is_outlier"]


def neighbourhood_similarity(distances: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """(n,) cosine similarity of each unit vector to the farthest of its (n, k) nearest neighbours.

    Strangers come in a few of one kind, which are neighbours of one another: the k-th tells them, the
    nearest does not. A rare class is no stranger: of a class of m images in `codes` (-1 for none) the
    neighbour is the one that half the class reaches, at most the k-th.
    """
    n, k = distances.shape
    sizes = np.bincount(codes[codes >= 0], minlength=1)
    reach = np.where(codes >= 0, np.minimum((sizes[codes] + 1) // 2, k), k)
    farthest = distances[np.arange(n), np.maximum(reach, 1) - 1]
    return np.maximum(1 - farthest.astype(float) ** 2 / 2, MIN_SIMILARITY)


def unlikeness_z(similarity: np.ndarray) -> np.ndarray:
    """(n,) robust z-score of the logarithm of the angle's tangent; NaN where there is no scale.

    For near vectors that is the logarithm of their distance. Far ones crowd at the longest distance that
    unit vectors can have, where a normal tail is out of reach; a tangent has no bound. Centre and scale come
    from the median and the 90th percentile: outliers do not hide themselves, and many copies do not make
    all else look unusual.
    """
    logs = 0.5 * np.log(np.maximum(1 / similarity**2 - 1, np.finfo(np.float32).eps))  # of copies 0
    centre, high = np.quantile(logs, [0.5, UPPER_QUANTILE])
    scale = (high - centre) / NormalDist().inv_cdf(UPPER_QUANTILE)
    return (logs - centre) / scale if scale > 0 else np.full(len(logs), np.nan)


def most_unusual(views: Mapping[str, View], *, significance_level: float) -> pd.DataFrame:
    """One row per embedded image, the most unusual first: `COLUMNS`.

    The z-score must exceed what chance reaches among so many images with a probability of
    `significance_level` (Bonferroni); `excess` is how many times it does, and from 1 on it is an outlier.
    Thumbnails are not judged: they see background, pose and brightness.
    """
    view = views.get("embeddings")
    if view is None:
        return pd.DataFrame({name: [] for name in COLUMNS}).astype({"is_outlier": bool})
    similarity = neighbourhood_similarity(view.layout.distances, view.codes)
    z = unlikeness_z(similarity)
    critical_z = -NormalDist().inv_cdf(significance_level / len(z))
    table = pd.DataFrame(
        {
            "item_id": view.item_ids,
            "similarity": similarity,
            "unlikeness_z": z,
            "excess": z / critical_z,
            "is_outlier": z >= critical_z,
        }
    )
    table = table.dropna(subset="excess")
    return table.sort_values(["excess", "item_id"], ascending=[False, True], ignore_index=True)

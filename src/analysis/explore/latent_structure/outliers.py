"""Images unlike all others: far from their nearest neighbours, and farther than those are from theirs."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import NormalDist

import numpy as np
import pandas as pd

UPPER_QUANTILE = 0.9  # of log distances; up to a tenth of outliers leave the scale as it is


def neighbour_distance_z(distances: np.ndarray) -> np.ndarray:
    """(n,) robust z-score of each image's mean distance to its (n, k) nearest neighbours, on a log scale.

    Centre and scale come from the median and the 90th percentile: outliers do not hide themselves, and a
    long tail of very near images (plain skies, copies) does not make far ones look usual. All NaN where the
    two are the same, and so there is no scale.
    """
    means = distances.mean(axis=1)
    logs = np.log(np.maximum(means, np.finfo(np.float32).tiny))  # of copies of one image the mean is 0
    centre, high = np.quantile(logs, [0.5, UPPER_QUANTILE])
    scale = (high - centre) / NormalDist().inv_cdf(UPPER_QUANTILE)
    return (logs - centre) / scale if scale > 0 else np.full(len(logs), np.nan)


def local_outlier_factor(distances: np.ndarray, neighbours: np.ndarray) -> np.ndarray:
    """(n,) how many times farther its neighbours are from an image than from theirs (Breunig et al. 2000).

    About 1 within a cloud, however thin the cloud. From the (n, k) nearest, as rows; 1 among copies.
    """
    reach = np.maximum(distances, distances[neighbours, -1])  # (n, k): no nearer than its own neighbourhood
    density = 1 / np.maximum(reach.mean(axis=1), np.finfo(np.float32).eps)
    return density[neighbours].mean(axis=1) / density


def measure_outliers(measured: Mapping[str, tuple[np.ndarray, np.ndarray, np.ndarray]]) -> pd.DataFrame:
    """One row per image and space: `item_id`, `space`, `neighbour_distance_z`, `local_outlier_factor`.

    `measured` holds, by space, (n,) item_ids, and (n, k) distances and neighbours as rows.
    """
    parts = [
        pd.DataFrame(
            {
                "item_id": item_ids,
                "space": space,
                "neighbour_distance_z": neighbour_distance_z(distances),
                "local_outlier_factor": local_outlier_factor(distances, neighbours),
            }
        )
        for space, (item_ids, distances, neighbours) in measured.items()
    ]
    columns = ["item_id", "space", "neighbour_distance_z", "local_outlier_factor"]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)


def most_unusual(outliers: pd.DataFrame, *, significance_level: float, min_factor: float) -> pd.DataFrame:
    """One row per image, in the space where it is most unusual, the most unusual first, with `is_outlier`.

    An image is an outlier if both measures say so: a distance may be long where a whole class is varied,
    and a factor high at the brim of a dense cloud. The z-score must exceed what chance reaches among so many
    images with a probability of `significance_level` (Bonferroni). `excess`, by which the rows are ordered,
    is how many times the threshold is reached that is reached least; at 1 and more it is an outlier.
    """
    critical_z = -NormalDist().inv_cdf(significance_level / max(len(outliers), 1))
    excess = np.minimum(
        outliers["neighbour_distance_z"] / critical_z, outliers["local_outlier_factor"] / min_factor
    )
    ranked = outliers.assign(excess=excess).dropna(subset="excess")
    ranked = ranked.sort_values(["excess", "item_id"], ascending=[False, True]).drop_duplicates("item_id")
    return ranked.assign(is_outlier=ranked["excess"] >= 1).reset_index(drop=True)

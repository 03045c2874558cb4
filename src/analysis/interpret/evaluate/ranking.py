"""How well the probabilities rank: the classes of an image (top-k), and the images of a class (AUROC, AP).

The intervals of AUROC and average precision are those of the infinitesimal jackknife (Efron 1982): each
image's influence on the measure is written down exactly, and their variance is that of the measure. For AUROC
this is the method of DeLong et al. (1988). No image is drawn again, so a thousand classes take seconds, and
since influences of one image add up, the mean over classes gets its interval too.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from analysis.statistics.auroc import share_below
from analysis.statistics.proportions import Z_95

TOP_K = (2, 3, 5)
MEASURES = ("auroc", "average_precision")


def top_k_accuracies(probabilities: np.ndarray, actual: np.ndarray) -> dict[str, float]:
    """Share of images whose class is among the k most probable, for each of `TOP_K`.

    NaN where k reaches the number of classes, for then nothing could be wrong. Of equal probabilities the
    class that comes first counts as the more probable, as in the prediction itself.
    """
    n_classes = probabilities.shape[1]
    own = probabilities[np.arange(len(actual)), actual][:, None]
    is_ahead = (probabilities > own) | (
        (probabilities == own) & (np.arange(n_classes)[None, :] < actual[:, None])
    )
    place = is_ahead.sum(axis=1)
    return {
        f"top_{k}_accuracy": float((place < k).mean()) if k < n_classes and len(actual) else np.nan
        for k in TOP_K
    }


def one_vs_rest(
    probabilities: np.ndarray, actual: np.ndarray, classes: Sequence[str]
) -> tuple[pd.DataFrame, dict[str, float]]:
    """AUROC and average precision of each class's probability, its images against all others.

    Parameters
    ----------
    probabilities
        (N, C)
    actual
        (N,) class indices.

    Returns
    -------
    per_class
        One row per class: `label`, `n_items`, and both measures with their 95% intervals. NaN for a class
        that has no images, or all of them.
    overall
        `macro_auroc` and `macro_average_precision`, means over the classes that have a value, with
        `…_low` and `…_high`.
    """
    n = len(actual)
    rows, influences = [], {measure: np.zeros(n) for measure in MEASURES}
    for index, label in enumerate(classes):
        is_of_class = actual == index
        row = {"label": label, "n_items": int(is_of_class.sum())}
        is_judged = 0 < row["n_items"] < n
        for measure, kernel in zip(MEASURES, (auroc_influence, average_precision_influence), strict=True):
            value, influence = kernel(probabilities[:, index], is_of_class) if is_judged else (np.nan, np.nan)
            row |= _with_interval(measure, value, influence)
            influences[measure] += influence if is_judged else 0
        rows.append(row)
    per_class = pd.DataFrame(rows)
    overall: dict[str, float] = {}
    for measure in MEASURES:
        n_judged = per_class[measure].count()
        mean_influence = influences[measure] / n_judged if n_judged else np.nan
        overall |= _with_interval(f"macro_{measure}", per_class[measure].mean(), mean_influence)
    return per_class, overall


def auroc_influence(scores: np.ndarray, is_positive: np.ndarray) -> tuple[float, np.ndarray]:
    """Area under the ROC curve, ties counted half, and the influence of each image on it, (N,)."""
    n, n_positive = len(scores), is_positive.sum()
    influence = np.empty(n)
    above = share_below(np.sort(scores[~is_positive]), scores[is_positive])
    below = 1 - share_below(np.sort(scores[is_positive]), scores[~is_positive])
    area = above.mean()
    influence[is_positive] = (above - area) * n / n_positive
    influence[~is_positive] = (below - area) * n / (n - n_positive)
    return float(area), influence


def average_precision_influence(scores: np.ndarray, is_positive: np.ndarray) -> tuple[float, np.ndarray]:
    """Average precision, and the influence of each image on it, (N,).

    With TP(t) and N(t) the positive and all images that score at least t, it is the mean over positive images
    of their precision TP/N at their own score. An image weighs in that mean itself, and in the precision at
    every score up to its own.
    """
    n, n_positive = len(scores), is_positive.sum()
    levels, level_of = np.unique(scores, return_inverse=True)  # ascending; equal scores share a level
    n_at = np.bincount(level_of, minlength=len(levels))
    positive_at = np.bincount(level_of, weights=is_positive, minlength=len(levels))
    n_from, positive_from = n_at[::-1].cumsum()[::-1], positive_at[::-1].cumsum()[::-1]
    precision = positive_from / n_from
    value = (positive_at * precision).sum() / n_positive
    gain = np.cumsum(positive_at / n_from)  # of a positive image, over the levels up to its own
    loss = np.cumsum(positive_at * precision / n_from)  # of any image
    influence = is_positive * (precision - value + gain)[level_of] - loss[level_of]
    return float(value), influence * n / n_positive


def _with_interval(name: str, value: float, influence: np.ndarray | float) -> dict[str, float]:
    half = Z_95 * np.std(influence) / np.sqrt(np.size(influence))
    return {name: value, f"{name}_low": max(value - half, 0.0), f"{name}_high": min(value + half, 1.0)}

"""What is usual in a dataset, and in each of the kinds of images in it, as far as its own images tell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm
from sklearn.tree import DecisionTreeRegressor

KIND_COLUMNS = ("brightness_p25", "brightness_p50", "brightness_p75", "colourfulness", "is_greyscale")
MIN_KIND_FRACTION, MIN_KIND_IMAGES = 0.2, 20  # a fault that fewer images have makes no kind of its own
MIN_EXPLAINED = 0.3  # of the variance, by kinds: less, and the dataset is taken for one kind
CENTRAL = (0.1, 0.9)  # quantiles beyond which values say nothing of kinds: there may be faults
TAIL = 0.1  # of a kind's images: so many in a softer kind of their own are usual too, and widen its spread
MIN_LOG_SPREAD = 0.25  # of one kind: where its images are all alike, a third less is still usual
MAX_ROUNDS = 5
MAX_FLAGGED = 0.3  # of the images: more are no exception


@dataclass(frozen=True)
class Usual:
    """How far each of (n,) positive values lies from what is usual in its kind; NaN where it is missing.

    Attributes
    ----------
    deviations
        In spreads of the logarithm, negative below the median.
    medians, spreads
        Of each value's kind: the median itself, and the spread of the logarithm.
    limit
        Deviation below which a value is unusually low.
    """

    deviations: NDArray[np.float64]
    medians: NDArray[np.float64]
    spreads: NDArray[np.float64]
    limit: float


def kinds_of(images: pd.DataFrame, values: NDArray[np.float64]) -> NDArray[np.int64]:
    """The kind of each image, (n,): leaves of a tree of depth 2 that tells `values` by light and colour.

    These hardly change when an image is blurred. All are 0 unless the kinds explain much of the difference,
    as where drawings, X-rays and photographs lie in one dataset.
    """
    is_known = np.isfinite(values)
    smallest = max(MIN_KIND_IMAGES, int(MIN_KIND_FRACTION * is_known.sum()))
    if is_known.sum() < 2 * smallest:
        return np.zeros(len(values), np.int64)
    of_light = images[list(KIND_COLUMNS)].astype(float).to_numpy(float, na_value=0)
    logs = np.log(values[is_known])
    central = logs.clip(*np.quantile(logs, CENTRAL))
    tree = DecisionTreeRegressor(max_depth=2, min_samples_leaf=smallest, random_state=0)
    tree.fit(of_light[is_known], central)
    if tree.score(of_light[is_known], central) < MIN_EXPLAINED:
        return np.zeros(len(values), np.int64)
    return tree.apply(np.nan_to_num(of_light))


def usual(values: NDArray[np.float64], kinds: NDArray[np.int64], *, false_share: float) -> Usual:
    """Which values are unusually low in their kinds, so that of those at most `false_share` are usual ones.

    The usual values of a kind are taken for log-normal about the median. Their spread is the larger of what
    the lower half's median distance and the distance of the lowest tenth give, so that a softer kind which no
    tree told apart counts as usual. Which are too low is decided by Benjamini and Hochberg (1995): the more
    of them, the nearer to the middle the limit may lie. Those that were found are left out of the spread, and
    it is decided again, until nothing changes, so that faults do not hide one another.
    """
    logs = np.log(values)
    is_known = np.isfinite(logs)
    is_usual = is_known.copy()
    for _ in range(MAX_ROUNDS):
        medians, spreads = np.full((2, len(logs)), np.nan)
        for kind in np.unique(kinds[is_known]):
            members = kinds == kind
            of_kind = logs[members & is_usual]
            if len(of_kind) == 0:
                of_kind = logs[members & is_known]
            medians[members], spreads[members] = np.median(of_kind), _lower_spread(of_kind)
        deviations = (logs - medians) / spreads
        limit = _limit(deviations[is_known], false_share)
        is_low = is_known & (deviations < limit)
        if np.array_equal(is_usual, is_known & ~is_low) or is_low.sum() > MAX_FLAGGED * is_known.sum():
            break
        is_usual = is_known & ~is_low
    return Usual(deviations, np.exp(medians), spreads, limit)


def _lower_spread(logs: NDArray[np.float64]) -> float:
    middle = np.median(logs)
    of_half = np.median(middle - logs[logs <= middle]) / norm.ppf(0.75)
    of_tail = (middle - np.quantile(logs, TAIL)) / norm.ppf(1 - TAIL)
    return max(MIN_LOG_SPREAD, of_half, of_tail)


def _limit(deviations: NDArray[np.float64], false_share: float) -> float:
    """Where none is low enough, the limit for a single one."""
    n = len(deviations)
    allowed = false_share * np.arange(1, n + 1) / n
    passed = np.flatnonzero(norm.cdf(np.sort(deviations)) <= allowed)
    return float(norm.ppf(allowed[passed[-1]] if len(passed) else allowed[0]))

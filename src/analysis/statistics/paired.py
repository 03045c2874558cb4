"""Intervals and tests of differences that were measured on the same images, classes or seeds.

Of n images `n_gained` are right after a change and were not before, `n_lost` the other way round. Every
difference is gained minus lost: positive is better.
"""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr, stdtr, stdtrit
from scipy.stats import binom

from analysis.statistics.proportions import Z_95, proportion_of, wilson_interval

N_BISECTIONS = 50  # halvings of [-1, 1]: far below what rounding leaves


def newcombe_interval(
    n_gained: np.ndarray, n_lost: np.ndarray, n: np.ndarray, *, n_both: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """95% interval of `(n_gained - n_lost) / n` of pairs (Newcombe 1998, method 10); NaN of none."""
    n_neither = n - n_both - n_gained - n_lost
    after, before = proportion_of(n_both + n_gained, n), proportion_of(n_both + n_lost, n)
    after_low, after_high = wilson_interval(n_both + n_gained, n)
    before_low, before_high = wilson_interval(n_both + n_lost, n)
    margins = (
        (n_both + n_gained) * (n_lost + n_neither).astype(float) * (n_both + n_lost) * (n_gained + n_neither)
    )
    covariance = n_both * n_neither - n_gained * n_lost.astype(float)
    corrected = np.where(covariance > 0, np.maximum(covariance - n / 2, 0), covariance)
    correlation = np.divide(corrected, np.sqrt(margins), out=np.zeros(len(n)), where=margins > 0)

    def distance(one: np.ndarray, other: np.ndarray) -> np.ndarray:
        return np.sqrt(np.maximum(one**2 - 2 * correlation * one * other + other**2, 0))

    low = after - before - distance(after - after_low, before_high - before)
    high = after - before + distance(after_high - after, before - before_low)
    return low, high


def accuracy_gain(before: np.ndarray, after: np.ndarray) -> tuple[float, float, float]:
    """By how much more of the same images are right, boolean (n,), after than before; its 95% interval."""
    n_gained, n_lost, n_both = (
        np.array([mask.sum()]) for mask in (after & ~before, before & ~after, before & after)
    )
    n = np.array([len(before)])
    low, high = newcombe_interval(n_gained, n_lost, n, n_both=n_both)
    return float(proportion_of(n_gained - n_lost, n)[0]), float(low[0]), float(high[0])


def mean_interval(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean over the last axis and the ends of its 95% interval (Student 1908).

    Nothing has no mean, and a single value no interval: NaN. Few values that happen to be equal make it too
    narrow.
    """
    n = values.shape[-1]
    unknown = np.full(values.shape[:-1], np.nan)
    if n == 0:
        return unknown, unknown, unknown
    mean = values.mean(axis=-1)
    if n == 1:
        return mean, unknown, unknown
    half = stdtrit(n - 1, 0.975) * values.std(axis=-1, ddof=1) / np.sqrt(n)
    return mean, mean - half, mean + half


def mcnemar_p_value(n_gained: np.ndarray, n_lost: np.ndarray, n: np.ndarray) -> np.ndarray:
    """Two-sided p-value against no difference, by McNemar's exact test (1947); NaN of no pairs."""
    n_changed = n_gained + n_lost
    p_value = np.minimum(2 * binom.cdf(np.minimum(n_gained, n_lost), n_changed, 0.5), 1)
    return np.where(n > 0, p_value, np.nan)


def fall_p_value(n_gained: np.ndarray, n_lost: np.ndarray, n: int, *, margin: float) -> np.ndarray:
    """One-sided p-value that a proportion has fallen by no more than `margin`, by Tango's (1998) score test.

    At a margin of 0 it is McNemar's test.
    """
    return ndtr(-_tango_z(n_lost, n_gained, n, np.full(np.shape(n_lost), margin)))


def tango_interval(n_gained: np.ndarray, n_lost: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """95% interval of `(n_gained - n_lost) / n` of pairs: what Tango's (1998) score test does not reject."""
    ends = []
    for z in (Z_95, -Z_95):
        low, high = np.full(np.shape(n_lost), -1.0), np.full(np.shape(n_lost), 1.0)
        for _ in range(N_BISECTIONS):  # z falls as the difference that is tested grows
            middle = (low + high) / 2
            is_above = _tango_z(n_gained, n_lost, n, middle) > z
            low, high = np.where(is_above, middle, low), np.where(is_above, high, middle)
        ends.append((low + high) / 2)
    return ends[0], ends[1]


def _tango_z(n_more: np.ndarray, n_less: np.ndarray, n: int, difference: np.ndarray) -> np.ndarray:
    """Score statistic of the hypothesis that the one share exceeds the other by `difference`."""
    # the most likely lesser share under the hypothesis solves 2n q² + b q + c = 0
    b = (2 * n - n_more + n_less) * difference - n_more - n_less
    c = -n_less * difference * (1 - difference)
    less = (np.sqrt(np.maximum(b**2 - 8 * n * c, 0)) - b) / (4 * n)
    surplus = n_more - n_less - n * difference
    variance = n * (2 * less + difference * (1 - difference))
    return np.divide(
        surplus, np.sqrt(np.maximum(variance, 0)), out=np.zeros(np.shape(surplus)), where=variance > 0
    )


def t_interval(differences: np.ndarray) -> dict[str, float]:
    """Mean of paired differences with its 95% t interval and two-sided p-value against none (Student 1908).

    NaN for an interval from fewer than two; where all are equal it has no width, and there is no p-value.
    """
    known = differences[~np.isnan(differences)]
    n = len(known)
    mean = known.mean() if n else np.nan
    error = known.std(ddof=1) / np.sqrt(n) if n > 1 else np.nan
    half = stdtrit(n - 1, 0.975) * error if n > 1 else np.nan
    p_value = 2 * stdtr(n - 1, -abs(mean / error)) if n > 1 and error > 0 else np.nan
    return {
        "n_seeds": n,
        "difference": float(mean),
        "difference_low": float(mean - half),
        "difference_high": float(mean + half),
        "p_value": float(p_value),
    }

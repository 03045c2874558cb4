"""Tests by rank for differences between groups, with effect sizes, and a correction for many tests.

A p-value says whether a difference can be luck, an effect size whether it matters; with enough images every
difference is significant, so flags ask for both. The effect size here is Cliff's delta (Cliff 1993): the
probability that a value of the first group exceeds one of the second, minus the probability of the reverse.
It lies in [-1, 1], needs no distribution, and is `2 * AUROC - 1` of the value as a classifier of the group.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import chdtrc, ndtr

# share of the rank variance below which all values are equal; a single one that differs among n leaves 3 / n
ALL_ALIKE = 1e-12


def holm(p_values: np.ndarray) -> np.ndarray:
    """Adjust p-values for their number (Holm 1979); NaN, a test that could not be made, stays NaN."""
    p_values = np.asarray(p_values, dtype=float)
    adjusted = np.full(len(p_values), np.nan)
    order = np.argsort(p_values)[: np.isfinite(p_values).sum()]  # NaN sorts last
    factors = np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(p_values[order] * factors), 1.0)
    return adjusted


def kruskal_wallis(values: np.ndarray, codes: np.ndarray) -> dict[str, float]:
    """Whether groups differ in a value at all, and how much of its rank variance they explain.

    Parameters
    ----------
    values
        (n,) finite values.
    codes
        (n,) group of each value, from 0.

    Returns
    -------
    dict
        `kruskal_h` (corrected for ties), `p_value` (chi-square approximation) and `eta_squared`,
        `(H - k + 1) / (n - k)` after Tomczak and Tomczak (2014): 0 none, 1 all; about 0 by chance, whatever
        the number of groups k. NaN where fewer than two groups have values.
    """
    n_by_group = np.bincount(codes)
    occupied = n_by_group > 0
    n, k = len(values), int(occupied.sum())
    if k < 2 or n <= k:
        return {"kruskal_h": np.nan, "p_value": np.nan, "eta_squared": np.nan}
    spread = 1 - _tie_term(values) / (n**3 - n)
    if spread < ALL_ALIKE:
        return {"kruskal_h": 0.0, "p_value": 1.0, "eta_squared": 0.0}
    rank_sums = np.bincount(codes, weights=pd.Series(values).rank())
    squares = (rank_sums[occupied] ** 2 / n_by_group[occupied]).sum()
    h = (12 / (n * (n + 1)) * squares - 3 * (n + 1)) / spread
    return {
        "kruskal_h": h,
        "p_value": float(chdtrc(k - 1, h)),
        "eta_squared": max(0.0, (h - k + 1) / (n - k)),
    }


def each_against_rest(values: np.ndarray, codes: np.ndarray, n_groups: int) -> pd.DataFrame:
    """Cliff's delta of each group against all other values, with the Mann-Whitney p-value.

    Returns
    -------
    DataFrame
        One row per group: `cliffs_delta` (positive: the group's values are higher), `p_value`. NaN where the
        group or its rest is empty.
    """
    ranks = pd.Series(values, dtype=float).rank()
    n_first = np.bincount(codes, minlength=n_groups)
    rank_sums = np.bincount(codes, weights=ranks, minlength=n_groups)
    return _mann_whitney(rank_sums, n_first, len(values) - n_first, _tie_term(values))


def first_against_second(
    values: np.ndarray, is_first: np.ndarray, strata: np.ndarray, n_strata: int
) -> pd.DataFrame:
    """Cliff's delta of the values where `is_first` against the others, within each stratum.

    Returns
    -------
    DataFrame
        One row per stratum: `n_first`, `n_second`, `cliffs_delta` (positive: the first group's values are
        higher), `p_value`. NaN where a group is empty.
    """
    table = pd.DataFrame({"value": np.asarray(values, dtype=float), "stratum": strata})
    ranks = table.groupby("stratum")["value"].rank()
    tied = table.groupby(["stratum", "value"]).size().astype(float)
    ties = (tied**3 - tied).groupby(level="stratum").sum().reindex(range(n_strata), fill_value=0.0)
    n_first = np.bincount(strata, weights=is_first, minlength=n_strata).astype(int)
    n_second = np.bincount(strata, minlength=n_strata) - n_first
    rank_sums = np.bincount(strata, weights=ranks * is_first, minlength=n_strata)
    result = _mann_whitney(rank_sums, n_first, n_second, ties.to_numpy())
    return result.assign(n_first=n_first, n_second=n_second)


def _tie_term(values: np.ndarray) -> float:
    """The sum of t³ - t over every run of t equal values."""
    counts = np.unique(values, return_counts=True)[1].astype(float)
    return float((counts**3 - counts).sum())


def _mann_whitney(
    rank_sum: np.ndarray, n_first: np.ndarray, n_second: np.ndarray, ties: np.ndarray | float
) -> pd.DataFrame:
    """Effect and two-sided p-value (normal approximation, corrected for ties, no continuity correction)."""
    n_first, n_second = n_first.astype(float), n_second.astype(float)
    n = n_first + n_second
    with np.errstate(invalid="ignore", divide="ignore"):
        auroc = (rank_sum - n_first * (n_first + 1) / 2) / (n_first * n_second)
        spread = 1 - ties / (n**3 - n)
        z = (auroc - 0.5) / np.sqrt(spread * (n + 1) / (12 * n_first * n_second))
    p_value = np.where(spread < ALL_ALIKE, 1.0, 2 * ndtr(-np.abs(z)))
    p_value[np.isnan(auroc)] = np.nan
    return pd.DataFrame({"cliffs_delta": 2 * auroc - 1, "p_value": p_value})

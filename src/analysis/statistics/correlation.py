"""Rank correlation."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from analysis.statistics.proportions import Z_95

MIN_FOR_INTERVAL = 5  # pairs of values


def rank_correlation(x: pd.Series, y: pd.Series) -> tuple[float, float, float]:
    """Spearman's correlation and its 95% interval (Bonett and Wright 2000); NaN if either is constant."""
    if min(x.nunique(), y.nunique()) < 2:
        return np.nan, np.nan, np.nan
    correlation = float(x.rank().corr(y.rank()))
    if len(x) < MIN_FOR_INTERVAL or abs(correlation) >= 1:
        return correlation, np.nan, np.nan
    half = Z_95 * np.sqrt((1 + correlation**2 / 2) / (len(x) - 3))
    low, high = np.tanh(np.arctanh(correlation) + np.array([-half, half]))
    return correlation, float(low), float(high)


def rank_correlation_of_maps(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Spearman's correlation of each pair of maps (N, H, W), over pixels: (N,), NaN where one is constant."""
    ranks = [rankdata(maps.reshape(len(maps), -1), axis=1) for maps in (first, second)]
    centred = [rank - rank.mean(axis=1, keepdims=True) for rank in ranks]
    spread = np.sqrt((centred[0] ** 2).sum(axis=1) * (centred[1] ** 2).sum(axis=1))
    product = (centred[0] * centred[1]).sum(axis=1)
    return np.divide(product, spread, out=np.full(len(first), np.nan), where=spread > 0)

"""How far a statistic would move on other images of the same source: the bootstrap (Efron 1979).

Every statistic of a table is computed on the same resamples, so that the difference of two of them is paired:
what both owe to the images drawn cancels out.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

CHUNK_VALUES = 4_000_000  # of resamples times images held at once: 32 MB


def chunks_of(n_resamples: int, n_items: int) -> Iterator[int]:
    """Sizes of the portions in which resamples are drawn; memory is bounded whatever their number."""
    size = max(1, CHUNK_VALUES // max(n_items, 1))
    for start in range(0, n_resamples, size):
        yield min(size, n_resamples - start)


def bootstrap_means(values: np.ndarray, *, n_resamples: int, seed: int) -> np.ndarray:
    """Column means of `values` (N, K) over each of `n_resamples` resamples of the rows -> (n_resamples, K).

    The same seed and N give the same resamples, whatever the columns.
    """
    n = len(values)
    rng = np.random.default_rng(seed)
    means = []
    for size in chunks_of(n_resamples, n):
        times_drawn = [np.bincount(rng.integers(n, size=n), minlength=n) for _ in range(size)]
        means.append(np.array(times_drawn, dtype=float) @ values / n)  # (size, N) @ (N, K)
    return np.concatenate(means)


def percentile_interval(resampled: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The ends of the 95% interval of each column; a resample in which it has no value (NaN) is left out."""
    low, high = np.nanpercentile(resampled, [2.5, 97.5], axis=0)
    return low, high


def basic_interval(estimate: np.ndarray, resampled: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The ends of the 95% interval of each column of a biased statistic (Davison & Hinkley 1997, 5.2).

    What resampling adds to the statistic on average, it has added once already: the interval is that of the
    resamples turned around the estimate, which takes the bias off.
    """
    low, high = percentile_interval(resampled)
    return 2 * estimate - high, 2 * estimate - low

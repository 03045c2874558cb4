"""How sure a proportion is."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np

Z_95 = NormalDist().inv_cdf(0.975)  # half width of a two-sided 95% interval, in standard errors


def proportion_of(n_successes: np.ndarray | int, n: np.ndarray | int) -> np.ndarray:
    """`n_successes / n`, element by element; NaN where `n` is 0."""
    n = np.asarray(n, dtype=float)
    shape = np.broadcast_shapes(np.shape(n_successes), n.shape)
    return np.divide(n_successes, n, out=np.full(shape, np.nan), where=n > 0)


def wilson_interval(n_successes: np.ndarray | int, n: np.ndarray | int) -> tuple[np.ndarray, np.ndarray]:
    """The ends of a proportion's 95% interval (Wilson 1927), also of few and of 0 or all; NaN of none."""
    n = np.where(np.asarray(n) > 0, n, np.nan)
    proportion = np.asarray(n_successes) / n
    centre = (proportion + Z_95**2 / (2 * n)) / (1 + Z_95**2 / n)
    half = Z_95 / (1 + Z_95**2 / n) * np.sqrt(proportion * (1 - proportion) / n + Z_95**2 / (4 * n**2))
    return np.clip(centre - half, 0, 1), np.clip(centre + half, 0, 1)

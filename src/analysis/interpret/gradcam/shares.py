"""How much of an attribution lies in a region, and whether that is more than architecture puts there.

The null are networks of random weights on the same images: padding, strides and the pictures themselves
draw attribution to some places whatever has been learnt.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from analysis.statistics.missing import mean_of_present
from analysis.statistics.rank_tests import holm

N_SIGN_PATTERNS = 19_999  # at most, of a test; the smallest p-value of many images is 1 / 20,000


def border_weights(side_px: int, border_fraction: float) -> np.ndarray:
    """float64 (side_px, side_px): how much of each pixel lies in the outer ring of that width.

    `border_fraction` is the ring's width as a fraction of the side; pixels that it cuts count in part.
    """
    width = border_fraction * side_px
    left = np.arange(side_px)
    inner = np.clip(np.minimum(left + 1, side_px - width) - np.maximum(left, width), 0, 1)
    return 1 - np.outer(inner, inner)


def share_inside(maps: np.ndarray, region: np.ndarray) -> np.ndarray:
    """Share of each map (N, H, W) in a region, (H, W) or (N, H, W) in [0, 1]: (N,); NaN of a map of zeros."""
    total = maps.sum(axis=(1, 2), dtype=float)
    inside = (maps.astype(float) * region).sum(axis=(1, 2))
    return np.divide(inside, total, out=np.full(len(maps), np.nan), where=total > 0)


def sign_flip_p_values(differences: np.ndarray, *, seed: int) -> np.ndarray:
    """One-sided p-value of each row of paired differences (m, n) having a mean above 0; NaN without pairs.

    Under the null a difference is as likely to have the other sign (Fisher 1935). All 2ⁿ patterns of signs
    are tried, or of many `N_SIGN_PATTERNS` drawn at random. A missing pair is NaN and does not count.
    """
    n = differences.shape[1]
    if 2**n <= N_SIGN_PATTERNS:
        signs = 1.0 - 2.0 * (np.arange(2**n)[:, None] >> np.arange(n) & 1)
    else:
        drawn = np.random.default_rng(seed).integers(0, 2, size=(N_SIGN_PATTERNS, n))
        signs = np.vstack([np.ones(n), 2.0 * drawn - 1])
    present = np.isfinite(differences)
    values = np.where(present, differences, 0.0)
    flipped = signs @ values.T  # (patterns, m); the first pattern flips none
    tolerance = 1e-12 * np.abs(values).sum(axis=1)
    p_values = (flipped >= flipped[0] - tolerance).mean(axis=0)
    return np.where(present.any(axis=1), p_values, np.nan)


def compare_with_random(trained: np.ndarray, random: np.ndarray, *, seed: int) -> dict[str, float]:
    """Shares of one class's images under the trained network (n,) against m of random weights (m, n).

    Returns
    -------
    dict
        `n_images` with a share; `share`, their mean, with its 95% interval; `random_share`, the mean over
        random networks, and that of those with the lowest and the highest; `effect_size`, the mean paired
        difference to the random networks' mean in its standard deviations (Cohen's d_z); `p_value` of the
        hypothesis that at least one random network puts as much there: the largest of the tests against each.
    """
    differences = trained - random
    network_shares = np.array([mean_of_present(shares) for shares in random])
    differences_to_mean = np.array([mean_of_present(of_image) for of_image in differences.T])
    p_values = sign_flip_p_values(differences, seed=seed)
    low, high = _interval_of_mean(trained)
    return {
        "n_images": int(np.isfinite(trained).sum()),
        "share": mean_of_present(trained),
        "share_low": low,
        "share_high": high,
        "random_share": mean_of_present(network_shares),
        "random_share_low": _extreme(network_shares, np.min),
        "random_share_high": _extreme(network_shares, np.max),
        "effect_size": _standardised_mean(differences_to_mean),
        "p_value": _extreme(p_values, np.max),
    }


def _extreme(values: np.ndarray, extreme: Callable[[np.ndarray], float]) -> float:
    present = values[np.isfinite(values)]
    return float(extreme(present)) if len(present) else float("nan")


def _interval_of_mean(values: np.ndarray) -> tuple[float, float]:
    """The ends of the mean's 95% interval by Student's t, within [0, 1]; NaN of fewer than two values."""
    values = values[np.isfinite(values)]
    n = len(values)
    if n < 2:
        return float("nan"), float("nan")
    half = stdtrit(n - 1, 0.975) * values.std(ddof=1) / np.sqrt(n)
    return max(0.0, float(values.mean() - half)), min(1.0, float(values.mean() + half))


def _standardised_mean(values: np.ndarray) -> float:
    values = values[np.isfinite(values)]
    spread = values.std(ddof=1) if len(values) > 1 else 0.0
    return float(values.mean() / spread) if spread > 0 else float("nan")


def flag_shares(
    tests: pd.DataFrame, *, is_faithful: bool, significance_level: float, min_excess_share: float
) -> pd.DataFrame:
    """Rows of `compare_with_random` with `p_value` corrected for their number, `excess_share`, `is_flagged`.

    Flagged is a share surely above every random network's, and above the highest by the margin; none if the
    maps are not faithful: where they lie says nothing then.
    """
    p_values = holm(tests["p_value"].to_numpy())
    excess = tests["share"] - tests["random_share_high"]
    is_flagged = (p_values < significance_level) & (excess > min_excess_share) & is_faithful
    return tests.assign(p_value=p_values, excess_share=excess, is_flagged=is_flagged)

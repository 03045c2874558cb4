"""How well a score tells two groups apart: the area under the ROC curve with its 95% interval."""

from __future__ import annotations

import numpy as np

from analysis.statistics.proportions import Z_95


def auroc(low: np.ndarray, high: np.ndarray) -> dict[str, float]:
    """Probability that a score of `high` exceeds one of `low`, half of it for ties; NaN if one is empty.

    The interval is that of DeLong et al. (1988); NaN where a group has a single score.
    """
    if not (len(low) and len(high)):
        return _interval(np.nan, np.nan)
    above, below = share_below(np.sort(low), high), 1 - share_below(np.sort(high), low)
    is_known = min(len(low), len(high)) > 1
    variance = above.var(ddof=1) / len(high) + below.var(ddof=1) / len(low) if is_known else np.nan
    return _interval(above.mean(), variance)


def paired_auroc(scores: np.ndarray) -> dict[str, float]:
    """AUROC of the second column of scores (n, 2) against the first, with its 95% interval.

    The two scores of a row belong to one image, so an image's errors count once (Obuchowski 1997).
    """
    above = share_below(np.sort(scores[:, 0]), scores[:, 1])
    below = 1 - share_below(np.sort(scores[:, 1]), scores[:, 0])
    return _interval(above.mean(), (above + below).var(ddof=1) / len(scores))


def share_below(ascending: np.ndarray, values: np.ndarray) -> np.ndarray:
    """For each value the share of `ascending` that lies below it; what equals it counts half."""
    places = np.searchsorted(ascending, values, "left") + np.searchsorted(ascending, values, "right")
    return places / (2 * len(ascending))


def _interval(area: float, variance: float) -> dict[str, float]:
    half = Z_95 * np.sqrt(variance)
    low, high = np.clip([area - half, area + half], 0, 1)
    return {"auroc": float(area), "auroc_low": float(low), "auroc_high": float(high)}

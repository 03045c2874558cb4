"""Numbers of which some are missing (NaN)."""

from __future__ import annotations

import numpy as np


def mean_of_present(values: np.ndarray) -> float:
    """Mean of the values that are not NaN; NaN of none."""
    present = values[np.isfinite(values)]
    return float(present.mean()) if len(present) else float("nan")

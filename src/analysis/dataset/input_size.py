"""The side of the square that training brings every image to."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.dataset.readable import is_readable

INPUT_SIZES_PX = (16, 32, 64)  # chosen from where a person names none


def suited_input_px(scan: pd.DataFrame) -> int:
    """The smallest of `INPUT_SIZES_PX` that holds the readable images' median side, else the largest.

    The side is that of a square of the same area.
    """
    sizes = scan.loc[is_readable(scan), ["width_px", "height_px"]].astype(float)
    median_side = np.sqrt(sizes.prod(axis=1)).median()
    return next((px for px in INPUT_SIZES_PX if median_side <= px), INPUT_SIZES_PX[-1])

"""Names what was done to an image to make the other of a pair, from what their alignment found."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

# Beyond these a change is named. They are two to three times what recompression alone makes an alignment err.
CROPPED_SCALE, STRETCHED, SHIFTED_PX, ROTATED_DEGREES = 0.04, 0.06, 1.0, 1.2
BRIGHTNESS_LEVELS, CONTRAST, HUE_DEGREES = 10.0, 0.12, 12.0
NOTHING_ELSE = "recompressed"


def named_changes(
    aligned: pd.DataFrame, *, has_border: NDArray[np.bool_], size_px: NDArray[np.int64]
) -> pd.Series:
    """Each pair's changes, such as "mirrored, cropped"; "recompressed" where nothing else can be seen.

    `aligned` is the table of `verification.verify`; `has_border` (n,) and `size_px` (n, 2) are of the images
    that its rows number.
    """
    a, b = aligned["row_a"].to_numpy(), aligned["row_b"].to_numpy()
    scale, stretch = np.log(aligned["scale"]).abs(), np.log(aligned["stretch"]).abs()
    is_cropped = (scale > CROPPED_SCALE) | (stretch > STRETCHED)
    found = {
        "mirrored": aligned["is_mirrored"],
        "border": has_border[a] != has_border[b],
        "resized": (size_px[a] != size_px[b]).any(axis=1),
        "cropped": is_cropped,
        "shifted": (aligned["shift_px"] > SHIFTED_PX) & ~is_cropped,
        "rotated": aligned["rotation_degrees"].abs() > ROTATED_DEGREES,
        "brightness": aligned["brightness_change"].abs() > BRIGHTNESS_LEVELS,
        "contrast": np.log(aligned["contrast_ratio"]).abs() > CONTRAST,
        "hue": aligned["hue_degrees"].abs() > HUE_DEGREES,
    }
    flags = np.column_stack([np.asarray(flag, dtype=bool) for flag in found.values()])
    names = np.array(list(found))
    words = [", ".join(names[row]) or NOTHING_ELSE for row in flags]
    return pd.Series(words, index=aligned.index, dtype="string")

"""Names what was done to an image to make the other of a pair, as far as it was measured."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

# Beyond these a change is named. They are two to three times what recompression alone makes an alignment err.
CROPPED_SCALE, STRETCHED, SHIFTED_PX, ROTATED_DEGREES = 0.04, 0.06, 1.0, 1.2
RESIZED_SCALE = 0.04
BRIGHTNESS_LEVELS, CONTRAST, HUE_DEGREES = 6.0, 0.12, 12.0
SATURATION_LEVELS, TINT_LEVELS = 10.0, 10.0
RECOMPRESSED, NOT_MEASURED = "recompressed", "changed in a way that was not measured"


def named_changes(
    aligned: pd.DataFrame,
    *,
    size_px: NDArray[np.int64],
    kept_fraction: NDArray[np.float64],
    is_recompressed: NDArray[np.bool_],
) -> pd.Series:
    """Each pair's changes, such as "mirrored, cropped"; `RECOMPRESSED` and `NOT_MEASURED` stand alone.

    `aligned` is the table of `first_look.aligned`; `size_px` and `kept_fraction` (of `without_borders`),
    both (n, 2) and width first, are of the images that its rows number; `is_recompressed` (m,) is of its
    rows: what was shown to be so was not shifted or brightened, whatever the alignment says.
    """
    found = _geometric(aligned, size_px, kept_fraction) | _photometric(aligned)
    flags = np.column_stack([np.asarray(flag, dtype=bool) for flag in found.values()])
    names = np.array(list(found))
    words = [", ".join(names[row]) or NOT_MEASURED for row in flags]
    words = np.where(is_recompressed, RECOMPRESSED, np.array(words, dtype=object))
    return pd.Series(words, index=aligned.index, dtype="string")


def _geometric(aligned: pd.DataFrame, size_px: NDArray, kept_fraction: NDArray) -> dict[str, pd.Series]:
    a, b = aligned["row_a"].to_numpy(), aligned["row_b"].to_numpy()
    has_border, compared_px = (kept_fraction < 1).any(axis=1), size_px * kept_fraction
    differs = (size_px[a] != size_px[b]).any(axis=1)
    scale, stretch = np.log(aligned["scale"]).abs(), np.log(aligned["stretch"]).abs()
    is_cropped = (scale > CROPPED_SCALE) | (stretch > STRETCHED)
    return {
        "mirrored": aligned["is_mirrored"],
        "border": has_border[a] != has_border[b],
        "resized": _is_resized(aligned, compared_px[b] / compared_px[a]) & differs,
        "cropped": is_cropped,
        "shifted": (aligned["shift_px"] > SHIFTED_PX) & ~is_cropped,
        "rotated": aligned["rotation_degrees"].abs() > ROTATED_DEGREES,
    }


def _is_resized(aligned: pd.DataFrame, size_ratio: NDArray) -> pd.Series:
    """Whether a thing in the picture takes another number of pixels: in a mere crop it takes as many."""
    width = np.log(aligned["scale"] * np.sqrt(aligned["stretch"]) * size_ratio[:, 0]).abs()
    height = np.log(aligned["scale"] / np.sqrt(aligned["stretch"]) * size_ratio[:, 1]).abs()
    return (width > RESIZED_SCALE) | (height > RESIZED_SCALE)


def _photometric(aligned: pd.DataFrame) -> dict[str, pd.Series]:
    is_turned = aligned["hue_degrees"].abs() > HUE_DEGREES
    is_faded = (aligned["saturation_levels"] > SATURATION_LEVELS) & ~is_turned
    return {
        "brightness": aligned["brightness_change"].abs() > BRIGHTNESS_LEVELS,
        "contrast": np.log(aligned["contrast_ratio"]).abs() > CONTRAST,
        "hue": is_turned,
        "saturation": is_faded,
        "tint": (aligned["tint_levels"] > TINT_LEVELS) & ~is_turned & ~is_faded,
    }

"""What each way to resize keeps of one picture, what it loses and what it makes up."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.fft import idctn

from analysis.scrub.resampling import METHODS, N_BANDS, cut_spectrum, low_passed, spectrum
from analysis.statistics.image_similarity import psnr_of, ssim_of_pair

FINE_FROM = 0.5  # of the frequencies that both pictures can hold, those above are fine detail


def measure_picture(picture: np.ndarray, shape: tuple[int, int]) -> tuple[pd.DataFrame, np.ndarray]:
    """Every method on one picture (H, W) in [0, 1].

    Returns
    -------
    DataFrame
        One row per method: `psnr_db` and `ssim` of the picture resized to `shape` against the original, both
        at the larger of the two sizes, to which an ideal interpolation brings the other (so there and back
        when reducing; when enlarging, against what the original would be at that size);
        `fine_detail_fraction`: power kept of the upper half of the frequencies that both can hold, 1 is all;
        `stray_fraction`: power that the resized picture should not have, over all that it should. When
        reducing, that is detail folded down from above (aliasing); when enlarging, the steps or ripples of
        the kernel (imaging). NaN where the picture has no power to compare with.
    ndarray
        (methods, 3, N_BANDS) by frequency: power kept, stray power, and the ideal's power.
    """
    low = low_passed(picture, shape)
    ideal = cut_spectrum(spectrum(picture), shape)
    shared = tuple(min(sides) for sides in zip(picture.shape, shape, strict=True))
    # frequencies of the resized picture that the original holds too; when enlarging it has more
    is_shared = np.zeros(shape, dtype=bool)
    is_shared[: shared[0], : shared[1]] = True
    is_fine = is_shared & (_radii(shape, shared) >= FINE_FROM)
    bands = np.minimum((_radii(shape, shape) * N_BANDS).astype(int), N_BANDS - 1)  # corners: the last one
    rows, powers = [], []
    for method, resize in METHODS.items():
        of_low = spectrum(resize(low, shape))
        stray = spectrum(resize(picture - low, shape)) + np.where(is_shared, 0, of_low)
        power = np.stack([np.where(is_shared, of_low, 0), stray, ideal]) ** 2
        power[:, 0, 0] = 0  # the mean is no detail
        kept_power, stray_power, ideal_power = power
        ratios = {
            "fine_detail_fraction": _ratio(kept_power[is_fine].sum(), ideal_power[is_fine].sum()),
            "stray_fraction": _ratio(stray_power.sum(), ideal_power.sum()),
        }
        rows.append({"method": method, **_likeness(picture, resize(picture, shape)), **ratios})
        powers.append([np.bincount(bands.ravel(), part.ravel(), minlength=N_BANDS) for part in power])
    return pd.DataFrame(rows), np.array(powers)


def _likeness(picture: np.ndarray, resized: np.ndarray) -> dict[str, float]:
    larger = tuple(max(sides) for sides in zip(picture.shape, resized.shape, strict=True))
    # in 64 bits: in 32, rounding makes differences of variances where there are none
    original, back = (_enlarged(part.astype(float), larger) for part in (picture, resized))
    return {
        "psnr_db": psnr_of(np.mean((back - original) ** 2)),
        "ssim": ssim_of_pair(original, back),
    }


def _enlarged(picture: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Brought to at least its own size by no kernel at all: the same cosines, drawn finer."""
    if picture.shape != shape:
        picture = idctn(cut_spectrum(spectrum(picture), shape), norm="ortho")
    return np.clip(picture, 0, 1)  # as 8 bits would


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole > 1e-9 else np.nan


def _radii(shape: tuple[int, int], highest: tuple[int, int]) -> np.ndarray:
    """Radial frequency of each coefficient; 1 is the highest that a picture of shape `highest` can hold."""
    y, x = (np.arange(length) / top for length, top in zip(shape, highest, strict=True))
    return np.hypot(y[:, None], x)

"""Hand-made features of a picture: intensity and edges at several scales, colour, texture."""

from __future__ import annotations

import cv2
import numpy as np
import pandas as pd
from PIL import Image
from skimage.feature import graycomatrix, graycoprops, local_binary_pattern

from analysis.dataset.images import open_scanned
from analysis.progress import progress

WORKING_PX = 128  # longer side at which pictures are measured; none is enlarged
N_SCALES = 4
SMALLEST_SIDE_PX = 2  # of a level of the pyramid; a picture without a level has no features of it
GREY_LEVELS = 16  # of the co-occurrence matrix: few enough that a small picture fills it
DISTANCES_PX = (1, 2)  # of pixels that occur together
NEIGHBOURS = 8  # of the local binary pattern, at radius 1
HARALICK = ("contrast", "homogeneity", "energy", "correlation")
FEATURES = [
    *(f"contrast_scale_{scale}" for scale in range(N_SCALES)),
    *(f"edges_scale_{scale}" for scale in range(N_SCALES)),
    *(
        f"{channel}_{statistic}"
        for statistic in ("mean", "std")
        for channel in ("lightness", "green_red", "blue_yellow")
    ),
    *(f"pattern_{pattern}" for pattern in range(NEIGHBOURS + 2)),
    *(f"glcm_{name}_{distance}px" for name in HARALICK for distance in DISTANCES_PX),
]


def measure_images(images: pd.DataFrame) -> pd.DataFrame:
    """One row per picture (`path`, `value_range`) with `FEATURES`; the truncated ones as far as they go.

    Raises
    ------
    InputError
        If one cannot be opened: the file changed after it was scanned.
    """
    files = images[["path", "value_range"]].itertuples(index=False)
    opened = progress(files, description="features", unit="images", total=len(images))
    rows = [measure_picture(_open(*file)) for file in opened]
    return pd.DataFrame(np.array(rows).reshape(-1, len(FEATURES)), columns=FEATURES)


def _open(path: str, value_range: str | None) -> np.ndarray:
    picture = open_scanned(path, value_range=value_range, allow_truncated=True)
    picture.thumbnail((WORKING_PX, WORKING_PX), Image.Resampling.BOX, reducing_gap=2.0)
    return np.asarray(picture)


def measure_picture(pixels: np.ndarray) -> np.ndarray:
    """uint8 (H, W, 3) -> the values of `FEATURES`, NaN for a scale that the picture is too small for."""
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    colour = cv2.cvtColor(np.divide(pixels, 255, dtype=np.float32), cv2.COLOR_RGB2LAB) / 100
    channels = colour.reshape(-1, 3)
    return np.concatenate(
        [
            _scales(np.divide(grey, 255, dtype=np.float32)),
            channels.mean(axis=0),
            channels.std(axis=0),
            _binary_patterns(grey),
            _co_occurrence(grey),
        ]
    )


def _scales(luma: np.ndarray) -> np.ndarray:
    """Contrast, then mean gradient, at each level of the Gaussian pyramid (Burt and Adelson 1983)."""
    contrasts, edges = np.full(N_SCALES, np.nan), np.full(N_SCALES, np.nan)
    for scale in range(N_SCALES):
        if min(luma.shape) < SMALLEST_SIDE_PX:
            break
        right, down = np.gradient(luma, axis=1), np.gradient(luma, axis=0)
        contrasts[scale], edges[scale] = luma.std(), np.hypot(right, down).mean()
        luma = cv2.pyrDown(luma)
    return np.concatenate([contrasts, edges])


def _binary_patterns(grey: np.ndarray) -> np.ndarray:
    """Shares of the rotation-invariant uniform local binary patterns (Ojala et al. 2002)."""
    patterns = local_binary_pattern(grey, NEIGHBOURS, 1, method="uniform").astype(int)
    return np.bincount(patterns.ravel(), minlength=NEIGHBOURS + 2) / patterns.size


def _co_occurrence(grey: np.ndarray) -> np.ndarray:
    """`HARALICK` features of the grey-level co-occurrence matrix (1973), over four directions."""
    levels = (grey.astype(int) * GREY_LEVELS // 256).astype(np.uint8)
    angles = np.pi * np.arange(4) / 4
    matrix = graycomatrix(levels, DISTANCES_PX, angles, GREY_LEVELS, symmetric=True)
    joint = matrix.sum(axis=3, keepdims=True)  # each pair once, whatever its direction
    joint = joint / np.maximum(joint.sum(axis=(0, 1)), 1)
    return np.concatenate([graycoprops(joint, name)[:, 0] for name in HARALICK])

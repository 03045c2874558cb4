"""How far changed images are from their originals: PSNR and SSIM, of whole batches or of a pair.

SSIM stands here twice: `ssim` takes a batch of colour images in one call of OpenCV, which stages need that
compare many thousand; `ssim_of_pair` is scikit-image's own, for single planes of any size. They agree but for
rounding (the tests hold the one against the other), so neither can stand for the other in kept results.
"""

from __future__ import annotations

import cv2
import numpy as np
from skimage.metrics import structural_similarity

SSIM_WINDOW_PX = 7  # scikit-image's default
STABILISERS = (0.01**2, 0.03**2)  # C1 and C2 of Wang et al. (2004), for values in [0, 1]
# Mean square of rounding to 8 bits: equal images have 58.9 dB, not infinity.
SMALLEST_MEAN_SQUARE = 1 / (12 * 255**2)


def psnr_db(originals: np.ndarray, changed: np.ndarray) -> np.ndarray:
    """Peak signal-to-noise ratio of each pair of uint8 images (N, H, W, 3): float64 (N,), in dB.

    The more the more alike; 58.9 dB at most, which is the error of rounding to 8 bits.
    """
    errors = (originals.astype(float) - changed) / 255
    return psnr_of((errors**2).mean(axis=(1, 2, 3)))


def psnr_of(mean_squares: np.ndarray | float) -> np.ndarray | float:
    """PSNR in dB for mean squared errors of values in [0, 1]."""
    return -10 * np.log10(np.maximum(mean_squares, SMALLEST_MEAN_SQUARE))


def ssim(originals: np.ndarray, changed: np.ndarray) -> np.ndarray:
    """Structural similarity of each pair of uint8 images (N, H, W, 3): float64 (N,), 1 where they are equal.

    Of Wang et al. (2004), in an even window of 7 px (less in smaller images), the mean over places and
    channels, as scikit-image's `structural_similarity` has it by default.
    """
    window = _window_px(originals.shape[1:3])
    x, y = originals / 255, changed / 255
    mean_x, mean_y = _local_mean(x, window), _local_mean(y, window)
    unbiased = window**2 / (window**2 - 1)
    variances = unbiased * (_local_mean(x**2 + y**2, window) - mean_x**2 - mean_y**2)
    covariance = unbiased * (_local_mean(x * y, window) - mean_x * mean_y)
    c1, c2 = STABILISERS
    likeness = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
    likeness /= (mean_x**2 + mean_y**2 + c1) * (variances + c2)
    return likeness.mean(axis=(1, 2, 3))


def ssim_of_pair(original: np.ndarray, changed: np.ndarray) -> float:
    """Structural similarity of two planes (H, W) with values in [0, 1], as `ssim` measures it."""
    window = _window_px(original.shape)
    return float(structural_similarity(original, changed, data_range=1.0, win_size=window))


def _window_px(sides: tuple[int, ...]) -> int:
    """Odd, and no larger than the image."""
    return min(SSIM_WINDOW_PX, (min(sides) - 1) // 2 * 2 + 1)


def _local_mean(images: np.ndarray, window: int) -> np.ndarray:
    """Mean of each window that lies within its image: (N, H, W, 3) -> (N, H - window + 1, …, 3)."""
    n, height, width, channels = images.shape
    # one call for all: the windows across two images are cut off with the other incomplete ones
    stacked = images.reshape(n * height, width, channels)
    means = cv2.blur(stacked, (window, window)).reshape(images.shape)
    edge = window // 2
    return means[:, edge : height - edge, edge : width - edge]

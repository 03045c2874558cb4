"""Ways to resize a picture, and the ideal that they approximate.

Pictures are (H, W) float32 luma in [0, 1]; all methods are linear, so that a picture may be taken apart,
resized in parts and put together again.

With antialiasing a kernel is widened by the factor of reduction, so that every pixel counts (Pillow;
torchvision's default). Without it the kernel spans a few pixels of the original whatever the factor, and the
pixels between are skipped (OpenCV but for INTER_AREA, torch's `interpolate`).
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from PIL import Image
from scipy.fft import dctn, idctn

MAX_PIXELS = 512**2  # measured of one picture; of a larger one its middle, at the same scale
SMALLEST_SIDE_PX = 4  # of that middle, resized
MEASURES = ["psnr_db", "ssim", "fine_detail_fraction", "stray_fraction"]
N_BANDS = 16  # of frequency, in which power is counted
Resize = Callable[[np.ndarray, tuple[int, int]], np.ndarray]


def _with_pillow(kernel: Image.Resampling) -> Resize:
    def resize(picture: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
        return np.asarray(Image.fromarray(picture.astype(np.float32)).resize(shape[::-1], kernel))

    return resize


def _with_opencv(kernel: int) -> Resize:
    def resize(picture: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
        return cv2.resize(picture.astype(np.float32), shape[::-1], interpolation=kernel)

    return resize


# In the order of preference among equals: what most training code uses comes first.
ANTIALIASED: dict[str, Resize] = {
    "bilinear": _with_pillow(Image.Resampling.BILINEAR),
    "area": _with_pillow(Image.Resampling.BOX),
    "bicubic": _with_pillow(Image.Resampling.BICUBIC),
    "lanczos": _with_pillow(Image.Resampling.LANCZOS),
}
ALIASED: dict[str, Resize] = {
    "nearest": _with_pillow(Image.Resampling.NEAREST),
    "bilinear, aliased": _with_opencv(cv2.INTER_LINEAR),
    "bicubic, aliased": _with_opencv(cv2.INTER_CUBIC),
    "lanczos, aliased": _with_opencv(cv2.INTER_LANCZOS4),
}
METHODS = ANTIALIASED | ALIASED


def spectrum(picture: np.ndarray) -> np.ndarray:
    """Cosine transform (H, W), orthonormal: its squares sum to the picture's.

    Cosines continue a picture by its mirror image. A Fourier transform would continue it by itself and count
    the step from the right border to the left one as detail.
    """
    return dctn(picture, norm="ortho")


def cut_spectrum(coefficients: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Coefficients of a picture of this shape: without the frequencies it cannot hold, others filled with 0.

    Scaled so that grey levels stay what they are.
    """
    cut = np.zeros(shape, dtype=coefficients.dtype)
    rows, columns = (min(a, b) for a, b in zip(shape, coefficients.shape, strict=True))
    cut[:rows, :columns] = coefficients[:rows, :columns]
    return cut * np.sqrt(cut.size / coefficients.size)


def low_passed(picture: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """What of the picture one of `shape` can hold, at the picture's own size."""
    return idctn(cut_spectrum(cut_spectrum(spectrum(picture), shape), picture.shape), norm="ortho")


def central_part(picture: np.ndarray, target_px: int) -> tuple[np.ndarray, tuple[int, int]]:
    """The picture, or its middle if it is large, and the shape it is resized to at the same scale."""
    share = min(1.0, np.sqrt(MAX_PIXELS / picture.size))
    if share == 1:
        return picture, (target_px, target_px)
    side = max(SMALLEST_SIDE_PX, round(target_px * share))
    sizes = [round(length * side / target_px) for length in picture.shape]
    top, left = ((length - size) // 2 for length, size in zip(picture.shape, sizes, strict=True))
    return picture[top : top + sizes[0], left : left + sizes[1]], (side, side)

"""Small pictures: of image files, no larger than they are shown, and the thumbnails that stages compare."""

from __future__ import annotations

import os

import cv2
import numpy as np
from PIL import Image

from analysis.dataset.images import ImageError, open_as_seen, open_scanned

THUMBNAIL_PX = 32


def small_picture(
    path: str | os.PathLike[str], max_px: int, *, value_range: str | None, allow_truncated: bool
) -> np.ndarray:
    """uint8 (H, W, 3) of a picture that the scan could read, its longer side at most `max_px`.

    `value_range` is the cell of the scan's column.

    Raises
    ------
    InputError
        If it cannot be read any more.
    """
    picture = open_scanned(path, value_range=value_range, allow_truncated=allow_truncated)
    picture.thumbnail((max_px, max_px), Image.Resampling.BILINEAR)
    return np.asarray(picture)


def small_picture_if_any(
    path: str | os.PathLike[str], max_px: int, *, value_range: str | None
) -> np.ndarray | None:
    """The same of a file that need not be a picture, whole or in part; None where it is none."""
    try:
        picture = open_as_seen(path, value_range=value_range, allow_truncated=True)
    except ImageError:
        return None
    picture.thumbnail((max_px, max_px), Image.Resampling.LANCZOS)
    return np.asarray(picture)


def thumbnail_of(image: np.ndarray) -> np.ndarray:
    """(height, width, 3) squeezed to 32 × 32: means over areas; a side with fewer pixels repeats them."""
    while min(image.shape[:2]) >= 4 * THUMBNAIL_PX:
        image = halved(image)
    height, width, _ = image.shape
    size = (min(width, THUMBNAIL_PX), min(height, THUMBNAIL_PX))
    shrunk = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return cv2.resize(shrunk, (THUMBNAIL_PX, THUMBNAIL_PX), interpolation=cv2.INTER_NEAREST_EXACT)


def halved(image: np.ndarray) -> np.ndarray:
    """Means of 2 × 2 pixels; of a large picture an odd last line is left out, as even sizes take a third."""
    height, width = (max(2, side) // 2 for side in image.shape[:2])
    if min(height, width) >= 128:
        image = image[: 2 * height, : 2 * width]
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)

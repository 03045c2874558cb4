"""Pictures of image files, no larger than they are shown."""

from __future__ import annotations

import os

import numpy as np
from PIL import Image

from analysis.dataset.images import ImageError, open_as_seen, open_scanned


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

"""Which files hold the same picture: by content, then by every pixel."""

from __future__ import annotations

from hashlib import blake2b

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.dataset.images import ImageError, open_as_seen
from analysis.progress import progress


def same_picture(images: pd.DataFrame, thumbnails: NDArray[np.uint8]) -> pd.Series:
    """For each image the first one with the same file content or, opened, the very same pixels.

    Parameters
    ----------
    images
        `path`, `content_hash`, `width_px`, `height_px`, `phash`, `value_range`, indexed
        by `item_id`, the preferred first.
    thumbnails
        Of all images, by `item_id`. Only images with equal ones are opened.

    Returns
    -------
    The `item_id` of the first, by `item_id`; an image that has no copy stands for itself.
    """
    first_of_content = _first_with_same(images["content_hash"])
    distinct = images[first_of_content == images.index]
    look = pd.util.hash_pandas_object(distinct[["width_px", "height_px", "phash"]], index=False)
    thumbnail = [blake2b(thumbnails[i].tobytes(), digest_size=16).hexdigest() for i in distinct.index]
    look = look.astype(str) + thumbnail
    alike = distinct[look.duplicated(keep=False).to_numpy()]
    rows = alike[["path", "value_range"]].itertuples(index=False)
    opened = progress(rows, description="look-alikes opened", unit="images", total=len(alike))
    pixels = [_pixel_hash(*row) for row in opened]
    first_of_pixels = pd.Series(distinct.index, index=distinct.index)
    first_of_pixels.update(_first_with_same(pd.Series(pixels, index=alike.index, dtype="object")))
    return first_of_content.map(first_of_pixels)


def _first_with_same(keys: pd.Series) -> pd.Series:
    """Index of the first row with the same key; a row without a key stands for itself."""
    ids = pd.Series(keys.index, index=keys.index)
    return ids.groupby(keys).transform("first").where(keys.notna(), ids).astype(np.int64)


def _pixel_hash(path: str, value_range: str | None) -> str | None:
    try:
        image = open_as_seen(path, value_range=value_range, allow_truncated=True)
    except ImageError:  # gone since the scan: then nothing says that it equals another
        return None
    return blake2b(repr(image.size).encode() + image.tobytes(), digest_size=16).hexdigest()

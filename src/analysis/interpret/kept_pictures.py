"""Small pictures that a stage keeps of images, so that the one which shows some of them opens no file."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from analysis.dataset.small_pictures import small_picture

PICTURE_PX = 160  # of a picture's longer side; twice what it takes in print


def keep_pictures(images: pd.DataFrame) -> pd.DataFrame:
    """Of `images` (`item_id`, `path`, `value_range`, `is_truncated`), no larger than they are printed.

    Returns
    -------
    DataFrame
        One row per image: `item_id`, `height_px`, `width_px`, `pixels`: bytes, row by row of RGB.
    """
    pictures = [
        small_picture(row.path, PICTURE_PX, value_range=row.value_range, allow_truncated=row.is_truncated)
        for row in images.itertuples()
    ]
    return pd.DataFrame(
        {
            "item_id": images["item_id"].to_numpy(),
            "height_px": np.array([picture.shape[0] for picture in pictures], dtype=np.int32),
            "width_px": np.array([picture.shape[1] for picture in pictures], dtype=np.int32),
            "pixels": [picture.tobytes() for picture in pictures],
        }
    )


def pictures_of(kept: pd.DataFrame, item_ids: Sequence[int]) -> list[np.ndarray]:
    """uint8 (H, W, 3) of each of the images, which `keep_pictures` must have been given."""
    rows = kept.set_index("item_id").loc[item_ids]
    return [
        np.frombuffer(row.pixels, dtype=np.uint8).reshape(row.height_px, row.width_px, 3)
        for row in rows.itertuples()
    ]

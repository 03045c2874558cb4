from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from analysis.scrub.duplicate_search.same_picture import same_picture


@pytest.fixture
def images(tmp_path: Path) -> pd.DataFrame:
    """0 and 1: one file twice; 2: its pixels in another format; 3: same thumbnail, other pixels; 4: gone."""
    pixels = np.random.default_rng(0).integers(0, 255, (40, 40, 3), dtype=np.uint8)
    other = pixels.copy()
    other[0, 0] ^= 1
    names = ["a.png", "b.png", "c.bmp", "d.png", "gone.png"]
    for name, picture in zip(names, [pixels, pixels, pixels, other], strict=False):
        Image.fromarray(picture).save(tmp_path / name)
    return pd.DataFrame(
        {
            "path": [str(tmp_path / name) for name in names],
            "content_hash": ["x", "x", "y", "z", "w"],
            "width_px": pd.array([40] * 5, dtype="Int32"),
            "height_px": pd.array([40] * 5, dtype="Int32"),
            "phash": pd.array([1] * 5, dtype="UInt64"),
            "value_range": None,
        },
        index=pd.RangeIndex(5, name="item_id"),
    )


def test_same_picture_goes_by_content_then_by_pixels(images: pd.DataFrame) -> None:
    first = same_picture(images, np.zeros((5, 32, 32, 3), dtype=np.uint8))
    assert first.to_dict() == {0: 0, 1: 0, 2: 0, 3: 3, 4: 4}


def test_same_picture_prefers_the_order_of_its_rows(images: pd.DataFrame) -> None:
    first = same_picture(images.loc[[2, 1, 0, 3, 4]], np.zeros((5, 32, 32, 3), dtype=np.uint8))
    assert first.to_dict() == {2: 2, 1: 2, 0: 2, 3: 3, 4: 4}


def test_same_picture_takes_a_missing_hash_for_no_key(images: pd.DataFrame) -> None:
    images.loc[:, "content_hash"] = None
    thumbnails = np.arange(5, dtype=np.uint8)[:, None, None, None] * np.ones((1, 32, 32, 3), dtype=np.uint8)
    assert same_picture(images, thumbnails).to_dict() == {i: i for i in range(5)}

"""Pictures no larger than they are shown."""

import numpy as np
import pytest
from PIL import Image

from analysis.contract import InputError
from analysis.dataset.small_pictures import small_picture, small_picture_if_any


def test_small_pictures_are_bounded_keep_proportions_and_are_never_enlarged(tmp_path):
    Image.new("RGB", (400, 100), "red").save(tmp_path / "wide.png")
    for picture in (
        small_picture(tmp_path / "wide.png", 200, value_range=None, allow_truncated=False),
        small_picture_if_any(tmp_path / "wide.png", 200, value_range=None),
    ):
        assert (picture.shape, picture.dtype) == ((50, 200, 3), np.uint8)
        assert (picture == [255, 0, 0]).all()
    assert small_picture(tmp_path / "wide.png", 1000, value_range=None, allow_truncated=False).shape == (
        100,
        400,
        3,
    )


def test_a_file_that_is_gone_is_said_or_none(tmp_path):
    with pytest.raises(InputError, match="could be read when it was scanned, but not now"):
        small_picture(tmp_path / "gone.png", 200, value_range=None, allow_truncated=True)
    assert small_picture_if_any(tmp_path / "gone.png", 200, value_range=None) is None

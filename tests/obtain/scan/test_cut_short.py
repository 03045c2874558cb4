"""The grey end of files that broke off, and all that looks like it and is none."""

import io

import numpy as np
import pytest
from PIL import Image

from analysis.dataset.images import TURNS
from analysis.obtain.scan.cut_short import grey_end_fraction


def photograph(width: int = 200, height: int = 160, seed: int = 0) -> Image.Image:
    coarse = np.random.default_rng(seed).integers(0, 256, (20, 25, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


def cut(picture: Image.Image, share: float, **options: object) -> Image.Image:
    """Saved as JPEG, broken off after a share of the bytes, closed, and decoded: no decoder complains."""
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=90, **options)
    data = stream.getvalue()
    return Image.open(io.BytesIO(data[: int(share * len(data))] + b"\xff\xd9")).convert("RGB")


def drawn(n_grey: int, step: tuple[int, int]) -> Image.Image:
    """Noise of 100 × 100 whose last rows are grey, and above them a step of (height, width)."""
    pixels = np.random.default_rng(1).integers(0, 100, (100, 100, 3), dtype=np.uint8)
    height, width = step
    pixels[100 - n_grey :] = 128
    pixels[100 - n_grey - height : 100 - n_grey, 100 - width :] = 128
    return Image.fromarray(pixels)


def test_share_of_the_rows_by_hand() -> None:
    assert grey_end_fraction(drawn(40, (16, 32)), 1) == 0.4
    assert grey_end_fraction(drawn(1, (8, 8)), 1) == 0.01


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
def test_file_that_broke_off_is_told(share: float) -> None:
    fraction = grey_end_fraction(cut(photograph(), share), 1)
    assert fraction == pytest.approx(1 - share, abs=0.2)


def test_it_outlives_saving_again_and_scaling() -> None:
    broken = cut(photograph(), 0.5)
    stream = io.BytesIO()
    broken.save(stream, "PNG")
    assert grey_end_fraction(Image.open(stream).convert("RGB"), 1) > 0.3
    assert grey_end_fraction(broken.resize((150, 120), Image.Resampling.BILINEAR), 1) > 0.3


@pytest.mark.parametrize("orientation", TURNS)
def test_turned_picture_ends_where_it_is_stored_to_end(orientation: int) -> None:
    seen = cut(photograph(), 0.5).transpose(TURNS[orientation])
    assert grey_end_fraction(seen, orientation) > 0.3


@pytest.mark.parametrize(
    "picture",
    [
        photograph(),
        Image.new("RGB", (50, 50), (128, 128, 128)),
        Image.new("RGB", (1, 1), (128, 128, 128)),
        drawn(40, (0, 0)),  # padding
        drawn(40, (60, 32)),  # a margin that reaches the upper edge
        drawn(40, (50, 32)),  # higher than any block
        drawn(0, (16, 32)),
    ],
    ids=["whole", "grey", "pixel", "padding", "margin", "high step", "no band"],
)
def test_other_pictures_have_no_such_end(picture: Image.Image) -> None:
    assert grey_end_fraction(picture, 1) == 0


@pytest.mark.parametrize("ground", [0, 128, 255])
def test_thing_on_a_plain_ground_has_no_such_end(ground: int) -> None:
    pixels = np.full((100, 100, 3), ground, np.uint8)
    pixels[20:60, :50] = np.random.default_rng(2).integers(0, 256, (40, 50, 3))
    assert grey_end_fraction(Image.fromarray(pixels), 1) == 0


def test_slope_and_sliver_are_no_step() -> None:
    slope = np.asarray(drawn(40, (0, 0))).copy()
    for row in range(16):
        slope[44 + row, 30 + 4 * row :] = 128
    assert grey_end_fraction(Image.fromarray(slope), 1) == 0
    assert grey_end_fraction(drawn(40, (16, 3)), 1) == 0

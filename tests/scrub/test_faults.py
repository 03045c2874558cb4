from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from analysis.dataset.images import ImageError, open_as_seen
from analysis.scrub.faults import (
    NEAR_COPIES,
    SPOILT,
    bordered,
    copied,
    cropped,
    mirrored,
    moved,
    plant_pictures,
    plant_truncated,
    shifted,
)


@pytest.fixture
def picture() -> np.ndarray:
    return np.random.default_rng(0).integers(60, 200, (64, 32, 3)).astype(np.uint8)


@pytest.fixture
def originals(tmp_path: Path, picture: np.ndarray) -> pd.DataFrame:
    paths = [tmp_path / f"é{i}.png" for i in range(3)]
    for path in paths:
        Image.fromarray(picture).save(path)
    return pd.DataFrame(
        {"item_id": [5, 7, 9], "path": [path.as_posix() for path in paths], "value_range": None}
    )


def test_shifted_moves_the_picture_by_whole_thumbnail_pixels(picture: np.ndarray) -> None:
    moved = shifted(picture, np.random.default_rng(3))
    (y, x) = max(
        ((y, x) for y in range(-3, 4) for x in range(-3, 4)),
        key=lambda shift: (np.roll(picture, shift, axis=(0, 1)) == moved).mean(),
    )
    whole = np.roll(picture, (y, x), axis=(0, 1))
    inside = (slice(max(y, 0), 64 + min(y, 0)), slice(max(x, 0), 32 + min(x, 0)))
    np.testing.assert_array_equal(moved[inside], whole[inside])
    assert (x, y) != (0, 0)


def test_cropped_takes_at_most_a_tenth_off(picture: np.ndarray) -> None:
    for seed in range(20):
        height, width, _ = cropped(picture, np.random.default_rng(seed)).shape
        assert 57 <= height <= 64
        assert 28 <= width <= 32


def test_bordered_leaves_the_picture_whole(picture: np.ndarray) -> None:
    framed = bordered(picture, np.random.default_rng(0))
    width = (framed.shape[0] - 64) // 2
    assert 1 <= width <= 3
    np.testing.assert_array_equal(framed[width:-width, width:-width], picture)


def test_mirrored_twice_is_the_picture(picture: np.ndarray) -> None:
    rng = np.random.default_rng(0)
    np.testing.assert_array_equal(mirrored(mirrored(picture, rng), rng), picture)


@pytest.mark.parametrize("name", NEAR_COPIES)
def test_near_copies_differ_from_their_original(name: str, originals: pd.DataFrame, tmp_path: Path) -> None:
    planted = plant_pictures(originals, NEAR_COPIES[name], tmp_path / name, np.random.default_rng(0))
    assert planted["original_id"].tolist() == [5, 7, 9]
    for original, copy in zip(originals["path"], planted["path"], strict=True):
        one, other = (np.asarray(open_as_seen(path)) for path in (original, copy))
        assert one.shape != other.shape or (one != other).any()


@pytest.mark.parametrize("name", ["darkened", "overexposed"])
def test_spoilt_light_keeps_a_fifth_of_the_range_at_most(name: str, picture: np.ndarray) -> None:
    spoilt = SPOILT[name](picture, np.random.default_rng(0))
    assert np.ptp(spoilt) <= 0.2 * np.ptp(picture) + 1
    assert spoilt.max() <= 0.2 * 255 if name == "darkened" else spoilt.min() >= 0.8 * 255


def test_copied_keeps_every_pixel(originals: pd.DataFrame, picture: np.ndarray, tmp_path: Path) -> None:
    planted = plant_pictures(originals, copied, tmp_path / "copies", np.random.default_rng(0))
    np.testing.assert_array_equal(np.asarray(open_as_seen(planted["path"][0])), picture)


def test_moved_smears_a_point_along_a_line_of_the_length_it_says() -> None:
    point = np.zeros((201, 161, 3), np.uint8)
    point[100, 80] = 255
    for seed in range(5):
        smeared = moved(point, np.random.default_rng(seed))[..., 0].astype(float)
        y, x = np.nonzero(smeared > smeared.max() / 2)
        length = np.hypot(np.ptp(y), np.ptp(x))
        assert 0.05 * 201 - 3 <= length <= 0.12 * 201 + 3
        across = np.linalg.svd(np.column_stack([y - y.mean(), x - x.mean()]))[1][1] / np.sqrt(len(y))
        assert across < 1
        assert abs(y.mean() - 100) < 1 > abs(x.mean() - 80)
        assert smeared.sum() == pytest.approx(255, rel=0.2)  # rounding to bytes


def test_plant_truncated_cuts_files_and_leaves_the_originals(originals: pd.DataFrame, tmp_path: Path) -> None:
    before = [Path(path).read_bytes() for path in originals["path"]]
    planted = plant_truncated(originals, tmp_path / "cut", np.random.default_rng(0))
    assert [Path(path).read_bytes() for path in originals["path"]] == before
    for path, content in zip(planted["path"], before, strict=True):
        cut = Path(path).read_bytes()
        assert content.startswith(cut)
        assert 0.29 <= len(cut) / len(content) <= 0.8
        with pytest.raises(ImageError):
            open_as_seen(path)

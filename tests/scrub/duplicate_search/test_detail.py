import cv2
import numpy as np
import pandas as pd
import pytest
from scipy.ndimage import gaussian_filter

from analysis.scrub.duplicate_search.detail import DETAIL_COLUMNS, MAX_PX, detail_of, reduced, second_look
from analysis.scrub.duplicate_search.first_look import MAP_COLUMNS

IDENTITY = np.array([[1.0, 0, 0], [0, 1, 0]])
SIDE_PX = 240


def texture(seed: int, *, fine: float = 12, side_px: int = SIDE_PX) -> np.ndarray:
    """Shapes that every seed has in common, with a grain of its own; uint8 (240, 240)."""
    common = gaussian_filter(np.random.default_rng(99).normal(size=(side_px, side_px)), side_px / 12)
    own = gaussian_filter(np.random.default_rng(seed).normal(size=(side_px, side_px)), 1.2)
    values = 128 + 40 * common / common.std() + fine * own / own.std()
    return np.clip(values, 0, 255).astype(np.uint8)


def compared(first: np.ndarray, second: np.ndarray, *, start=IDENTITY, is_mirrored: bool = False) -> dict:
    return dict(zip(DETAIL_COLUMNS, detail_of(first, second, start, is_mirrored=is_mirrored), strict=True))


def through_jpeg(picture: np.ndarray, quality: int) -> np.ndarray:
    return cv2.imdecode(
        cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_GRAYSCALE
    )


def test_detail_of_a_picture_and_itself_is_whole() -> None:
    found = compared(texture(0), texture(0))
    assert found["detail_agreement"] > 0.97
    assert found["weakest_tiles_agreement"] > 0.97
    assert found["distortion"] == pytest.approx(0, abs=1e-3)
    assert found["detail_band_px"] == 2


def test_detail_tells_a_second_picture_of_one_scene_from_a_copy() -> None:
    """What both show is the same, and 90% of the contrast; what differs is the grain alone."""
    first, second = texture(0), texture(1)
    assert np.corrcoef(first.ravel(), second.ravel())[0, 1] > 0.9
    assert compared(first, second)["detail_agreement"] < 0.2
    assert compared(first, through_jpeg(first, 60))["detail_agreement"] > 0.85


def test_a_strong_outline_in_common_weighs_no_more_than_the_grain_beside_it() -> None:
    first, second = (texture(seed, fine=4) // 2 for seed in (0, 1))
    for picture in (first, second):
        cv2.circle(picture, (120, 120), 80, 255, 3)
        cv2.line(picture, (10, 30), (230, 60), 255, 3)
    assert compared(first, second)["detail_agreement"] < 0.7  # 0.995 if not divided by its strength nearby
    assert compared(first, through_jpeg(first, 90))["detail_agreement"] > 0.9


@pytest.mark.parametrize(
    "change",
    [
        lambda picture: np.clip(picture * 0.6 + 20, 0, 255).astype(np.uint8),
        lambda picture: cv2.resize(picture, (150, 150), interpolation=cv2.INTER_AREA),
        lambda picture: (255 * (picture / 255) ** 1.8).astype(np.uint8),
        lambda picture: (picture * np.linspace(0.5, 1, SIDE_PX)).astype(np.uint8),
    ],
    ids=["darker", "smaller", "gamma", "shaded from one side"],
)
def test_detail_agrees_whatever_was_done_to_light_and_size(change) -> None:
    found = compared(texture(0), change(texture(0)))
    assert found["detail_agreement"] > 0.85
    assert found["distortion"] < 0.01


def test_detail_starts_from_the_map_of_the_thumbnails() -> None:
    picture = texture(0)
    crop = picture[20:220, 10:230]
    # thumbnail pixels of the whole to those of the crop
    x, y = 240 / 220, 240 / 200
    start = np.array([[x, 0, (15.5 - 10 / 240 * 32) * x - 15.5 * x], [0, y, -20 / 240 * 32 * y]])
    assert compared(picture, crop, start=start)["detail_agreement"] > 0.75


def test_detail_of_a_mirrored_copy() -> None:
    picture = texture(0)
    assert compared(picture, picture[:, ::-1], is_mirrored=True)["detail_agreement"] > 0.95
    assert compared(picture, picture[:, ::-1])["detail_agreement"] < 0.2


def test_detail_measures_how_far_a_picture_has_to_be_squeezed() -> None:
    picture = texture(0)
    squeezed = cv2.resize(picture, (200, 240), interpolation=cv2.INTER_AREA)
    assert compared(picture, squeezed)["distortion"] == pytest.approx(np.log(240 / 200), abs=0.01)


def test_detail_is_not_carried_by_a_like_frame() -> None:
    first, second = texture(0), texture(1)
    for picture in (first, second):
        frame = texture(5)
        frame[35:-35, 35:-35] = picture[35:-35, 35:-35]
        picture[:] = frame
    found = compared(first, second)
    assert found["detail_agreement"] > 0.4  # most of the picture is the frame
    assert found["weakest_tiles_agreement"] < found["detail_agreement"] - 0.05


def test_detail_of_flat_or_lost_pictures_is_none() -> None:
    flat = np.full((100, 100), 90, dtype=np.uint8)
    for first, second in ((flat, flat), (None, texture(0)), (texture(0), None)):
        found = compared(first, second)
        assert found["detail_agreement"] == found["weakest_tiles_agreement"] == 0
        assert np.isnan(found["distortion"])


def test_detail_looks_for_the_finest_that_both_resolve() -> None:
    sharp = texture(0, fine=25)
    blurred = cv2.GaussianBlur(sharp, (0, 0), 4)
    found = compared(sharp, blurred)
    assert found["detail_band_px"] > 2
    assert found["detail_agreement"] > 0.6


def test_detail_of_small_pictures_is_finer_than_a_pixel_pair() -> None:
    assert compared(texture(0, side_px=32), texture(0, side_px=32))["detail_band_px"] == 1


def test_reduced_cuts_the_border_and_the_size() -> None:
    picture = np.pad(texture(0), 80)
    inner = reduced(picture, np.array([6.4, 6.4, 6.4, 6.4]))  # of 32, 80 of 400
    np.testing.assert_array_equal(inner, texture(0))
    assert max(reduced(np.zeros((400, 1000), np.uint8), np.zeros(4, int)).shape) == MAX_PX


def test_second_look_gives_each_pair_its_own_row_with_any_number_of_workers() -> None:
    pictures = {0: texture(0), 1: texture(1), 2: through_jpeg(texture(0), 60), 3: None}
    maps = dict(zip(MAP_COLUMNS, IDENTITY.ravel(), strict=True))
    pairs = pd.DataFrame({"row_a": [1, 0, 0, 3], "row_b": [2, 2, 1, 0], "is_mirrored": False, **maps})
    pairs.index = [7, 5, 3, 1]
    one, three = (second_look(pairs, pictures.get, n_workers=n) for n in (1, 3))
    pd.testing.assert_frame_equal(one, three)
    assert one.index.tolist() == [7, 5, 3, 1]
    assert (one["detail_agreement"] > 0.5).tolist() == [False, True, False, False]
    assert second_look(pairs.head(0), pictures.get, n_workers=1).columns.tolist() == DETAIL_COLUMNS


def test_detail_of_stripes_and_of_a_straight_edge_agrees_with_itself() -> None:
    y, x = np.mgrid[:SIDE_PX, :SIDE_PX]
    stripes = (128 + 80 * np.sin((x + 0.4 * y) / 3)).astype(np.uint8)
    edge = np.where(y > 90, 200, 40).astype(np.uint8)
    assert compared(stripes, stripes)["self_agreement"] > 0.8
    assert compared(edge, edge)["self_agreement"] > 0.8
    assert compared(texture(0), texture(0))["self_agreement"] < 0.2

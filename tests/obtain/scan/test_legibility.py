"""What can be seen within the border, and how fine it is, on pictures of which both are known."""

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw
from scipy.ndimage import convolve, gaussian_filter
from sklearn.datasets import load_digits, load_sample_image

from analysis.obtain.scan import legibility
from analysis.obtain.scan.measures import measure

RNG = np.random.default_rng(0)
PHOTOGRAPH = np.asarray(Image.fromarray(load_sample_image("china.jpg")).convert("L").resize((192, 128)))
WHOLE_PHOTOGRAPH = np.asarray(Image.fromarray(load_sample_image("china.jpg")).convert("L"))


def detail(*pictures: np.ndarray) -> np.ndarray:
    """(n, 2): the least and the greatest."""
    padded = np.pad(np.stack(pictures), ((0, 0), (2, 2), (2, 2)), mode="edge")
    return np.column_stack(legibility.fine_detail(padded))


def moved(picture: np.ndarray, length: int, *, axis: int) -> np.ndarray:
    kernel = np.ones((1, length) if axis == 1 else (length, 1)) / length
    return convolve(picture.astype(float), kernel, mode="nearest").round().astype(np.uint8)


# ---- fine detail ------------------------------------------------------------------------------------------


def test_fine_detail_is_the_ratio_of_gradient_energies_over_directions():
    picture = PHOTOGRAPH[:60, :80].astype(float)
    window = np.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1]) / 256
    left = convolve(picture, window, mode="nearest")
    energies = {}
    for name, field in {"fine": picture - left, "coarse": left}.items():
        across = (field[1:, 1:] + field[:-1, 1:] - field[1:, :-1] - field[:-1, :-1]) / 2
        down = (field[1:, 1:] + field[1:, :-1] - field[:-1, 1:] - field[:-1, :-1]) / 2
        both = np.array([[(across**2).sum(), (across * down).sum()], [0, (down**2).sum()]])
        both[1, 0] = both[0, 1]
        energies[name] = both + legibility.ISOTROPIC_SHARE * np.trace(both) * np.eye(2)
    angles = np.linspace(0, np.pi, 20_001)
    directions = np.stack([np.cos(angles), np.sin(angles)])
    along = {name: np.einsum("ik,ij,jk->k", directions, both, directions) for name, both in energies.items()}
    ratio = along["fine"] / along["coarse"]
    assert detail(PHOTOGRAPH[:60, :80])[0] == pytest.approx([ratio.min(), ratio.max()], rel=1e-6)


def test_contrast_and_plain_paper_around_do_not_change_it():
    page = Image.new("L", (120, 90), 250)
    ImageDraw.Draw(page).text((20, 30), "TOTAL 12.50", fill=10)
    sharp = np.asarray(page)
    faint = (250 - (250 - sharp.astype(float)) * 0.4).round().astype(np.uint8)
    (least, most), of_faint = detail(sharp, faint)
    assert of_faint == pytest.approx([least, most], rel=0.03)
    larger = np.pad(sharp, 60, constant_values=250)
    assert detail(larger)[0] == pytest.approx([least, most], rel=1e-9)


def test_out_of_focus_lowers_it_in_all_directions_and_motion_in_one():
    focus = cv2.GaussianBlur(PHOTOGRAPH, (0, 0), 3)
    sharp, soft, sideways, downward = detail(
        PHOTOGRAPH, focus, moved(PHOTOGRAPH, 11, axis=1), moved(PHOTOGRAPH, 11, axis=0)
    )
    assert (soft < sharp / 10).all()
    for streaked in (sideways, downward):
        assert streaked[0] < sharp[0] / 4
        assert streaked[1] > 4 * streaked[0]


def test_turning_a_picture_changes_nothing():
    assert detail(PHOTOGRAPH.T.copy())[0] == pytest.approx(detail(PHOTOGRAPH)[0], rel=1e-9)


def test_white_noise_has_the_most_and_a_plain_picture_says_nothing():
    noise = RNG.integers(0, 256, (128, 192), dtype=np.uint8)
    plain = np.full((128, 192), 90, np.uint8)
    ramp = np.tile(np.linspace(0, 25, 192).round().astype(np.uint8), (128, 1))
    of_noise, of_plain, of_ramp = detail(noise, plain, ramp)
    assert (of_noise > 10).all()
    assert of_plain.tolist() == of_ramp.tolist() == [0, 0]


def test_stripes_are_not_blurred_along_themselves():
    stripes = np.tile(np.where(np.arange(128) // 6 % 2, 30, 220).astype(np.uint8)[:, None], (1, 192))
    ((least, most),) = detail(stripes)
    assert least > 0.9 * most


# ---- borders ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shade", [0, 255])
@pytest.mark.parametrize("around", [(20, 20, 0, 0), (0, 0, 30, 30), (14, 25, 9, 31), (0, 40, 0, 0)])
def test_a_border_of_one_shade_is_left_out(shade, around):
    picture = np.clip(PHOTOGRAPH, 30, 225)  # where it is as light as its border, none can tell
    framed = cv2.copyMakeBorder(picture, *around, cv2.BORDER_CONSTANT, value=shade)
    framed = np.clip(framed + RNG.normal(0, 2, framed.shape), 0, 255).astype(np.uint8)
    rows, columns = legibility.inner_box(framed)
    height, width = framed.shape
    found = (rows.start, height - rows.stop, columns.start, width - columns.stop)
    for found_px, real_px in zip(found, around, strict=True):
        assert real_px <= found_px <= (real_px + 2 * legibility.INSET_PX if real_px else 0)


def test_an_askew_border_is_left_out():
    turned = Image.fromarray(np.maximum(PHOTOGRAPH, 60)).rotate(2, expand=True, fillcolor=0)
    box = legibility.inner_box(np.pad(np.asarray(turned), 12))
    assert box != legibility.WHOLE


def test_what_is_no_border():
    page = Image.new("L", (150, 180), 255)
    for line in range(8):
        ImageDraw.Draw(page).text((20, 15 + 18 * line), "COFFEE 2.20"[line % 4 :], fill=0)
    box_on_white = np.full((96, 96), 255, np.uint8)
    box_on_white[30:60, 20:80] = 0
    disc = cv2.circle(np.zeros((96, 96), np.uint8), (48, 48), 20, 255, -1)
    digit = np.pad((load_digits().images[0] * 15.9).astype(np.uint8), 3)
    for picture in (PHOTOGRAPH, np.asarray(page), box_on_white, disc, digit, np.zeros((96, 96), np.uint8)):
        assert legibility.inner_box(picture) == legibility.WHOLE


# ---- measured ---------------------------------------------------------------------------------------------


def row_of(picture: np.ndarray) -> np.void:
    return measure([Image.fromarray(picture).convert("RGB")])[0]


def test_brightness_reaches_as_far_as_within_the_border():
    dark = (WHOLE_PHOTOGRAPH * 0.2).astype(np.uint8)
    framed = cv2.copyMakeBorder(dark, 60, 60, 80, 80, cv2.BORDER_CONSTANT, value=255)
    assert row_of(framed)["brightest"] == pytest.approx(row_of(dark)["brightest"], abs=0.01)
    assert row_of(framed)["brightest"] < 0.21
    share = dark.size / framed.size
    assert row_of(framed)["border_fraction"] == pytest.approx(1 - share, abs=0.1)
    assert row_of(dark)["border_fraction"] == 0
    assert row_of(framed)["tonal_range"] > 0.9  # of the whole picture


def test_a_border_does_not_hide_blur():
    soft = cv2.GaussianBlur(WHOLE_PHOTOGRAPH, (0, 0), 12)
    framed = cv2.copyMakeBorder(soft, 60, 60, 80, 80, cv2.BORDER_CONSTANT, value=0)
    assert row_of(framed)["most_fine_detail"] < 0.1 < row_of(WHOLE_PHOTOGRAPH)["least_fine_detail"]


def test_few_letters_are_the_darkest_part_of_a_large_page():
    page = Image.new("L", (900, 1200), 255)
    ImageDraw.Draw(page).line([(100, 600), (500, 600)], fill=20, width=1)
    row = row_of(np.asarray(page))
    assert row["brightness_p01"] == 1
    assert row["darkest"] == pytest.approx(20 / 255)


def test_noise_is_no_tonal_range_but_a_small_disc_is():
    plain = np.clip(120 + RNG.normal(0, 2, (160, 200)), 0, 255).astype(np.uint8)
    assert row_of(plain)["tonal_range"] < 0.03
    assert row_of(cv2.circle(plain.copy(), (90, 80), 3, 200, -1))["tonal_range"] > 0.25


def test_least_and_most_leave_out_a_few_pixels():
    counts = np.zeros((1, 256))
    counts[0, [0, 40, 180, 255]] = 2, 5000, 4995, 3
    darkest, brightest = legibility.least_and_most(counts)
    assert (darkest[0], brightest[0]) == (40, 180)
    counts[0, 0] = 4
    assert legibility.least_and_most(counts)[0][0] == 0


def test_working_size_boxes_become_boxes_of_the_whole_picture():
    box = (slice(10, 90), slice(0, 192))
    assert legibility.at_size(box, (100, 192), (500, 960)) == (slice(50, 450), slice(0, 960))
    smooth = gaussian_filter(RNG.normal(size=(10, 10)), 1)
    assert smooth[legibility.at_size(legibility.WHOLE, (5, 5), (10, 10))].shape == (10, 10)

from itertools import pairwise

import cv2
import numpy as np
import pytest
from scipy import ndimage
from skimage import transform
from sklearn.datasets import load_sample_image

from analysis.interpret.corruptions import (
    CORRUPTIONS,
    SEVERITIES,
    brightness,
    contrast,
    corrupt,
    defocus_blur,
    fog,
    gaussian_noise,
    impulse_noise,
    motion_blur,
    occlusion,
    pixelation,
    rotation,
    shift,
    shot_noise,
    zoom_blur,
)
from analysis.statistics.image_similarity import psnr_db, ssim

BY_NAME = {corruption.name: corruption for corruption in CORRUPTIONS}
RANDOM = {
    "gaussian_noise",
    "shot_noise",
    "impulse_noise",
    "motion_blur",
    "fog",
    "occlusion",
    "rotation",
    "shift",
}
each_corruption = pytest.mark.parametrize("corruption", CORRUPTIONS, ids=lambda corruption: corruption.name)


def photographs(side_px: int, n: int = 6) -> np.ndarray:
    """Parts of scikit-learn's two photographs, uint8 (n, side, side, 3)."""
    parts = []
    for i in range(n):
        picture = load_sample_image(("china.jpg", "flower.jpg")[i % 2])
        parts.append(picture[i * 30 : i * 30 + 224, i * 60 : i * 60 + 224])
    return np.stack([cv2.resize(part, (side_px, side_px), interpolation=cv2.INTER_AREA) for part in parts])


def all_corrupted(images: np.ndarray, corruption, severity: int, *, seed: int = 0) -> np.ndarray:
    return np.stack(
        [corrupt(image, corruption, severity, seed=seed, item_id=i) for i, image in enumerate(images)]
    )


def flat(level: float, side_px: int = 64) -> np.ndarray:
    return np.full((side_px, side_px, 3), level, dtype=np.float32)


def point(side_px: int = 41) -> np.ndarray:
    picture = flat(0, side_px)
    picture[side_px // 2, side_px // 2] = 1
    return picture


def variance_px(spread: np.ndarray) -> np.ndarray:
    """Variance of a point's spread along x and y, and their covariance."""
    weights = spread[..., 0] / spread[..., 0].sum()
    y, x = np.indices(weights.shape) - spread.shape[0] // 2
    return np.array([(weights * x**2).sum(), (weights * y**2).sum(), (weights * x * y).sum()])


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


# ---- every corruption ------------------------------------------------------------------------------------
@each_corruption
@pytest.mark.parametrize("side_px", [8, 16, 32, 224])
def test_corrupted_image_is_of_the_same_shape_and_type_and_the_original_untouched(
    corruption, side_px
) -> None:
    (image,) = photographs(side_px, 1)
    before = image.copy()
    for severity in (0, *SEVERITIES):
        changed = corrupt(image, corruption, severity, seed=0, item_id=7)
        assert (changed.shape, changed.dtype) == (image.shape, np.uint8)
        assert not np.shares_memory(changed, image)
    assert np.array_equal(image, before)


@each_corruption
def test_severity_zero_is_clean(corruption) -> None:
    images = photographs(32)
    assert np.array_equal(all_corrupted(images, corruption, 0), images)


@each_corruption
@pytest.mark.parametrize("side_px", [16, 32, 64, 224])
def test_severity_makes_photographs_less_alike(corruption, side_px: int) -> None:
    images = photographs(side_px)
    changed = [all_corrupted(images, corruption, severity) for severity in (0, *SEVERITIES)]
    for measure in (psnr_db, ssim):
        means = np.array([measure(images, of_severity).mean() for of_severity in changed])
        assert (np.diff(means) < 0).all(), means


@each_corruption
def test_same_seed_and_image_give_the_same_pixels(corruption) -> None:
    (image,) = photographs(32, 1)
    first, again = (corrupt(image, corruption, 4, seed=3, item_id=5) for _ in range(2))
    other_seed = corrupt(image, corruption, 4, seed=4, item_id=5)
    other_image = corrupt(image, corruption, 4, seed=3, item_id=6)
    assert np.array_equal(first, again)
    is_random = corruption.name in RANDOM
    assert np.array_equal(first, other_seed) != is_random
    if corruption.name != "rotation":  # which turns one of two ways, here perhaps the same
        assert np.array_equal(first, other_image) != is_random


@each_corruption
@pytest.mark.parametrize("side_px", [8, 32])
def test_grey_images_stay_grey(corruption, side_px: int) -> None:
    grey = np.repeat(photographs(side_px)[..., :1], 3, axis=-1)
    for severity in SEVERITIES:
        changed = all_corrupted(grey, corruption, severity)
        assert (changed == changed[..., :1]).all()


@each_corruption
@pytest.mark.parametrize("level", [0, 128, 255])
def test_constant_images_survive(corruption, level: int) -> None:
    for side_px in (8, 32, 224):
        image = np.full((side_px, side_px, 3), level, dtype=np.uint8)
        changed = corrupt(image, corruption, 5, seed=0, item_id=0)
        assert changed.shape == image.shape
        if corruption.group in ("blur", "storage") or corruption.name in ("contrast", "rotation", "shift"):
            assert np.abs(changed.astype(int) - level).max() <= 1  # JPEG rounds its mean


# ---- severities ------------------------------------------------------------------------------------------
def test_amounts_are_those_published_at_32_and_224_px_and_geometric_between() -> None:
    noise, blur = BY_NAME["gaussian_noise"], BY_NAME["defocus_blur"]
    assert [noise.amount_at(s, 32) for s in SEVERITIES] == pytest.approx([0.04, 0.06, 0.08, 0.09, 0.10])
    assert [noise.amount_at(s, 224) for s in SEVERITIES] == pytest.approx([0.08, 0.12, 0.18, 0.26, 0.38])
    assert BY_NAME["jpeg"].amount_at(3, 128) == pytest.approx(58 * (15 / 58) ** (np.log(4) / np.log(7)))
    assert (noise.amount_at(1, 8), noise.amount_at(1, 448)) == pytest.approx((0.04, 0.08))
    assert (blur.amount_at(2, 16), blur.amount_at(2, 448)) == pytest.approx((0.69, 8))


@each_corruption
@pytest.mark.parametrize("side_px", [16, 32, 100, 224])
def test_amounts_change_one_way_with_severity(corruption, side_px: int) -> None:
    steps = np.diff([corruption.amount_at(severity, side_px) for severity in SEVERITIES])
    assert (steps > 0).all() or (steps < 0).all()


# ---- noise -----------------------------------------------------------------------------------------------
def test_noise_is_as_strong_as_said(rng) -> None:
    grey = flat(0.5, 256)
    assert (gaussian_noise(grey, 0.08, rng) - grey).std() == pytest.approx(0.08, rel=0.02)
    shot = shot_noise(grey, 60, rng)
    assert (shot.mean(), shot.std()) == pytest.approx((0.5, np.sqrt(0.5 / 60)), rel=0.02)
    impulses = impulse_noise(grey, 0.1, rng)
    assert (impulses == 0).mean() == pytest.approx(0.05, rel=0.1)
    assert (impulses == 1).mean() == pytest.approx(0.05, rel=0.1)


@pytest.mark.parametrize("change", [gaussian_noise, shot_noise, impulse_noise])
def test_noise_of_a_coloured_picture_is_coloured(change, rng) -> None:
    coloured = flat(0.5) * np.array([1, 0.9, 0.8], dtype=np.float32)
    red, green, _ = np.moveaxis(change(coloured, 0.1 if change is not shot_noise else 50, rng), -1, 0)
    assert abs(np.corrcoef(red.ravel(), green.ravel())[0, 1]) < 0.1


def test_impulses_of_a_severity_are_among_those_of_the_next() -> None:
    image = np.full((32, 32, 3), 128, dtype=np.uint8)
    hit = [corrupt(image, BY_NAME["impulse_noise"], s, seed=0, item_id=0) != 128 for s in SEVERITIES]
    assert all((after | ~before).all() for before, after in pairwise(hit))


# ---- blur ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("severity", "radius", "alias_blur"),
    [(1, 0.3, 0.4), (2, 0.4, 0.5), (3, 0.5, 0.6), (4, 1, 0.2), (5, 1.5, 0.1)],
)
def test_defocus_at_32_px_spreads_a_point_as_far_as_that_of_cifar_10_c(
    severity, radius, alias_blur, rng
) -> None:
    y, x = np.indices((17, 17)) - 8
    disk = (x**2 + y**2 <= radius**2).astype(float)
    theirs = cv2.GaussianBlur(disk / disk.sum(), (3, 3), alias_blur)[..., None]
    ours = defocus_blur(point(), BY_NAME["defocus_blur"].amount_at(severity, 32), rng)
    assert np.sqrt(variance_px(ours)[:2]) == pytest.approx(np.sqrt(variance_px(theirs)[:2]), rel=0.03)


@pytest.mark.parametrize(
    ("side_px", "severity", "n_taps", "sigma"),
    [(32, 1, 13, 1), (32, 2, 13, 1.5), (32, 3, 13, 2), (32, 5, 19, 2.5), (224, 1, 21, 3), (224, 5, 41, 15)],
)
def test_motion_spreads_a_point_as_far_as_half_a_bell(side_px, severity, n_taps, sigma, rng) -> None:
    taps = np.arange(n_taps)
    weights = np.exp(-(taps**2) / (2 * sigma**2))
    theirs = np.average((taps - np.average(taps, weights=weights)) ** 2, weights=weights)
    length = BY_NAME["motion_blur"].amount_at(severity, side_px)
    spreads = [variance_px(motion_blur(point(), length, rng)) for _ in range(60)]
    along = [np.linalg.eigvalsh([[x, xy], [xy, y]])[-1] for x, y, xy in spreads]
    assert np.sqrt(np.mean(along)) == pytest.approx(np.sqrt(theirs), rel=0.05)


def test_motion_smears_along_a_line(rng) -> None:
    spread = variance_px(motion_blur(point(), 21.0, rng))
    across, along = np.linalg.eigvalsh([[spread[0], spread[2]], [spread[2], spread[1]]])
    assert np.sqrt(along) == pytest.approx(21 / np.sqrt(12), rel=0.05)
    assert across < 0.5


def test_zoom_blur_is_the_mean_of_enlargements(rng) -> None:
    picture = photographs(64, 1)[0] / np.float32(255)
    middle = np.array([31.5, 31.5])
    enlarged = []
    for scale in np.linspace(1, 1.25, 17):
        matrix = transform.SimilarityTransform(scale=scale, translation=middle * (1 - scale))
        enlarged.append(transform.warp(picture, matrix.inverse, order=1, mode="edge"))
    assert np.abs(zoom_blur(picture, 0.25, rng) - np.mean(enlarged, axis=0)).max() < 0.01


# ---- light -----------------------------------------------------------------------------------------------
def test_contrast_and_brightness_by_hand(rng) -> None:
    halves = flat(0.2, 8)
    halves[:, 4:] = 0.6
    assert contrast(halves, 0.5, rng)[0, [0, 7], 0] == pytest.approx([0.3, 0.5])
    coloured = np.array([[[0.4, 0.2, 0.0], [0.9, 0.9, 0.45], [0, 0, 0]]], dtype=np.float32)
    expected = [
        [0.6, 0.3, 0.0],
        [1.0, 1.0, 0.5],
        [0.2, 0.2, 0.2],
    ]  # the largest channel gains, all in proportion
    assert brightness(coloured, 0.2, rng)[0] == pytest.approx(np.array(expected), abs=1e-5)


def test_fog_lies_between_none_and_full_and_is_coarse(rng) -> None:
    density = fog(flat(0, 128), 1.0, rng)[..., 0] * 2  # (0 + 1 · density) / (1 + 1)
    assert (density.min(), density.max()) == pytest.approx((0, 1), abs=1e-6)
    power = np.abs(np.fft.rfft2(density)) ** 2
    frequency = np.hypot(np.fft.fftfreq(128)[:, None], np.fft.rfftfreq(128))
    is_fitted = (frequency > 0.02) & (frequency < 0.4)
    slope = np.polyfit(np.log(frequency[is_fitted]), np.log(power[is_fitted]), 1)[0]
    assert slope == pytest.approx(-4, abs=0.1)


def test_fog_lightens_and_greys(rng) -> None:
    picture = flat(0.8, 32)
    fogged = fog(picture, 1.5, rng)
    assert fogged.min() == pytest.approx(
        0.8 / 2.5
    )  # where there is none, the picture is as dim as under all of it
    assert fogged.max() == pytest.approx((0.8 + 1.5) / 2.5)


# ---- storage and framing ---------------------------------------------------------------------------------
def test_pixelation_by_half_takes_means_of_four(rng) -> None:
    picture = photographs(32, 1)[0] / np.float32(255)
    means = picture.reshape(16, 2, 16, 2, 3).mean(axis=(1, 3))
    assert np.abs(pixelation(picture, 0.5, rng) - means.repeat(2, 0).repeat(2, 1)).max() < 1.01 / 255


@pytest.mark.parametrize("side_px", [8, 16, 32, 224])
def test_occluder_is_a_grey_square_of_its_size_within_the_picture(side_px: int) -> None:
    for i in range(20):
        is_grey = occlusion(flat(0, side_px), 0.25, np.random.default_rng(i))[..., 0] == 0.5
        rows, columns = np.flatnonzero(is_grey.any(axis=1)), np.flatnonzero(is_grey.any(axis=0))
        assert len(rows) == len(columns) == side_px // 4
        assert is_grey.sum() == (side_px // 4) ** 2


def test_rotation_turns_either_way_about_the_middle() -> None:
    picture = ndimage.gaussian_filter(photographs(64, 1)[0] / np.float32(255), (2, 2, 0))
    turned = [rotation(picture, 10, np.random.default_rng(i)) for i in range(12)]
    references = [transform.rotate(picture, angle, order=3, mode="edge") for angle in (10, -10)]
    distances = np.array([[np.abs(one - other).mean() for other in references] for one in turned])
    assert (distances.min(axis=1) < 0.002).all()
    assert len(set(distances.argmin(axis=1))) == 2


def test_shift_moves_by_its_distance_in_all_directions() -> None:
    picture = ndimage.gaussian_filter(point(61), (3, 3, 0))
    moves = []
    for i in range(40):
        moved = shift(picture, 0.1, np.random.default_rng(i))[..., 0]
        moves.append(np.array(ndimage.center_of_mass(moved)) - 30)
    assert np.hypot(*np.transpose(moves)) == pytest.approx(6.1, abs=0.1)  # OpenCV's steps are 1/32 px
    assert np.abs(np.mean(moves, axis=0)).max() < 1.5

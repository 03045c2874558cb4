import cv2
import numpy as np
import pandas as pd
import pytest
from scipy.ndimage import gaussian_filter

from analysis.scrub.duplicate_search.changes import NOT_MEASURED, named_changes
from analysis.scrub.duplicate_search.first_look import NO_COLOUR, aligned, best_first, first_look, most_alike

N = 80
BEYOND_CHANCE = 10.0  # deviations; unlike pictures reach half of it


@pytest.fixture(scope="module")
def pictures() -> np.ndarray:
    """Smooth random colour, of which no two are alike; (80, 48, 48, 3), larger than a thumbnail for crops."""
    noise = np.random.default_rng(0).normal(size=(N, 48, 48, 3))
    smooth = sum(gaussian_filter(noise, (0, s, s, 0)) * s for s in (1, 2, 4))
    return np.clip(128 + 45 * smooth, 0, 255).astype(np.uint8)


def seen(picture: np.ndarray, *, warp: np.ndarray | None = None) -> np.ndarray:
    """The 32 × 32 pixels in the middle, after an affine map about the centre."""
    if warp is not None:
        picture = cv2.warpAffine(picture, warp, (48, 48), flags=cv2.INTER_LINEAR)
    return picture[8:40, 8:40]


def about_the_centre(*, scale: float = 1, degrees: float = 0, x: float = 0, y: float = 0) -> np.ndarray:
    warp = cv2.getRotationMatrix2D((23.5, 23.5), degrees, scale)
    return np.add(warp, [[0, 0, x], [0, 0, y]])


def looked_at(images: np.ndarray, pairs: np.ndarray, *, max_pairs: int = 10_000, n_workers: int = 1):
    look = first_look(images, n_drawn_from=len(images), seed=0)
    return aligned(look, *most_alike(look, pairs, max_pairs=max_pairs), n_workers=n_workers)


def aligned_copy(pictures: np.ndarray, copy: np.ndarray, *, is_mirrored: bool = False) -> pd.Series:
    """The row of a pair of the first picture and its copy, among all the other pictures."""
    images = np.stack([seen(picture) for picture in pictures] + [copy])
    table = looked_at(images, np.array([[0, N, int(is_mirrored)]]))
    assert len(table) == 1
    return table.iloc[0]


def recompressed(image: np.ndarray) -> np.ndarray:
    _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 50])
    return cv2.imdecode(data, cv2.IMREAD_COLOR)


def change_of(row: pd.Series) -> str:
    table = row.to_frame().T.infer_objects().assign(row_a=0, row_b=1)
    return named_changes(
        table,
        size_px=np.full((2, 2), 32),
        kept_fraction=np.ones((2, 2)),
        is_recompressed=np.zeros(1, bool),
    ).iloc[0]


def test_first_look_measures_shift(pictures: np.ndarray) -> None:
    row = aligned_copy(pictures, seen(pictures[0], warp=about_the_centre(x=3, y=-2)))
    assert row["structure_z"] > BEYOND_CHANCE
    assert row["shift_px"] == pytest.approx(np.hypot(3, 2), abs=0.1)
    assert change_of(row) == "shifted"


def test_first_look_measures_scale_and_rotation(pictures: np.ndarray) -> None:
    row = aligned_copy(pictures, seen(pictures[0], warp=about_the_centre(scale=1.1, degrees=3)))
    assert row["structure_z"] > BEYOND_CHANCE
    assert row["scale"] == pytest.approx(1.1, abs=0.01)
    assert abs(row["rotation_degrees"]) == pytest.approx(3, abs=0.2)
    assert change_of(row) == "cropped, rotated"


def test_first_look_knows_a_mirrored_copy(pictures: np.ndarray) -> None:
    row = aligned_copy(pictures, seen(pictures[0])[:, ::-1], is_mirrored=True)
    assert row["structure_z"] > BEYOND_CHANCE
    assert change_of(row) == "mirrored"


def test_first_look_measures_brightness_and_contrast(pictures: np.ndarray) -> None:
    original = seen(pictures[0]).astype(float)
    row = aligned_copy(pictures, np.clip(original * 0.75 + 10, 0, 255).astype(np.uint8))
    assert row["structure_z"] > BEYOND_CHANCE
    assert row["contrast_ratio"] == pytest.approx(0.75, abs=0.03)
    assert row["brightness_change"] == pytest.approx(10 - 0.25 * original.mean(), abs=3)


def test_first_look_measures_a_turn_of_the_hue(pictures: np.ndarray) -> None:
    original = seen(pictures[0]).astype(float)
    luma = original @ [0.299, 0.587, 0.114]
    cb, cr = 0.564 * (original[..., 2] - luma), 0.713 * (original[..., 0] - luma)
    turned = (cb + 1j * cr) * 0.5 * np.exp(1j * np.radians(40))
    red, blue = luma + turned.imag / 0.713, luma + turned.real / 0.564
    green = (luma - 0.299 * red - 0.114 * blue) / 0.587
    row = aligned_copy(pictures, np.clip(np.stack([red, green, blue], axis=-1), 0, 255).astype(np.uint8))
    assert row["structure_z"] > BEYOND_CHANCE
    assert abs(row["hue_degrees"]) == pytest.approx(40, abs=4)


def test_first_look_finds_a_recompressed_copy_and_holds_no_colour_against_a_grey_one(
    pictures: np.ndarray,
) -> None:
    original = seen(pictures[0])
    row = aligned_copy(pictures, recompressed(original))
    assert row["structure_z"] > BEYOND_CHANCE
    assert change_of(row) == NOT_MEASURED  # an alignment does not show why pixels differ a little
    grey = np.repeat(cv2.cvtColor(original, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
    row = aligned_copy(pictures, grey)
    assert row["colour_agreement"] == pytest.approx(NO_COLOUR, abs=0.05)
    assert change_of(row) == "saturation"


def test_first_look_finds_unlike_pictures_little_alike(pictures: np.ndarray) -> None:
    images = np.stack([seen(picture) for picture in pictures])
    pairs = [(a, b, mirrored) for a in range(N) for b in range(a + 1, N) for mirrored in (0, 1)]
    table = looked_at(images, np.array(pairs))
    assert 0.9 * N * (N - 1) / 2 < len(table) <= N * (N - 1) / 2  # the better of upright and mirrored
    assert (table["structure_z"] < BEYOND_CHANCE).all()


def test_first_look_sees_no_structure_in_flat_images() -> None:
    noise = np.random.default_rng(0).integers(-1, 2, (N, 32, 32, 1))
    skies = (np.linspace(120, 180, 32)[:, None, None] + noise).astype(np.uint8).repeat(3, axis=3)
    pairs = np.array([(a, b, 0) for a in range(N) for b in range(a + 1, N)])
    assert (looked_at(skies, pairs)["structure_agreement"] < 0.5).all()


def test_first_look_at_no_pair_has_its_columns(pictures: np.ndarray) -> None:
    table = looked_at(np.stack([seen(picture) for picture in pictures]), np.empty((0, 3), dtype=np.int64))
    assert len(table) == 0
    assert {"row_a", "row_b", "structure_z", "is_mirrored", "shift_px"} <= set(table.columns)


def test_first_look_measures_the_same_with_any_number_of_workers(pictures: np.ndarray) -> None:
    images = np.stack([seen(picture) for picture in pictures] + [recompressed(seen(pictures[5]))])
    pairs = np.array([(a, N, 0) for a in range(N)])
    one, three = (looked_at(images, pairs, n_workers=n) for n in (1, 3))
    pd.testing.assert_frame_equal(one, three)


def test_most_alike_keeps_the_copy_when_only_one_pair_may_stay(pictures: np.ndarray) -> None:
    images = np.stack([seen(picture) for picture in pictures] + [recompressed(seen(pictures[5]))])
    pairs = np.array([(a, N, 0) for a in range(N)])
    assert looked_at(images, pairs, max_pairs=1)[["row_a", "row_b"]].to_numpy().tolist() == [[5, N]]


def test_best_first_knows_a_pair_that_stands_out_among_look_alikes() -> None:
    """Of 20 pictures of one pose two are more alike still; 20 pairs are farther beyond chance than they."""
    in_pose = np.array([(0, other, 0) for other in range(1, 20)])
    elsewhere = np.array([(40, other, 0) for other in range(41, 61)])
    correlation = np.r_[0.97, np.full(18, 0.9), np.full(20, 0.99)]
    first = best_first(correlation, np.concatenate([in_pose, elsewhere]), correlation)
    assert 0 in first[:2]  # ties among the others aside

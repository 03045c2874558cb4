import cv2
import numpy as np
import pandas as pd
import pytest
from scipy.ndimage import gaussian_filter

from analysis.scrub.duplicate_search.changes import NOT_MEASURED, named_changes
from analysis.scrub.duplicate_search.verification import NO_COLOUR, verify

N = 80


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


def verified_copy(pictures: np.ndarray, copy: np.ndarray, *, is_mirrored: bool = False) -> pd.Series:
    """The row of a pair of the first picture and its copy, among all the other pictures."""
    images = np.stack([seen(picture) for picture in pictures] + [copy])
    table = verify(images, np.array([[0, N, int(is_mirrored)]]), min_score=0, seed=0, n_workers=1)
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


def test_verify_measures_shift(pictures: np.ndarray) -> None:
    row = verified_copy(pictures, seen(pictures[0], warp=about_the_centre(x=3, y=-2)))
    assert row["score"] > 0.7
    assert row["shift_px"] == pytest.approx(np.hypot(3, 2), abs=0.1)
    assert change_of(row) == "shifted"


def test_verify_measures_scale_and_rotation(pictures: np.ndarray) -> None:
    row = verified_copy(pictures, seen(pictures[0], warp=about_the_centre(scale=1.1, degrees=3)))
    assert row["score"] > 0.7
    assert row["scale"] == pytest.approx(1.1, abs=0.01)
    assert abs(row["rotation_degrees"]) == pytest.approx(3, abs=0.2)
    assert change_of(row) == "cropped, rotated"


def test_verify_knows_a_mirrored_copy(pictures: np.ndarray) -> None:
    row = verified_copy(pictures, seen(pictures[0])[:, ::-1], is_mirrored=True)
    assert row["score"] > 0.7
    assert change_of(row) == "mirrored"


def test_verify_measures_brightness_and_contrast(pictures: np.ndarray) -> None:
    original = seen(pictures[0]).astype(float)
    row = verified_copy(pictures, np.clip(original * 0.75 + 10, 0, 255).astype(np.uint8))
    assert row["score"] > 0.7
    assert row["contrast_ratio"] == pytest.approx(0.75, abs=0.03)
    assert row["brightness_change"] == pytest.approx(10 - 0.25 * original.mean(), abs=3)


def test_verify_measures_a_turn_of_the_hue(pictures: np.ndarray) -> None:
    original = seen(pictures[0]).astype(float)
    luma = original @ [0.299, 0.587, 0.114]
    cb, cr = 0.564 * (original[..., 2] - luma), 0.713 * (original[..., 0] - luma)
    turned = (cb + 1j * cr) * 0.5 * np.exp(1j * np.radians(40))
    red, blue = luma + turned.imag / 0.713, luma + turned.real / 0.564
    green = (luma - 0.299 * red - 0.114 * blue) / 0.587
    row = verified_copy(pictures, np.clip(np.stack([red, green, blue], axis=-1), 0, 255).astype(np.uint8))
    assert row["score"] > 0.7
    assert abs(row["hue_degrees"]) == pytest.approx(40, abs=4)


def test_verify_finds_a_recompressed_copy_and_holds_no_colour_against_a_grey_one(
    pictures: np.ndarray,
) -> None:
    original = seen(pictures[0])
    row = verified_copy(pictures, recompressed(original))
    assert row["score"] > 0.5
    assert change_of(row) == NOT_MEASURED  # an alignment does not show why pixels differ a little
    grey = np.repeat(cv2.cvtColor(original, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
    row = verified_copy(pictures, grey)
    assert row["colour_agreement"] == pytest.approx(NO_COLOUR, abs=0.05)
    assert change_of(row) == "saturation"


def test_verify_scores_unlike_pictures_low(pictures: np.ndarray) -> None:
    images = np.stack([seen(picture) for picture in pictures])
    pairs = [(a, b, mirrored) for a in range(N) for b in range(a + 1, N) for mirrored in (0, 1)]
    table = verify(images, np.array(pairs), min_score=0, seed=0, n_workers=1)
    assert (table["score"] < 0.5).all()


def test_verify_does_not_take_like_frames_for_a_copy(pictures: np.ndarray) -> None:
    images = np.stack([seen(picture) for picture in pictures])
    images[:2, :7], images[:2, -7:], images[:2, :, :7], images[:2, :, -7:] = 0, 0, 0, 0
    table = verify(images, np.array([[0, 1, 0]]), min_score=0, seed=0, n_workers=1)
    assert (table["score"] < 0.5).all()


def test_verify_finds_nothing_in_flat_images(pictures: np.ndarray) -> None:
    noise = np.random.default_rng(0).integers(-1, 2, (N, 32, 32, 1))
    skies = (np.linspace(120, 180, 32)[:, None, None] + noise).astype(np.uint8).repeat(3, axis=3)
    pairs = np.array([(a, b, 0) for a in range(N) for b in range(a + 1, N)])
    assert (verify(skies, pairs, min_score=0, seed=0, n_workers=1)["score"] < 0.5).all()


def test_verify_without_pairs_has_its_columns(pictures: np.ndarray) -> None:
    images = np.stack([seen(picture) for picture in pictures])
    table = verify(images, np.empty((0, 3), dtype=np.int64), min_score=0, seed=0, n_workers=1)
    assert len(table) == 0
    assert {"row_a", "row_b", "score", "is_mirrored", "shift_px"} <= set(table.columns)


def test_verify_gives_the_same_scores_with_any_number_of_workers(pictures: np.ndarray) -> None:
    images = np.stack([seen(picture) for picture in pictures] + [recompressed(seen(pictures[5]))])
    pairs = np.array([(a, N, 0) for a in range(N)])
    one, three = (verify(images, pairs, min_score=0, seed=0, n_workers=n) for n in (1, 3))
    pd.testing.assert_frame_equal(one, three)


@pytest.mark.parametrize("is_mirrored", [False, True])
def test_verify_compares_two_copies_of_one_image(pictures: np.ndarray, is_mirrored: bool) -> None:
    original = seen(pictures[0])
    first = seen(pictures[0], warp=about_the_centre(x=2, y=1))
    second = recompressed(original[:, ::-1] if is_mirrored else original)
    images = np.stack([seen(picture) for picture in pictures] + [first, second])
    pairs = np.array([[0, N, 0], [0, N + 1, int(is_mirrored)]])
    table = verify(images, pairs, min_score=0.5, seed=0, n_workers=1).set_index(["row_a", "row_b"])
    assert table.loc[(N, N + 1), "is_mirrored"] == is_mirrored
    assert len(table) == 3


def test_verify_leaves_out_what_scores_less(pictures: np.ndarray) -> None:
    images = np.stack([seen(picture) for picture in pictures] + [recompressed(seen(pictures[5]))])
    pairs = np.array([(a, N, 0) for a in range(N)])
    table = verify(images, pairs, min_score=0.5, seed=0, n_workers=1)
    assert table[["row_a", "row_b"]].to_numpy().tolist() == [[5, N]]


def test_verify_with_a_lower_score_only_adds_pairs_that_score_less(pictures: np.ndarray) -> None:
    """Two copies of one picture that the search brought together only by way of a third, unsure one."""
    original = seen(pictures[0])
    noise = np.random.default_rng(0).normal(0, 35, original.shape)
    doubtful = np.clip(original + noise, 0, 255).astype(np.uint8)
    images = np.stack([seen(picture) for picture in pictures] + [recompressed(original), doubtful])
    pairs = np.array([(0, N + 1, 0), (N, N + 1, 0), *((a, N, 0) for a in range(5, 20))])
    low, high = (verify(images, pairs, min_score=s, seed=0, n_workers=1) for s in (0.1, 0.5))
    assert low["score"].between(0.1, 0.5).sum() == 2
    pd.testing.assert_frame_equal(low[low["score"] >= 0.5].reset_index(drop=True), high)

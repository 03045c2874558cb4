"""Features of pictures for which they can be told beforehand."""

from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from skimage.color import rgb2lab

from analysis.contract import InputError
from analysis.explore.visual_features.features import FEATURES, measure_images, measure_picture


def features_of(pixels: np.ndarray) -> dict[str, float]:
    if pixels.ndim == 2:
        pixels = np.repeat(pixels[..., None], 3, axis=2)
    return dict(zip(FEATURES, measure_picture(pixels.astype(np.uint8)), strict=True))


CHECKERBOARD = 255 * (np.indices((32, 32)).sum(axis=0) % 2)
NOISE = np.random.default_rng(0).integers(0, 256, (40, 24, 3), dtype=np.uint8)


def test_fine_pattern_is_gone_a_scale_further() -> None:
    features = features_of(CHECKERBOARD)
    assert features["contrast_scale_0"] == pytest.approx(0.5)
    assert features["contrast_scale_1"] < 0.02


def test_coarse_pattern_lasts_and_its_edges_grow_steeper_with_the_scale() -> None:
    stripes = np.tile(np.where(np.arange(32) % 16 < 8, 0, 255), (32, 1))
    features = features_of(stripes)
    assert features["contrast_scale_2"] > 0.3
    assert features["edges_scale_0"] == pytest.approx(3 / 32)  # 3 edges, each over 2 columns with slope 1/2
    assert features["edges_scale_1"] > features["edges_scale_0"]


def test_colour_is_that_of_scikit_image() -> None:
    lab = rgb2lab(NOISE).reshape(-1, 3) / 100
    features = features_of(NOISE)
    for i, channel in enumerate(("lightness", "green_red", "blue_yellow")):
        assert features[f"{channel}_mean"] == pytest.approx(lab[:, i].mean(), abs=2e-3)
        assert features[f"{channel}_std"] == pytest.approx(lab[:, i].std(), abs=2e-3)


def test_patterns_do_not_turn_with_the_picture_and_sum_to_one() -> None:
    features, turned = features_of(NOISE), features_of(np.rot90(NOISE))
    shares = [features[f"pattern_{i}"] for i in range(10)]
    assert sum(shares) == pytest.approx(1)
    assert shares == pytest.approx([turned[f"pattern_{i}"] for i in range(10)], abs=1e-9)


def test_co_occurrence_of_a_checkerboard_by_hand() -> None:
    features = features_of(CHECKERBOARD)
    # of 16 levels only 0 and 15 occur: along rows and columns always unlike, along diagonals always alike
    straight, diagonal = 2 * 2 * 32 * 31, 2 * 2 * 31 * 31
    unlike = straight / (straight + diagonal)
    assert features["glcm_contrast_1px"] == pytest.approx(unlike * 15**2)
    assert features["glcm_homogeneity_1px"] == pytest.approx((1 - unlike) + unlike / (1 + 15**2))


def test_a_plain_picture_has_no_texture() -> None:
    features = features_of(np.full((32, 32), 90))
    assert features["contrast_scale_0"] == pytest.approx(0, abs=1e-6)
    assert features["edges_scale_0"] == 0
    assert (features["glcm_contrast_1px"], features["glcm_energy_1px"]) == (0, pytest.approx(1))


def files(*paths: Path) -> pd.DataFrame:
    return pd.DataFrame({"path": [str(path) for path in paths], "value_range": None})


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (3, 2)])
def test_a_tiny_picture_lacks_scales_and_keeps_the_rest(shape: tuple[int, int]) -> None:
    features = features_of(np.full(shape, 50))
    assert np.isnan(features["contrast_scale_3"])
    assert np.isfinite(
        [features["lightness_mean"], features["glcm_contrast_2px"], features["pattern_8"]]
    ).all()


def test_large_pictures_are_measured_at_a_bounded_size_and_small_ones_as_they_are(tmp_path: Path) -> None:
    small = tmp_path / "klein ü.png"
    Image.fromarray(NOISE).save(small)
    large = cv2.resize(NOISE, (240, 400), interpolation=cv2.INTER_NEAREST)
    Image.fromarray(large).save(tmp_path / "large.png")
    table = measure_images(files(small, tmp_path / "large.png"))
    assert table.loc[0].to_numpy() == pytest.approx(measure_picture(NOISE))
    assert table["contrast_scale_1"].notna().all()
    assert measure_images(files()).shape == (0, len(FEATURES))


def test_a_file_gone_since_the_scan_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone\.png could be read when it was scanned"):
        measure_images(files(tmp_path / "gone.png"))

"""What resizing costs, on gratings and photographs' kin for which theory says what must come out."""

import numpy as np
import pandas as pd
import pytest
from skimage.metrics import peak_signal_noise_ratio

from analysis.scrub.resampling import (
    ALIASED,
    ANTIALIASED,
    METHODS,
    central_part,
    cut_spectrum,
    low_passed,
    spectrum,
)
from analysis.scrub.resampling_losses.picture_losses import measure_picture


def grating(cycles: float, side: int = 128) -> np.ndarray:
    """Stripes, so many a picture."""
    x = (np.arange(side) + 0.5) / side
    return np.tile(0.5 + 0.4 * np.cos(2 * np.pi * cycles * x), (side, 1)).astype(np.float32)


def losses_of(picture: np.ndarray, side: int) -> pd.DataFrame:
    return measure_picture(picture, (side, side))[0].set_index("method")


def test_detail_too_fine_for_the_target_is_folded_down_without_antialiasing_only() -> None:
    # 24 cycles do not fit into 32 px, which hold 16; with coarser stripes so that there is something to keep
    losses = losses_of((grating(24) + grating(4)) / 2, 32)["stray_fraction"]
    assert losses[list(ALIASED)].min() > 0.4
    assert losses[["bilinear", "bicubic", "lanczos"]].max() < 0.05


def test_coarse_detail_is_kept_by_all_and_gives_nothing_to_fold() -> None:
    losses = losses_of(grating(2), 64)
    assert losses["stray_fraction"].max() < 1e-3
    assert losses["psnr_db"].min() > 30


def test_bilinear_blurs_fine_detail_more_than_bicubic_and_lanczos_least() -> None:
    kept = losses_of((grating(11) + grating(2)) / 2, 32)["fine_detail_fraction"]
    assert kept["bilinear"] < kept["bicubic"] < kept["lanczos"] < 1.1


def test_without_resizing_nothing_is_lost() -> None:
    losses = losses_of(grating(9, side=32), 32)
    assert (losses["ssim"] > 1 - 1e-6).all()
    assert (losses["psnr_db"] > 58).all()
    assert losses["stray_fraction"].max() < 1e-9
    assert losses["fine_detail_fraction"].to_numpy() == pytest.approx(1, abs=1e-4)


def test_enlarging_by_nearest_makes_steps_and_lanczos_hardly_any() -> None:
    losses = losses_of(grating(2, side=8), 16)
    assert losses["stray_fraction"]["nearest"] > 5 * losses["stray_fraction"]["lanczos"]
    assert losses["ssim"]["lanczos"] > losses["ssim"]["nearest"]


def test_a_plain_picture_loses_nothing_and_has_no_detail() -> None:
    losses = losses_of(np.full((40, 30), 0.3, dtype=np.float32), 16)
    assert losses["ssim"].to_numpy() == pytest.approx(1, abs=1e-4)
    assert losses[["fine_detail_fraction", "stray_fraction"]].isna().all(axis=None)


def test_psnr_is_that_of_scikit_image_there_and_back() -> None:
    picture = np.random.default_rng(0).random((32, 32)).astype(np.float32)
    small = ANTIALIASED["area"](picture, (16, 16)).astype(float)
    back = np.zeros((32, 32))
    back[:16, :16] = 2 * spectrum(small)
    from scipy.fft import idctn

    expected = peak_signal_noise_ratio(
        picture.astype(float), idctn(back, norm="ortho").clip(0, 1), data_range=1
    )
    assert losses_of(picture, 16)["psnr_db"]["area"] == pytest.approx(expected, rel=1e-5)


def test_the_ideal_keeps_what_fits_and_removes_what_does_not() -> None:
    np.testing.assert_allclose(low_passed(grating(4), (32, 32)), grating(4), atol=1e-5)
    np.testing.assert_allclose(low_passed(grating(24), (32, 32)), 0.5, atol=1e-5)
    np.testing.assert_allclose(cut_spectrum(spectrum(grating(4)), (32, 32))[0, 0], 0.5 * 32, rtol=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_is_linear_and_keeps_grey_levels(method: str) -> None:
    resize = METHODS[method]
    a, b = np.random.default_rng(0).random((2, 20, 31)).astype(np.float32)
    both = resize(a - 2 * b, (9, 12))
    assert both.shape == (9, 12)
    np.testing.assert_allclose(both, resize(a, (9, 12)) - 2 * resize(b, (9, 12)), atol=1e-5)
    np.testing.assert_allclose(resize(np.full((20, 31), 0.25), (50, 7)), 0.25, atol=1e-6)


def test_of_a_large_picture_the_middle_is_measured_at_the_same_scale() -> None:
    picture, shape = central_part(np.zeros((1500, 3000), dtype=np.float32), 64)
    assert picture.size <= 1.1 * 512**2
    assert picture.shape[0] / shape[0] == pytest.approx(1500 / 64, rel=0.01)
    assert picture.shape[1] / shape[1] == pytest.approx(3000 / 64, rel=0.01)

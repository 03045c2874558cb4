import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from torchmetrics.functional.image import peak_signal_noise_ratio as torch_psnr

from analysis.statistics.image_similarity import psnr_db, ssim, ssim_of_pair

RNG = np.random.default_rng(0)


def pairs(side_px: int) -> tuple[np.ndarray, np.ndarray]:
    originals = RNG.integers(0, 256, (5, side_px, side_px, 3), dtype=np.uint8)
    noise = RNG.normal(0, [[[[1]]], [[[5]]], [[[20]]], [[[60]]], [[[150]]]], originals.shape)
    return originals, np.clip(originals + noise, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("side_px", [8, 16, 33, 64])
def test_ssim_is_scikit_images(side_px: int) -> None:
    originals, changed = pairs(side_px)
    reference = [
        structural_similarity(a, b, channel_axis=-1) for a, b in zip(originals, changed, strict=True)
    ]
    assert ssim(originals, changed) == pytest.approx(reference, abs=1e-10)


@pytest.mark.parametrize(("side_px", "window"), [(4, 3), (5, 5), (6, 5)])
def test_window_of_ssim_fits_into_small_images(side_px: int, window: int) -> None:
    originals, changed = pairs(side_px)
    reference = [
        structural_similarity(a, b, channel_axis=-1, win_size=window)
        for a, b in zip(originals, changed, strict=True)
    ]
    assert ssim(originals, changed) == pytest.approx(reference, abs=1e-10)


@pytest.mark.parametrize("side_px", [5, 16])
def test_ssim_of_a_pair_is_that_of_the_batch(side_px: int) -> None:
    originals, changed = (np.repeat(images[..., :1], 3, axis=-1) for images in pairs(side_px))
    of_pairs = [
        ssim_of_pair(a[..., 0] / 255, b[..., 0] / 255) for a, b in zip(originals, changed, strict=True)
    ]
    assert ssim(originals, changed) == pytest.approx(of_pairs, abs=1e-10)


def test_psnr_is_scikit_images_and_torchmetrics() -> None:
    originals, changed = pairs(16)
    of_skimage = [peak_signal_noise_ratio(a, b) for a, b in zip(originals, changed, strict=True)]
    of_torch = torch_psnr(
        torch.from_numpy(changed).double(),
        torch.from_numpy(originals).double(),
        data_range=255.0,
        dim=(1, 2, 3),
        reduction="none",
    )
    assert psnr_db(originals, changed) == pytest.approx(of_skimage)
    assert psnr_db(originals, changed) == pytest.approx(of_torch.numpy())


def test_equal_images_are_as_alike_as_8_bits_allow() -> None:
    originals, _ = pairs(16)
    assert ssim(originals, originals) == pytest.approx(1)
    assert psnr_db(originals, originals) == pytest.approx(10 * np.log10(12 * 255**2))


def test_constant_images_have_finite_values() -> None:
    black, white = (np.full((1, 8, 8, 3), level, dtype=np.uint8) for level in (0, 255))
    assert psnr_db(black, white) == pytest.approx([0])
    assert ssim(black, white) == pytest.approx([0.01**2 / (1 + 0.01**2)])

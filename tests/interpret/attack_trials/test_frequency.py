import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn

from analysis.interpret.attack_trials.attacks import Target
from analysis.interpret.attack_trials.frequency import (
    fast_fraction,
    fourier_wave,
    half_plane,
    pass_above,
    pass_below,
    radial_spectrum,
)
from analysis.interpret.attack_trials.frequency_trials import (
    filter_cutoffs,
    fourier_errors,
    right_when_filtered,
)
from analysis.interpret.robustness_deepdive.trials import filter_table

PX = 32


def picture(*waves: tuple[int, int, float], level: float = 0.5, px: int = PX) -> np.ndarray:
    """(1, 3, px, px) of cosines (cycles down, cycles across, amplitude) about a level."""
    place = 2 * np.pi * np.arange(px) / px
    grey = sum(a * np.cos(down * place[:, None] + across * place) for down, across, a in waves) + level
    return np.broadcast_to(grey, (1, 3, px, px)).astype(np.float32)


@pytest.mark.parametrize(("down", "across", "ring"), [(0, 5, 5), (12, 0, 12), (3, 4, 5), (6, -8, 10)])
def test_spectrum_of_a_wave_peaks_at_its_frequency(down: int, across: int, ring: int) -> None:
    power = radial_spectrum(picture((down, across, 0.3)))
    assert power.shape == (1, PX // 2)
    assert power[0].argmax() + 1 == ring
    is_far = np.abs(np.arange(1, PX // 2 + 1) - ring) > 2
    assert power[0, is_far].max() < 1e-9 * power[0].max()


def test_spectrum_has_the_square_of_the_contrast_and_no_brightness() -> None:
    plain = radial_spectrum(picture((0, 6, 0.1)))
    np.testing.assert_allclose(radial_spectrum(picture((0, 6, 0.3))), 9 * plain, atol=1e-4)
    np.testing.assert_allclose(radial_spectrum(picture((0, 6, 0.1), level=0.3)), plain, atol=1e-4)
    np.testing.assert_allclose(radial_spectrum(picture(level=0.7)), 0, atol=1e-6)


def test_fast_fraction_is_the_share_above_half_the_highest_frequency() -> None:
    images = [picture((0, 3, 0.2)), picture((0, 12, 0.2)), picture((0, 3, 0.2), (12, 0, 0.1))]
    assert fast_fraction(np.concatenate(images)) == pytest.approx([0, 1, 1 / 5], abs=1e-4)


def test_filters_part_a_picture_of_two_waves() -> None:
    both = picture((0, 2, 0.2), (10, 0, 0.1))
    np.testing.assert_allclose(pass_below(both, 5), picture((0, 2, 0.2)), atol=1e-6)
    np.testing.assert_allclose(pass_above(both, 5), picture((10, 0, 0.1)), atol=1e-6)
    np.testing.assert_allclose(
        pass_below(both, 2), picture((0, 2, 0.2)), atol=1e-6
    )  # the cut-off itself is kept
    np.testing.assert_allclose(pass_below(both, 99), both, atol=1e-6)
    np.testing.assert_allclose(pass_above(both, 0), both, atol=1e-6)


def test_filtered_pictures_stay_within_range() -> None:
    square = np.zeros((1, 3, PX, PX), dtype=np.float32)
    square[..., 8:24, 8:24] = 1
    for kept in (pass_below(square, 4), pass_above(square, 4)):
        assert kept.dtype == np.float32
        assert (kept.min(), kept.max()) >= (0, 0)
        assert kept.max() <= 1


@pytest.mark.parametrize("px", [16, 32, 33])
def test_wave_has_norm_one_and_two_coefficients(px: int) -> None:
    for down, across in half_plane(px, 4):
        wave = fourier_wave(px, down, across)
        assert np.linalg.norm(wave) == pytest.approx(1)
        coefficients = np.argwhere(np.abs(np.fft.fft2(wave)) > 1e-6)
        places = {(down % px, across % px), (-down % px, -across % px)}
        assert {tuple(place) for place in coefficients.tolist()} == places


def test_half_plane_holds_every_wave_once() -> None:
    frequencies = half_plane(16, 99)
    waves = {tuple(np.round(fourier_wave(16, *f), 6).ravel()) for f in frequencies}
    opposite = {(-down, -across) for down, across in frequencies.tolist()}
    assert frequencies[0].tolist() == [0, 0]
    assert opposite & {tuple(f) for f in frequencies.tolist()} == {(0, 0)}
    # the highest frequency is its own opposite across, so that those rows hold each of its waves twice
    assert len(frequencies) - len(waves) == len(frequencies) - (16 * 16 // 2 + 2)
    assert len(half_plane(64, 4)) == 41


def test_cutoffs_ascend_to_the_highest_frequency() -> None:
    assert filter_cutoffs(16).tolist() == [1, 2, 3, 4, 6, 8]
    assert filter_cutoffs(2).tolist() == [1]


class Horizontal(nn.Module):
    """Class 1 where the wave of four cycles across is there, class 0 otherwise."""

    def forward(self, images: Tensor) -> Tensor:
        wave = torch.from_numpy(picture((0, 4, 1.0), level=0.0))
        score = (images * wave).mean(dim=(1, 2, 3)).abs() - 0.03
        return torch.stack([torch.zeros_like(score), score], dim=1)


def test_trials_find_the_wave_a_classifier_looks_at() -> None:
    target = Target(Horizontal(), batch_images=3)
    images = torch.from_numpy(np.concatenate([picture((0, 4, 0.2)), picture((0, 4, 0.2)), picture()]))
    labels = torch.tensor([1, 1, 0])
    cutoffs = np.array([2, 4, 8])
    is_right = right_when_filtered(target, images, labels, cutoffs)
    table = filter_table(is_right, cutoffs)
    assert table["low_pass"].tolist() == pytest.approx([1 / 3, 1, 1])
    assert table["high_pass"].tolist() == pytest.approx([1, 1 / 3, 1 / 3])
    waves = fourier_errors(target, images[2:], labels[2:], rms=0.1, n_steps=8, seed=0)
    assert waves["n_images"].eq(1).all()
    wrong = waves[waves["error_rate"] > 0]
    assert wrong[["down_cycles", "across_cycles"]].to_numpy().tolist() == [[0, 4]]
    pd.testing.assert_frame_equal(
        waves, fourier_errors(target, images[2:], labels[2:], rms=0.1, n_steps=8, seed=0)
    )

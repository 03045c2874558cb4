"""Pictures as sums of waves: how much of each there is, what is left without some, and single waves.

Frequencies are in cycles per image, along each axis from 0 to half the side in pixels, the highest there is.
"""

from __future__ import annotations

import numpy as np

from analysis.statistics.proportions import proportion_of


def frequency_radii(px: int) -> np.ndarray:
    """(px, px): the frequency in cycles per image at each place of `numpy.fft.fft2`'s result."""
    along = np.fft.fftfreq(px, 1 / px)
    return np.hypot(along[:, None], along[None, :])


def radial_spectrum(images: np.ndarray) -> np.ndarray:
    """Mean power around each ring of frequencies: (N, 3, H, H) -> (N, H // 2), rings 1, 2, … H // 2."""
    px = images.shape[-1]
    power = _power(images)
    rings = np.rint(frequency_radii(px)).astype(int)
    return np.stack([power[:, rings == ring].mean(axis=1) for ring in range(1, px // 2 + 1)], axis=1)


def fast_fraction(images: np.ndarray) -> np.ndarray:
    """(N,) share of a picture's power in waves above half of the highest frequency; NaN of a plain one."""
    power = _power(images)
    is_fast = frequency_radii(images.shape[-1]) > images.shape[-1] / 4
    return proportion_of(power[:, is_fast].sum(axis=1), power.sum(axis=(1, 2)))


def _power(images: np.ndarray) -> np.ndarray:
    """Power of the mean of the channels, less its mean, under a Hann window: (N, 3, H, H) -> (N, H, H).

    Without a window the jump between a picture's opposite edges shows as power at high frequencies (van der
    Schaaf and van Hateren 1996).
    """
    grey = images.mean(axis=1, dtype=float)  # (N, 3, H, H) -> (N, H, H)
    window = np.hanning(images.shape[-1] + 1)[
        :-1
    ]  # periodic: a wave of whole cycles spreads to its neighbours only
    window = np.outer(window, window)
    # the mean under the window, so that no brightness is left to spread
    grey -= ((grey * window).sum(axis=(1, 2)) / window.sum())[:, None, None]
    return np.abs(np.fft.fft2(grey * window)) ** 2


def pass_below(images: np.ndarray, cutoff: float) -> np.ndarray:
    """What the waves of at most `cutoff` cycles per image make up, kept within [0, 1]."""
    return _filtered(images, frequency_radii(images.shape[-1]) <= cutoff)


def pass_above(images: np.ndarray, cutoff: float) -> np.ndarray:
    """What the waves above `cutoff` make up, about each channel's own mean, kept within [0, 1]."""
    radii = frequency_radii(images.shape[-1])
    return _filtered(images, (radii > cutoff) | (radii == 0))


def _filtered(images: np.ndarray, is_kept: np.ndarray) -> np.ndarray:
    """(N, 3, H, H) -> float32 (N, 3, H, H); the filter is symmetric, so that the result is real."""
    waves = np.fft.fft2(images) * is_kept
    return np.fft.ifft2(waves).real.clip(0, 1).astype(np.float32)


def half_plane(px: int, n_steps: int) -> np.ndarray:
    """(K, 2) frequencies (down, across), evenly spread, `n_steps` above 0 along each axis or all there are.

    A wave and its opposite are one, so that half of the plane suffices: down ≥ 0, and across ≥ 0 where down
    is 0. The mean brightness, (0, 0), is the first.
    """
    highest = px // 2
    up = np.unique(np.rint(np.linspace(0, highest, min(n_steps, highest) + 1)).astype(int))
    both = np.concatenate([-up[:0:-1], up])
    return np.array([(down, across) for down in up for across in both if down > 0 or across >= 0])


def fourier_wave(px: int, down: int, across: int) -> np.ndarray:
    """(px, px) the real wave of that frequency, of L2 norm 1 (Yin et al. 2019)."""
    place = np.arange(px) / px
    wave = np.cos(2 * np.pi * (down * place[:, None] + across * place[None, :]))
    return wave / np.linalg.norm(wave)

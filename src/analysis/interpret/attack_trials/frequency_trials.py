"""What a classifier makes of pictures of which slow or fast waves are left, or to which one is added."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from analysis.interpret.attack_trials.attacks import Target
from analysis.interpret.attack_trials.frequency import fourier_wave, half_plane, pass_above, pass_below
from analysis.progress import progress

N_CUTOFFS = (
    7  # from 1 cycle per image to the highest frequency along an axis, each about as much above the last
)


def filter_cutoffs(px: int) -> np.ndarray:
    """Cycles per image, ascending."""
    return np.unique(np.rint(np.geomspace(1, px / 2, N_CUTOFFS)).astype(int))


def right_when_filtered(
    target: Target, images: Tensor, labels: Tensor, cutoffs: np.ndarray
) -> dict[str, np.ndarray]:
    """Whether it is right about each image at each cut-off: "low_pass" and "high_pass" (K, N)."""
    pixels = images.cpu().numpy()
    is_right: dict[str, list[np.ndarray]] = {"low_pass": [], "high_pass": []}
    for cutoff in progress(cutoffs, description="filtering", unit="cut-offs"):
        for name, keep in (("low_pass", pass_below), ("high_pass", pass_above)):
            kept = torch.from_numpy(keep(pixels, cutoff)).to(images.device)
            is_right[name].append((target.predict(kept) == labels).cpu().numpy())
    return {name: np.stack(found) for name, found in is_right.items()}


def tabulate_filters(
    is_right: dict[str, np.ndarray], cutoffs: np.ndarray, item_ids: np.ndarray
) -> pd.DataFrame:
    """One row per cut-off and image: whether it is right about what is below it, and about what is above."""
    return pd.DataFrame(
        {
            "cutoff_cycles": np.repeat(cutoffs, len(item_ids)),
            "item_id": np.tile(item_ids, len(cutoffs)),
            **{name: right.ravel() for name, right in is_right.items()},
        }
    )


def fourier_errors(
    target: Target, images: Tensor, labels: Tensor, *, rms: float, n_steps: int, seed: int
) -> pd.DataFrame:
    """Error rate with one wave added to each image, for each frequency of `half_plane` (Yin et al. 2019).

    The wave has the root mean square `rms` over the pixels, and a random sign in each image and channel, the
    same at each frequency, so that frequencies are compared on like terms.

    Returns
    -------
    DataFrame
        One row per frequency: `down_cycles`, `across_cycles`, `n_images`, `error_rate`.
    """
    px = images.shape[-1]
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], size=(len(images), 3, 1, 1))
    frequencies, rows = half_plane(px, n_steps), []
    for down, across in progress(frequencies, description="adding waves", unit="waves"):
        change = torch.from_numpy(signs * px * rms * fourier_wave(px, down, across)).float()
        is_wrong = target.predict((images + change.to(images.device)).clamp(0, 1)) != labels
        rows.append((down, across, len(images), float(is_wrong.float().mean())))
    return pd.DataFrame(rows, columns=["down_cycles", "across_cycles", "n_images", "error_rate"])

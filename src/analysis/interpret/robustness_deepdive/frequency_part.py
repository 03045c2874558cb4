"""Coarse shape or fine detail: filtered images, waves added, spectra."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.contract import Artifacts
from analysis.interpret.robustness_deepdive.figures import plot_filters, plot_fourier_map, plot_spectra
from analysis.interpret.robustness_deepdive.findings import find_fine_texture
from analysis.interpret.robustness_deepdive.frequency import fast_fraction, radial_spectrum
from analysis.interpret.robustness_deepdive.frequency_trials import (
    filter_cutoffs,
    filter_table,
    fourier_errors,
    right_when_filtered,
)
from analysis.interpret.robustness_deepdive.sample import PartInputs, SampledImages
from analysis.statistics.rank_tests import first_against_second

SMALLEST_POWER = 1e-12  # far below the rounding of 8 bits: a constant picture has none at all


# ---- frequencies -----------------------------------------------------------------------------------------
def filter_images(sample: SampledImages, inputs: PartInputs) -> Artifacts:
    px = sample.pixels.shape[-1]
    cutoffs = filter_cutoffs(px)
    is_right = right_when_filtered(inputs.target, sample.pixels, sample.labels, cutoffs)
    table = filter_table(is_right, cutoffs)
    half = int(np.flatnonzero(cutoffs <= px / 4)[-1])
    coarse, fine = is_right["low_pass"][half], is_right["high_pass"][half]
    return Artifacts(
        metrics={"low_pass_accuracy": float(coarse.mean()), "high_pass_accuracy": float(fine.mean())},
        tables={"filters": table.round(4)},
        figures=[plot_filters(table, float(sample.is_right.mean()), split=inputs.split)],
        findings=find_fine_texture(
            sample.rows["item_id"].to_numpy(),
            coarse & sample.is_right,
            fine & sample.is_right,
            cutoff=cutoffs[half],
            significance_level=inputs.parameters.significance_level,
        ),
    )


def add_waves(attacked: SampledImages, inputs: PartInputs) -> Artifacts:
    parameters = inputs.parameters
    waves = fourier_errors(
        inputs.target,
        attacked.pixels,
        attacked.labels,
        rms=parameters.wave_rms,
        n_steps=parameters.n_wave_steps,
        seed=inputs.seed,
    )
    error = 1 - float(attacked.is_right.mean())
    return Artifacts(
        metrics={"wave_error_rate": float(waves["error_rate"].mean())},
        figures=[plot_fourier_map(waves, error, rms=parameters.wave_rms, split=inputs.split)],
    )


def measure_spectra(sample: SampledImages, inputs: PartInputs) -> Artifacts:
    images = sample.pixels.cpu().numpy()
    power, fast = radial_spectrum(images), fast_fraction(images)
    codes = sample.rows["class_index"].to_numpy()
    groups = {label: codes == code for code, label in enumerate(inputs.classes)}
    outcomes = {"right": sample.is_right, "wrong": ~sample.is_right}
    mistakes = first_against_second(fast, ~sample.is_right, np.zeros(len(fast), dtype=int), 1).iloc[0]
    counts = pd.Series({name: mask.sum() for name, mask in (groups | outcomes).items()})
    figure = plot_spectra(
        _mean_spectra(power, groups), _mean_spectra(power, outcomes), counts, split=inputs.split
    )
    return Artifacts(
        metrics={
            "high_frequency_fraction": float(np.median(fast)),
            "mistakes_high_frequency_cliffs_delta": float(mistakes["cliffs_delta"]),
            "mistakes_high_frequency_p_value": float(mistakes["p_value"]),
        },
        figures=[figure],
    )


def _mean_spectra(power: np.ndarray, groups: dict[str, np.ndarray]) -> pd.DataFrame:
    """Geometric mean of each group's spectra (N, K): rows are frequencies, columns the groups with images."""
    logs = np.log(power + SMALLEST_POWER)
    means = {name: np.exp(logs[mask].mean(axis=0)) for name, mask in groups.items() if mask.any()}
    return pd.DataFrame(means, index=pd.RangeIndex(1, power.shape[1] + 1))

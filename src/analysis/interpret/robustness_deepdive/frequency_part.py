"""Coarse shape or fine detail: filtered images, waves added, spectra."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.contract import Artifacts
from analysis.interpret.robustness_deepdive.figures import plot_filters, plot_fourier_map, plot_spectra
from analysis.interpret.robustness_deepdive.findings import find_fine_texture
from analysis.interpret.robustness_deepdive.parameters import RobustnessDeepdiveParameters
from analysis.interpret.robustness_deepdive.trials import Trials, filter_table
from analysis.statistics.rank_tests import first_against_second

SMALLEST_POWER = 1e-12  # far below the rounding of 8 bits: a constant picture has none at all


def judge_filters(trials: Trials, parameters: RobustnessDeepdiveParameters) -> Artifacts:
    rows, px = trials.filter_outcomes, trials.trial_pixels.shape[1]
    cutoffs = rows["cutoff_cycles"].unique()
    is_right = {name: rows[name].to_numpy().reshape(len(cutoffs), -1) for name in ("low_pass", "high_pass")}
    table = filter_table(is_right, cutoffs)
    half = int(np.flatnonzero(cutoffs <= px / 4)[-1])
    coarse, fine = is_right["low_pass"][half], is_right["high_pass"][half]
    return Artifacts(
        metrics={"low_pass_accuracy": float(coarse.mean()), "high_pass_accuracy": float(fine.mean())},
        tables={"filters": table.round(4)},
        figures=[plot_filters(table, float(trials.is_right.mean()), split=trials.split)],
        findings=find_fine_texture(
            trials.trial_images["item_id"].to_numpy(),
            coarse & trials.is_right,
            fine & trials.is_right,
            cutoff=cutoffs[half],
            significance_level=parameters.significance_level,
        ),
    )


def judge_waves(trials: Trials) -> Artifacts:
    waves, rms = trials.wave_errors.drop(columns="rms"), trials.wave_errors["rms"].iloc[0]
    error = 1 - float(trials.attacked["is_right"].mean())
    return Artifacts(
        metrics={"wave_error_rate": float(waves["error_rate"].mean())},
        figures=[plot_fourier_map(waves, error, rms=rms, split=trials.split)],
    )


def judge_spectra(trials: Trials) -> Artifacts:
    power, fast = trials.spectra, trials.trial_images["fast_fraction"].to_numpy()
    codes, is_right = trials.trial_images["class_index"].to_numpy(), trials.is_right
    groups = {label: codes == code for code, label in enumerate(trials.classes)}
    outcomes = {"right": is_right, "wrong": ~is_right}
    mistakes = first_against_second(fast, ~is_right, np.zeros(len(fast), dtype=int), 1).iloc[0]
    counts = pd.Series({name: mask.sum() for name, mask in (groups | outcomes).items()})
    figure = plot_spectra(
        _mean_spectra(power, groups), _mean_spectra(power, outcomes), counts, split=trials.split
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

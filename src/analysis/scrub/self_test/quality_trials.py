"""How many spoilt pictures and truncated files are found."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from analysis.contract import FindingKind
from analysis.scrub.faults import SPOILT, plant_pictures, plant_truncated
from analysis.scrub.quality_checks import findings as kinds
from analysis.scrub.quality_checks.checks import run_checks
from analysis.scrub.quality_checks.findings import Check
from analysis.scrub.quality_checks.parameters import QualityChecksParameters
from analysis.scrub.self_test.sample import PlantedSample, with_planted
from analysis.scrub.self_test.trials import Outcome, Threshold, Trial, drawn, quantile_above

# What a spoilt picture should be found as, and the parameter that decides; of blur that is no measured value
SPOILT_KINDS = {
    "blurred": (kinds.BLURRY, None),
    "moved": (kinds.BLURRY, None),
    "blanked": (kinds.LOW_INFORMATION, "low_information_below"),
    "darkened": (kinds.TOO_DARK, "too_dark_below"),
    "overexposed": (kinds.TOO_BRIGHT, "too_bright_above"),
}
PLANTED_SHARE = 0.05  # of the untouched at a time: more, and the faults would be what is usual


# ---- quality ---------------------------------------------------------------------------------------------


def try_quality(
    sample: PlantedSample,
    parameters: QualityChecksParameters,
    *,
    folder: Path,
    n_planted: int,
    target_rate: float,
    rng: np.random.Generator,
) -> Outcome:
    """Spoilt pictures, one fault at a time, as a check holds an image against what is usual."""
    trials, thresholds = [], []
    judges = {check.kind: check.score.notna().any() for check in run_checks(sample.images, parameters)}
    for fault, change in SPOILT.items():
        kind, parameter = SPOILT_KINDS[fault]
        originals = sample.images.reset_index().iloc[drawn(len(sample), n_planted, rng)]
        if not judges[kind]:
            continue
        together = with_planted(sample, plant_pictures(originals, change, folder / fault, rng))
        runs = _runs(together.images, len(sample), parameters, (kind,))
        trials.append(_quality_trial(fault, runs, originals, sample, together))
        if parameter is not None:
            value = getattr(parameters, parameter)
            thresholds.append(_quality_threshold(parameter, value, runs, len(sample), target_rate))
    return trials, [threshold for threshold in thresholds if threshold is not None]


def try_truncation(
    sample: PlantedSample,
    parameters: QualityChecksParameters,
    *,
    folder: Path,
    n_planted: int,
    rng: np.random.Generator,
) -> Outcome:
    """Files cut short. Whether a part of the picture can be decoded, or nothing, is up to the format."""
    originals = sample.images.reset_index().iloc[drawn(len(sample), n_planted, rng)]
    together = with_planted(sample, plant_truncated(originals, folder / "truncated", rng))
    runs = _runs(together.images, len(sample), parameters, (kinds.TRUNCATED, kinds.UNREADABLE))
    return [_quality_trial("truncated", runs, originals, sample, together)], []


def _runs(
    images: pd.DataFrame,
    n_untouched: int,
    parameters: QualityChecksParameters,
    wanted: tuple[FindingKind, ...],
) -> list[list[Check]]:
    """The wanted checks of all untouched images with a few of the planted after them, by turns."""
    step = max(1, int(PLANTED_SHARE * n_untouched))
    runs = []
    for start in range(n_untouched, len(images), step):
        some = pd.concat([images.iloc[:n_untouched], images.iloc[start : start + step]])
        checks = {check.kind: check for check in run_checks(some, parameters)}
        runs.append([checks[kind] for kind in wanted])
    return runs


def _quality_trial(
    fault: str,
    runs: list[list[Check]],
    originals: pd.DataFrame,
    sample: PlantedSample,
    together: PlantedSample,
) -> Trial:
    flags = [np.logical_or.reduce([check.is_flagged.to_numpy(bool) for check in run]) for run in runs]
    found = np.concatenate([flagged[len(sample) :] for flagged in flags])
    n_false = max(int(flagged[: len(sample)].sum()) for flagged in flags)  # in the run with the most
    return Trial(
        "quality_checks",
        runs[0][0].kind,
        fault,
        found,
        int(found.sum()) + n_false,
        int(found.sum()),
        sample.thumbnails[originals["item_id"]],
        together.thumbnails[len(sample) :],
    )


def _quality_threshold(
    parameter: str, value: float, runs: list[list[Check]], n_untouched: int, target_rate: float
) -> Threshold | None:
    """The value of the measure beyond which only the wanted share of the untouched images lies."""
    check = runs[0][0]
    untouched = check.measure.to_numpy(float)[:n_untouched]
    planted = np.concatenate([run[0].measure.to_numpy(float)[n_untouched:] for run in runs])
    untouched = untouched[np.isfinite(untouched)]
    if len(untouched) == 0:
        return None
    sign = 1 if np.isfinite(check.upper) else -1
    limit = check.upper if sign > 0 else check.lower
    suggested = sign * quantile_above(sign * untouched, target_rate)
    return Threshold(
        f"quality_checks.{parameter}",
        value,
        len(untouched),
        int((sign * untouched > sign * limit).sum()),
        float((sign * planted > sign * limit).mean()),
        suggested,
        float((sign * planted > sign * suggested).mean()),
    )

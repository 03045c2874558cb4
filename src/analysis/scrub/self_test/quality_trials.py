"""How many spoilt pictures and truncated files are found."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from analysis.scrub.faults import SPOILT, plant_pictures, plant_truncated
from analysis.scrub.quality_checks import findings as kinds
from analysis.scrub.quality_checks.checks import run_checks
from analysis.scrub.quality_checks.findings import Check
from analysis.scrub.quality_checks.parameters import QualityChecksParameters
from analysis.scrub.self_test.sample import PlantedSample, with_planted
from analysis.scrub.self_test.trials import Outcome, Threshold, Trial, drawn, quantile_above

SPOILT_KINDS = {  # what a spoilt picture should be found as, and the parameter that decides
    "blurred": (kinds.BLURRY, "blurry_below"),
    "darkened": (kinds.TOO_DARK, "too_dark_below"),
    "overexposed": (kinds.TOO_BRIGHT, "too_bright_above"),
}


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
    for fault, change in SPOILT.items():
        kind, parameter = SPOILT_KINDS[fault]
        originals = sample.images.reset_index().iloc[drawn(len(sample), n_planted, rng)]
        together = with_planted(sample, plant_pictures(originals, change, folder / fault, rng))
        (check,) = (c for c in run_checks(together.images, parameters) if c.kind is kind)
        trials.append(_quality_trial(fault, [check], originals, sample, together))
        value = getattr(parameters, parameter)
        thresholds.append(_quality_threshold(parameter, value, check, len(sample), target_rate))
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
    checks = run_checks(together.images, parameters)
    checks = [check for check in checks if check.kind in (kinds.TRUNCATED, kinds.UNREADABLE)]
    return [_quality_trial("truncated", checks, originals, sample, together)], []


def _quality_trial(
    fault: str, checks: list[Check], originals: pd.DataFrame, sample: PlantedSample, together: PlantedSample
) -> Trial:
    is_flagged = np.logical_or.reduce([check.is_flagged.to_numpy(bool) for check in checks])
    found = is_flagged[len(sample) :]
    return Trial(
        "quality_checks",
        checks[0].kind,
        fault,
        found,
        int(is_flagged.sum()),
        int(found.sum()),
        sample.thumbnails[originals["item_id"]],
        together.thumbnails[len(sample) :],
    )


def _quality_threshold(
    parameter: str, value: float, check: Check, n_untouched: int, target_rate: float
) -> Threshold | None:
    """The value of the measure beyond which only the wanted share of the untouched images lies."""
    measure = check.measure.to_numpy(float)
    untouched, planted = measure[:n_untouched], measure[n_untouched:]
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

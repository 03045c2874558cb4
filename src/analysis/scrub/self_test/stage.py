from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.contract import Artifacts
from analysis.scrub.compared_images import MIN_SIDE_PX
from analysis.scrub.duplicate_search.parameters import DuplicateSearchParameters
from analysis.scrub.duplicates.parameters import DuplicatesParameters
from analysis.scrub.faults import NEAR_COPIES, SPOILT
from analysis.scrub.label_issues.parameters import LabelIssuesParameters
from analysis.scrub.label_probabilities.parameters import LabelProbabilitiesParameters
from analysis.scrub.quality_checks.findings import BLURRY
from analysis.scrub.quality_checks.parameters import QualityChecksParameters
from analysis.scrub.self_test.copy_trials import COPY_SCORE_COLUMNS, try_copies
from analysis.scrub.self_test.figures import plot_examples, plot_recall
from analysis.scrub.self_test.label_trials import SCORE_COLUMNS, try_flips
from analysis.scrub.self_test.parameters import SelfTestParameters
from analysis.scrub.self_test.quality_trials import try_quality, try_truncation
from analysis.scrub.self_test.sample import PlantedSample, draw_sample
from analysis.scrub.self_test.trials import Outcome, Threshold, Trial
from analysis.statistics.proportions import proportion_of, wilson_interval

MIN_IMAGES = 50
COUNTED = ["stage", "kind", "fault", "n_planted", "n_found", "n_reported", "n_right"]
CAPTION = (
    "One row per fault: how many were planted, the share of them that the check found (recall), and the "
    "share of what it then reported that was planted (precision), each with its 95% interval."
)
THRESHOLDS_CAPTION = (
    "One row per threshold: its value, the share of images that it flags falsely, the value that would flag "
    "the wanted share, and the recall with either. Untouched images with a fault of their own count as false."
)

SCORES_CAPTION = (
    "One row per range of label_issues' scores: how many labels had such a score, their mean score, and how "
    "many of them were planted. Where the score holds, planted_share is near mean_score; labels that were "
    "wrong before count as right here, which makes it too low."
)

COPY_SCORES_CAPTION = (
    "One row per range of duplicate_search's scores: how many pairs of a planted copy and another image had "
    "such a score, their mean score, and how many of them are copies; the others are look-alikes. Where the "
    "score holds, right_share is near mean_score. Pairs with what is reported as a copy of the original are "
    "left out: nobody has judged whether it is one."
)


def self_test(
    manifest: pd.DataFrame,
    scan: pd.DataFrame,
    thumbnails: NDArray[np.uint8],
    embeddings: NDArray[np.float32],
    duplicate_pairs: pd.DataFrame,
    *,
    parameters: SelfTestParameters,
    duplicate_search: DuplicateSearchParameters,
    duplicates: DuplicatesParameters,
    quality_checks: QualityChecksParameters,
    label_probabilities: LabelProbabilitiesParameters,
    label_issues: LabelIssuesParameters,
    seed: int,
) -> Artifacts:
    """Plant faults in a sample of the images and count which of them the checks find."""
    rng, rate = np.random.default_rng(seed), parameters.target_false_positive_rate
    sample = draw_sample(manifest, scan, thumbnails, n_images=parameters.n_images, rng=rng)
    # one each, so that a fault more in one trial draws no others in the next
    draws = dict(zip(("copies", "quality", "truncation", "flips"), rng.spawn(4), strict=True))
    if len(sample) < MIN_IMAGES:
        return _nothing_tested(len(sample), rate)
    outcomes, copy_scores = _try_pictures(
        sample, duplicate_search, duplicates, quality_checks, parameters, draws, seed=seed
    )
    flips = {"n_planted": parameters.n_planted, "target_rate": rate, "seed": seed, "rng": draws["flips"]}
    of_labels, label_scores = try_flips(
        sample, embeddings, duplicate_pairs, label_probabilities, label_issues, **flips
    )
    outcomes.append(of_labels)
    trials = [trial for outcome in outcomes for trial in outcome[0]]
    results = _results(trials)
    return Artifacts(
        summary=f"{len(sample):,} images, {results['n_planted'].sum():,} faults planted, "
        f"{results['n_found'].sum():,} found",
        metrics=_metrics(results, n_images=len(sample)),
        tables={
            "self_test": results,
            "thresholds": _thresholds([threshold for outcome in outcomes for threshold in outcome[1]], rate),
            "label_scores": label_scores,
            "copy_scores": copy_scores,
        },
        captions={
            "self_test": CAPTION,
            "thresholds": THRESHOLDS_CAPTION,
            "label_scores": SCORES_CAPTION,
            "copy_scores": COPY_SCORES_CAPTION,
        },
        figures=[plot_recall(results), plot_examples(trials, n_examples=parameters.n_examples_shown)],
        notes=_notes(trials, len(sample), len(manifest)),
    )


def _try_pictures(
    sample: PlantedSample,
    duplicate_search: DuplicateSearchParameters,
    duplicates: DuplicatesParameters,
    quality_checks: QualityChecksParameters,
    parameters: SelfTestParameters,
    draws: Mapping[str, np.random.Generator],
    *,
    seed: int,
) -> tuple[list[Outcome], pd.DataFrame]:
    """The faults that are pictures, planted as files; the table is of the scores of copies."""
    rate = parameters.target_false_positive_rate
    with tempfile.TemporaryDirectory(prefix="deepsight-") as name:
        place = {"folder": Path(name), "n_planted": parameters.n_planted}
        of_copies, copy_scores = try_copies(
            sample,
            duplicate_search,
            min_score=duplicates.min_score,
            target_rate=rate,
            seed=seed,
            rng=draws["copies"],
            **place,
        )
        outcomes = [
            of_copies,
            try_quality(sample, quality_checks, target_rate=rate, rng=draws["quality"], **place),
            try_truncation(sample, quality_checks, rng=draws["truncation"], **place),
        ]
    return outcomes, copy_scores


def _results(trials: Sequence[Trial]) -> pd.DataFrame:
    rows = [
        {
            "stage": trial.stage,
            "kind": trial.kind.name,
            "fault": trial.fault,
            "n_planted": len(trial.is_found),
            "n_found": int(trial.is_found.sum()),
            "n_reported": trial.n_reported,
            "n_right": trial.n_right,
        }
        for trial in trials
    ]
    table = pd.DataFrame(rows, columns=COUNTED)
    for measure, part, whole in (("recall", "n_found", "n_planted"), ("precision", "n_right", "n_reported")):
        table[measure] = proportion_of(table[part].to_numpy(float), table[whole].to_numpy(float))
        low, high = wilson_interval(table[part].to_numpy(float), table[whole].to_numpy(float))
        table[f"{measure}_low"], table[f"{measure}_high"] = low, high
    return table.round(4)


def _metrics(results: pd.DataFrame, *, n_images: int) -> dict[str, float]:
    """Recall of each fault; its precision stands in the table."""
    recall = {f"recall_{row.fault.replace(' ', '_')}": row.recall for row in results.itertuples()}
    return {
        "mean_recall": float(results["recall"].mean()),
        "mean_precision": float(results["precision"].mean()),
        "n_images": n_images,
        **recall,
    }


def _thresholds(thresholds: Sequence[Threshold], target_rate: float) -> pd.DataFrame:
    columns = ["parameter", "value", "n", "false_positive_rate", "recall", "suggested", "recall_at_suggested"]
    rows = [vars(t) | {"false_positive_rate": t.n_false / t.n} for t in thresholds]
    table = pd.DataFrame(rows, columns=columns).rename(
        columns={
            "suggested": f"value_for_{target_rate:g}",
            "recall_at_suggested": f"recall_at_{target_rate:g}",
        }
    )
    return table.round(4)


def _notes(trials: Sequence[Trial], n_sample: int, n_images: int) -> list[str]:
    notes = [f"Tested on {n_sample:,} of {n_images:,} images, drawn at random among those read whole."]
    if not any(trial.fault in NEAR_COPIES for trial in trials):
        notes.append(
            f"Near copies were not planted: too few images have sides of {MIN_SIDE_PX} pixels or more, below "
            "which duplicates does not look for them."
        )
    notes += [_said_of(trial, n_sample) for trial in trials if trial.fault in SPOILT]
    if not any(trial.kind is BLURRY for trial in trials):
        notes.append(
            "Nothing was blurred: in images as small, or as soft, as all of these, blur is not looked for."
        )
    if not any(trial.stage == "label_issues" for trial in trials):
        notes.append("Labels were not flipped: too few images or classes can be judged by label_issues.")
    return notes


def _said_of(trial: Trial, n_untouched: int) -> str:
    n_false = trial.n_reported - trial.n_right
    return (
        f"{trial.fault.capitalize()}: of {len(trial.is_found):,} planted {int(trial.is_found.sum()):,} were "
        f"found as '{trial.kind.title}', and of {n_untouched:,} untouched images {n_false:,} were flagged so."
    )


def _nothing_tested(n: int, target_rate: float) -> Artifacts:
    return Artifacts(
        summary=f"{n:,} images, too few to test with",
        metrics={"mean_recall": np.nan, "mean_precision": np.nan, "n_images": n},
        tables={
            "self_test": _results([]),
            "thresholds": _thresholds([], target_rate),
            "label_scores": pd.DataFrame(columns=SCORE_COLUMNS),
            "copy_scores": pd.DataFrame(columns=COPY_SCORE_COLUMNS),
        },
        unjudged=f"faults are planted among {MIN_IMAGES} images or more, and {n:,} were read whole",
    )

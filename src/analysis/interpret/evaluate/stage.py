from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from analysis.contract import Artifacts
from analysis.dataset.readable import left_out_note, readable_images
from analysis.interpret.evaluate.adjusted_accuracy import Doubts, doubts_about
from analysis.interpret.evaluate.class_groups import check_groups
from analysis.interpret.evaluate.findings import KINDS, gate_failure
from analysis.interpret.evaluate.judged import Judged
from analysis.interpret.evaluate.parameters import EvaluateParameters
from analysis.interpret.evaluate.parts import (
    judge_adjusted,
    judge_calibration,
    judge_groups,
    judge_ranking,
    judge_recognition,
)
from analysis.interpret.evaluate.probe_comparison import judge_probe
from analysis.interpret.judged_images import JUDGED_FIRST, split_note, split_to_judge
from analysis.statistics.classification import overall_scores


def evaluate(
    cleaned_manifest: pd.DataFrame,
    scan: pd.DataFrame,
    predictions: pd.DataFrame,
    mistake_pictures: pd.DataFrame,
    duplicate_pairs: pd.DataFrame,
    label_issues: pd.DataFrame,
    probe_predictions: pd.DataFrame | None = None,
    *,
    parameters: EvaluateParameters,
    backbone: str,
    seed: int,
) -> Artifacts:
    """Judge what `predict` found of the labelled images.

    Raises
    ------
    NothingToJudgeError
        If no image has both a picture and a label.
    InputError
        If `class_groups` names a class that there is not.
    """
    classes = list(cleaned_manifest["label"].cat.categories)
    check_groups(parameters.class_groups, classes)
    images = readable_images(cleaned_manifest, scan)
    probabilities = np.stack(predictions.set_index("item_id")["probabilities"].loc[images["item_id"]])
    images = images.assign(predicted_index=probabilities.argmax(axis=1), confidence=probabilities.max(axis=1))
    labelled = images[images["class_index"] >= 0]
    by_split = {split: Judged.of(split, labelled, probabilities, classes) for split in JUDGED_FIRST}
    judged = by_split[split_to_judge(labelled)]
    training = pd.Index(by_split["train"].images["item_id"])
    doubts = doubts_about(judged.images, training, cleaned_manifest, duplicate_pairs, label_issues)
    parts = Artifacts.joined(
        [
            *_parts(by_split, judged, mistake_pictures, doubts, parameters, seed=seed),
            judge_probe(judged, probe_predictions, backbone=backbone),
        ]
    )
    overall = overall_scores(judged.per_class)
    n_items = {
        "n_test_images": len(by_split["test"].images),
        "n_left_out": len(cleaned_manifest) - len(labelled),
    }
    notes = [left_out_note(cleaned_manifest, scan), split_note(judged.split)]
    return replace(
        parts,
        summary=_summary(judged, overall, overconfidence=parts.metrics["overconfidence"]),
        metrics=parts.metrics | n_items | judged.recalls,
        kinds=[*KINDS, *parts.kinds],
        notes=[*filter(None, notes), *parts.notes],
        failure=gate_failure(judged, overall, minimum=parameters.minimum_accuracy)
        if parameters.fail_below_minimum
        else "",
    )


def _summary(judged: Judged, overall: Mapping[str, float], *, overconfidence: float) -> str:
    worst = judged.per_class.loc[judged.per_class["recall"].idxmin()]
    return (
        f"{overall['accuracy']:.1%} of {len(judged.images):,} {judged.split} images right (95% interval "
        f"{overall['accuracy_low']:.1%} to {overall['accuracy_high']:.1%}), macro-F1 "
        f"{overall['macro_f1']:.3f}, worst on {worst['label']} ({worst['recall']:.0%}), confidence "
        f"{100 * abs(overconfidence):.1f} points {'above' if overconfidence > 0 else 'below'} accuracy"
    )


def _parts(
    by_split: Mapping[str, Judged],
    judged: Judged,
    pictures: pd.DataFrame,
    doubts: Doubts,
    parameters: EvaluateParameters,
    *,
    seed: int,
) -> list[Artifacts]:
    """In the order of the report."""
    resampling = {"n_resamples": parameters.n_resamples, "seed": seed}
    return [
        judge_recognition(
            judged,
            by_split,
            pictures,
            minimum_accuracy=parameters.minimum_accuracy,
            recall_margin=parameters.recall_margin,
            n_pairs=parameters.n_pairs_shown,
            n_mistakes=parameters.n_mistakes,
        ),
        judge_adjusted(judged, doubts, **resampling),
        judge_calibration(
            judged,
            by_split["validation"],
            max_overconfidence=parameters.max_overconfidence,
            n_bins=parameters.n_calibration_bins,
            **resampling,
        ),
        judge_ranking(judged),
        judge_groups(judged, parameters.class_groups, n_permutations=parameters.n_resamples, seed=seed),
    ]

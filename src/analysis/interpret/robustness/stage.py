from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.contract import Artifacts
from analysis.dataset.readable import left_out_note
from analysis.interpret.corruption_outcomes import Outcomes, outcomes_of
from analysis.interpret.corruptions import CORRUPTIONS, SEVERITIES
from analysis.interpret.judged_images import split_note
from analysis.interpret.robustness.figures import (
    plot_accuracy_by_severity,
    plot_class_fragility,
    plot_conditions,
    plot_drop_against_similarity,
    plot_examples,
)
from analysis.interpret.robustness.findings import KINDS, find_fragile_classes, find_mild_corruptions, worst
from analysis.interpret.robustness.parameters import RobustnessParameters
from analysis.interpret.robustness.scores import (
    class_drops,
    excess_drops,
    score_classes,
    score_conditions,
    score_corruptions,
)
from analysis.statistics.paired import mean_interval

CAPTIONS = {
    "corruptions": "One row per corruption, means over its five severities on the same images. "
    "corruption_error is the share of wrong predictions, with its 95% interval; flip_rate that of images "
    "whose predicted class changes. mild_drop is the accuracy lost at severity 1, with its 95% interval. "
    "half_at_severity is the first severity at which less than half the clean accuracy is left.",
    "conditions": "One row per corruption and severity. amount is in the unit of the corruption (see the "
    "table of the first figure); psnr_db and ssim say how far the images are from the clean ones, higher is "
    "nearer; accuracy has a 95% interval.",
    "class_fragility": "One row per class, the most fragile first. drop is the accuracy lost on average over "
    "all corruptions and severities, with its 95% interval; more_than_rest by how much that exceeds the "
    "other images' drop; p_value_holm that it does by chance alone, corrected for the number of classes. "
    "mistakes_fraction is the share of all wrong predictions under corruption that name this class: a large "
    "one means that whatever cannot be read is taken for it, which makes it look robust.",
}


def robustness(
    cleaned_manifest: pd.DataFrame,
    scan: pd.DataFrame,
    corruption_outcomes: pd.DataFrame,
    corrupted_example: np.ndarray,
    *,
    parameters: RobustnessParameters,
) -> Artifacts:
    """Judge what the classifier said of corrupted images (`corruption_trials`)."""
    classes = list(cleaned_manifest["label"].cat.categories)
    outcomes = outcomes_of(corruption_outcomes)
    n = len(outcomes.actual)
    split = cleaned_manifest.set_index("item_id")["split"][corruption_outcomes["item_id"].iloc[0]]
    conditions = score_conditions(outcomes, side_px=corrupted_example.shape[2])
    corruptions = score_corruptions(outcomes, margin=parameters.max_mild_drop)
    fragility = score_classes(outcomes, classes).sort_values("drop", ascending=False, kind="stable")
    drops = class_drops(outcomes, classes)
    clean_accuracy = outcomes.is_right_clean.mean()
    metrics = _metrics(outcomes, corruptions)
    return Artifacts(
        summary=f"{clean_accuracy:.1%} of {n:,} {split} images right, "
        f"{1 - metrics['mean_corruption_error']:.1%} under corruption, worst under {worst(corruptions)}",
        metrics=metrics,
        tables={
            "corruptions": corruptions.drop(columns="p_value_holm").round(4),
            "conditions": conditions.round({"amount": 3, "psnr_db": 1}).round(4),
            "class_fragility": fragility.round(4),
        },
        captions=CAPTIONS,
        figures=[
            plot_examples(corrupted_example, outcomes, classes),
            plot_accuracy_by_severity(conditions, outcomes, n_classes=len(classes)),
            plot_conditions(conditions, clean_accuracy, n=n),
            plot_drop_against_similarity(excess_drops(conditions, clean_accuracy), n=n),
            plot_class_fragility(drops, fragility, corruptions),
        ],
        findings=pd.concat(
            [
                find_mild_corruptions(corruptions, outcomes, classes, parameters),
                find_fragile_classes(fragility, drops, parameters),
            ]
        ),
        kinds=KINDS,
        notes=[note for note in (left_out_note(cleaned_manifest, scan), split_note(split)) if note],
    )


def _metrics(outcomes: Outcomes, corruptions: pd.DataFrame) -> dict[str, float]:
    drop, drop_low, drop_high = mean_interval(outcomes.drops.mean(axis=0))
    clean_accuracy = outcomes.is_right_clean.mean()
    chance = 1 / len(np.unique(outcomes.actual))  # of a sample with as many images of each class
    skill = clean_accuracy - chance
    at_severity = outcomes.is_right.mean(axis=(0, 2))
    named = zip(CORRUPTIONS, corruptions["corruption_error"], strict=True)
    return {
        "n_images": len(outcomes.actual),
        "clean_accuracy": clean_accuracy,
        "mean_corruption_error": 1 - outcomes.is_right.mean(),
        "relative_mean_corruption_error": drop,
        "relative_mean_corruption_error_low": drop_low,
        "relative_mean_corruption_error_high": drop_high,
        "skill_lost_fraction": drop / skill if skill > 0 else np.nan,
        "mean_flip_rate": outcomes.has_flipped.mean(),
        **{f"accuracy_at_severity_{s}": value for s, value in zip(SEVERITIES, at_severity, strict=True)},
        "n_corruptions_that_halve_accuracy": int(corruptions["half_at_severity"].notna().sum()),
        **{f"corruption_error_{corruption.name}": error for corruption, error in named},
    }

"""The parts of an evaluation: each goes from the judged images to its numbers, tables and figures."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from analysis.contract import Artifacts, Figure
from analysis.interpret.evaluate.accuracy_figures import plot_adjusted_accuracies, plot_class_groups
from analysis.interpret.evaluate.adjusted_accuracy import Doubts, adjusted_accuracies, adjusted_metrics
from analysis.interpret.evaluate.calibration import (
    calibration_metrics,
    calibration_table,
    confidence_by_class,
    fit_temperature,
    reliability_bins,
    with_temperature,
)
from analysis.interpret.evaluate.calibration_figures import plot_reliability
from analysis.interpret.evaluate.class_groups import Groups, compare_groups, group_notes, group_scores
from analysis.interpret.evaluate.figures import (
    most_confused_pairs,
    plot_class_recall,
    plot_confident_mistakes,
    plot_confused_pairs,
    plot_confusion_matrix,
)
from analysis.interpret.evaluate.findings import find_low_accuracy, find_low_recall, find_overconfidence
from analysis.interpret.evaluate.judged import Judged
from analysis.interpret.evaluate.ranking import one_vs_rest, top_k_accuracies
from analysis.statistics.classification import log_loss, overall_scores


def judge_recognition(
    judged: Judged,
    by_split: Mapping[str, Judged],
    pictures: pd.DataFrame,
    *,
    minimum_accuracy: float,
    recall_margin: float,
    n_pairs: int,
    n_mistakes: int,
) -> Artifacts:
    """Accuracy, recall and confusions, with `pictures` as `keep_pictures` made them."""
    per_class, counts, classes, split = judged.per_class, judged.confusion, judged.classes, judged.split
    pairs = most_confused_pairs(counts, classes, n_pairs)
    overall = overall_scores(per_class)
    mistakes = judged.most_confident_mistakes(n_mistakes)
    return Artifacts(
        metrics=_scores_by_split(by_split),
        tables={"per_class": per_class, "confusion": _confusion_table(judged)},
        captions={
            "per_class": "One row per class, over the judged split. recall is the share of its images that "
            "were recognised, with its 95% interval; precision the share of images given this label that "
            "belong to it; f1 their harmonic mean."
        },
        figures=[
            plot_confusion_matrix(counts, classes, split=split),
            plot_class_recall(per_class, split=split),
            *_picture_figures(pairs, mistakes, judged, pictures),
        ],
        findings=pd.concat(
            [
                find_low_accuracy(per_class, overall, minimum=minimum_accuracy),
                find_low_recall(per_class, overall, margin=recall_margin),
            ]
        ),
    )


def _picture_figures(
    pairs: pd.DataFrame, mistakes: pd.DataFrame, judged: Judged, pictures: pd.DataFrame
) -> list[Figure]:
    classes, split = judged.classes, judged.split
    figures = []
    if len(pairs):
        figures.append(plot_confused_pairs(pairs, judged.images, pictures, classes, split=split))
    if len(mistakes):
        figures.append(plot_confident_mistakes(mistakes, pictures, classes, split=split))
    return figures


def _scores_by_split(by_split: Mapping[str, Judged]) -> dict[str, float]:
    """Every score on test, and the accuracy on the other splits."""
    metrics: dict[str, float] = {}
    for split, part in by_split.items():
        scores = overall_scores(part.per_class) | {"log_loss": log_loss(part.probabilities, part.actual)}
        kept = scores if split == "test" else {"accuracy": scores["accuracy"]}
        metrics |= {f"{split}_{name}": value for name, value in kept.items()}
    return metrics


def _confusion_table(judged: Judged) -> pd.DataFrame:
    """One row per image, as DVC's `confusion` template counts them."""
    names = np.array(judged.classes, dtype=object)
    return pd.DataFrame({"actual": names[judged.actual], "predicted": names[judged.predicted]})


def judge_ranking(judged: Judged) -> Artifacts:
    """Top-k accuracy, AUROC and average precision."""
    table, overall = one_vs_rest(judged.probabilities, judged.actual, judged.classes)
    n_unranked = int(table["auroc"].isna().sum())
    return Artifacts(
        metrics=top_k_accuracies(judged.probabilities, judged.actual) | overall,
        tables={"class_ranking": table},
        captions={
            "class_ranking": "One row per class, its images against all others by the probability of the "
            "class, with 95% intervals. auroc: how often one of its images gets a higher probability than "
            "one of the others; chance is 0.5. average_precision: the precision among images at least as "
            "probable, on average over its images; chance is its share of the images."
        },
        notes=[
            f"{n_unranked} of {len(table)} classes have no AUROC: none of the judged images is theirs, or "
            "all are."
        ]
        if n_unranked
        else [],
    )


def judge_calibration(
    judged: Judged,
    validation: Judged,
    *,
    max_overconfidence: float,
    n_bins: int,
    n_resamples: int,
    seed: int,
) -> Artifacts:
    """How far the confidence may be believed, as it is and with a temperature."""
    probabilities, actual = judged.probabilities, judged.actual
    temperature, note = _temperature(judged, validation)
    table = calibration_table(
        probabilities, actual, temperature, n_bins=n_bins, n_resamples=n_resamples, seed=seed
    )
    before, after = reliability_bins(probabilities, actual, n_bins), None
    if not note:
        after = reliability_bins(with_temperature(probabilities, temperature), actual, n_bins)
    by_class = confidence_by_class(probabilities, actual, judged.classes)
    return Artifacts(
        metrics={"temperature": temperature} | calibration_metrics(table),
        tables={"calibration": table},
        captions={
            "calibration": "One row per measure of how far the probabilities can be believed; 0 is best. low "
            "and high: 95% interval. if_calibrated: what it would be, on average and up to the 95th "
            "percentile, were each image as often right as the classifier says. scaled: with the temperature "
            "fitted on validation, and the 95% interval of that change. overconfidence: mean confidence "
            "minus accuracy."
        },
        figures=[plot_reliability(before, after, table, temperature=temperature, split=judged.split)],
        findings=find_overconfidence(by_class, table, limit=max_overconfidence),
        notes=[note] if note else [],
    )


def _temperature(judged: Judged, validation: Judged) -> tuple[float, str]:
    """The temperature that fits the validation images; NaN, and why, where it cannot be had."""
    if judged.split == validation.split:
        return np.nan, "No temperature is fitted: the validation images it would be fitted on are judged."
    if validation.images.empty:
        return (
            np.nan,
            "No temperature is fitted: there are no validation images, and those judged stay untouched.",
        )
    temperature = fit_temperature(validation.probabilities, validation.actual)
    if np.isnan(temperature):
        return (
            np.nan,
            "No temperature fits best: the validation images are all right, or no better than chance.",
        )
    return temperature, ""


def judge_adjusted(judged: Judged, doubts: Doubts, *, n_resamples: int, seed: int) -> Artifacts:
    """The accuracy without what Scrub doubts."""
    table = adjusted_accuracies(judged.actual, judged.predicted, doubts, n_resamples=n_resamples, seed=seed)
    unknown = "Copies of training images cannot be left out: the training images themselves are judged."
    return Artifacts(
        metrics=adjusted_metrics(table),
        tables={"adjusted_accuracy": table},
        captions={
            "adjusted_accuracy": "The accuracy as it is, without images that are also in training (copies), "
            "and in the cases that doubts about labels leave open: the truth lies between every doubted "
            "image counted wrong and counted right. n_doubted: images that this is about. change: from the "
            "accuracy as it is, over the same images, with its 95% interval."
        },
        figures=[plot_adjusted_accuracies(table, split=judged.split)] if doubts.any() else [],
        notes=[unknown] if judged.split == "train" else [],
    )


def judge_groups(judged: Judged, groups: Groups, *, n_permutations: int, seed: int) -> Artifacts:
    """The user's groups of classes, if there are any."""
    per_class = judged.per_class
    scores = group_scores(groups, per_class)
    compared = compare_groups(groups, per_class, n_permutations=n_permutations, seed=seed)
    return Artifacts(
        tables={"class_groups": scores, "group_comparisons": compared},
        captions={
            "class_groups": "One row per group of evaluate.class_groups.",
            "group_comparisons": "One row per pair of groups that share no class. difference: accuracy of a "
            "minus b with its 95% interval, for images of these classes. p_images_holm: chance of a "
            "difference as large if images were dealt to the groups at random. p_classes_holm: if whole "
            "classes were, which is the test of a statement about kinds of classes. Both are corrected for "
            "the number of pairs.",
        }
        if groups
        else {},
        figures=[plot_class_groups(groups, scores, per_class, split=judged.split)] if groups else [],
        notes=group_notes(groups, per_class, compared),
    )

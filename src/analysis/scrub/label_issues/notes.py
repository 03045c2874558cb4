from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.dataset.readable import is_usable
from analysis.scrub.label_issues.confident_learning import Verdict
from analysis.statistics.proportions import wilson_interval

NEARLY_CLEAN = 0.02  # estimated noise; below it, unusual pictures outnumber wrong labels
STRONG_ACCURACY, FAIR_ACCURACY = 0.9, 0.7  # of a model out of sample; between and below, words of caution
CAPTIONS = {
    "label_issues": "One row per image, the most doubtful label first. score is the probability that the "
    "label is wrong, 1 surely; suggested_label is the class most probably right, often the given one. "
    "Without a score: images without a label or picture, or of a class with too few images to judge.",
    "class_noise": "One row per class. estimated_noise is the share of the pictures most surely of this "
    "class (n_anchors) that are labelled otherwise, with its 95% interval; it errs upwards where the model "
    "takes others for this class. n_issues counts doubtful labels among the images labelled so.",
    "confused_pairs": "One row per pair of classes with doubtful labels, most first: the label given, and "
    "the class the picture shows instead. noise is the estimated share of the latter that is labelled so.",
    "label_evidence": "Rows for each doubted label: the images most like it of the class given and of "
    "the class suggested, none of them doubted, with their cosine similarity.",
    "contradicting_copies": "One row per pair of copies with different labels: at least one is wrong. "
    "Probably the one with the higher score, the probability that the label is wrong by the looks of "
    "the picture.",
}


def metrics_of(
    table: pd.DataFrame, labels: np.ndarray, verdict: Verdict | None, contradicting: pd.DataFrame
) -> dict[str, float]:
    n_judged = int(table["score"].notna().sum())
    n_issues = int(table["is_issue"].sum())
    measured = dict.fromkeys(("accuracy", "noise", "low", "high", "joint"), float("nan"))
    if verdict is not None:
        n_anchors = verdict.anchors.sum()
        n_wrong = n_anchors - np.trace(verdict.anchors)
        low, high = wilson_interval(n_wrong, n_anchors)
        measured = {
            "accuracy": float((verdict.probabilities.argmax(axis=1) == labels).mean()),
            "noise": float(n_wrong / n_anchors),
            "low": float(low),
            "high": float(high),
            "joint": float(1 - np.trace(verdict.joint)),
        }
    return {
        "n_issues": n_issues,
        "issue_fraction": n_issues / n_judged if n_judged else float("nan"),
        "out_of_sample_accuracy": measured["accuracy"],
        "estimated_noise": measured["noise"],
        "estimated_noise_low": measured["low"],
        "estimated_noise_high": measured["high"],
        "confident_joint_noise": measured["joint"],
        "n_contradicting_pairs": len(contradicting),
        "n_judged": n_judged,
        "n_not_judged": len(table) - n_judged,
    }


def summary_of(metrics: dict[str, float]) -> str:
    if not metrics["n_judged"]:
        return "no label could be judged"
    return (
        f"{metrics['n_issues']:,} of {metrics['n_judged']:,} labels are probably wrong "
        f"(the model agrees with {metrics['out_of_sample_accuracy']:.1%} of them)"
    )


def notes_on(
    manifest: pd.DataFrame,
    scan: pd.DataFrame,
    table: pd.DataFrame,
    metrics: dict[str, float],
    n_classes: int,
    n_folds: int,
) -> list[str]:
    notes = []
    usable = is_usable(manifest, scan)
    if n_unusable := int((~usable).sum()):
        notes.append(f"{n_unusable:,} images have no label or no picture and were not judged.")
    if n_scarce := int(metrics["n_not_judged"]) - n_unusable:
        judged = set(table.loc[table["score"].notna(), "label"].astype(str))
        present = manifest.loc[usable, "label"].astype(str).unique()
        scarce = [label for label in present if label not in judged]
        notes.append(
            f"{n_scarce:,} images were not judged, of classes with fewer than {n_folds} "
            f"different pictures (label_probabilities.n_folds): {', '.join(scarce[:10])}"
            + (", …" if len(scarce) > 10 else ".")
        )
    if not metrics["n_judged"]:
        return [*notes, "Fewer than two classes have enough pictures, so no label was judged."]
    return [*notes, _trust(metrics, n_classes)]


def _trust(metrics: dict[str, float], n_classes: int) -> str:
    """In words, how far the model's word goes."""
    accuracy = metrics["out_of_sample_accuracy"]
    if accuracy >= STRONG_ACCURACY:
        verdict = (
            "That is good enough to list blatant errors; of those on pictures that are hard to tell, many "
            "are missed (the self-test says how many of those planted here)."
        )
    elif accuracy >= FAIR_ACCURACY:
        verdict = "Expect it to miss many wrong labels; what it lists is worth a look."
    else:
        verdict = (
            "It is too weak to find most wrong labels: read what it lists as a sample of them, and the "
            "estimated noise as an upper bound."
        )
    if metrics["n_issues"] and metrics["estimated_noise_low"] < NEARLY_CLEAN:
        verdict += (
            " The labels are nearly clean: most of those listed may be unusual pictures, labelled rightly."
        )
    return (
        f"The model agrees with {accuracy:.1%} of the labels of images it had not seen (chance would be "
        f"about {1 / n_classes:.1%}). {verdict} The confident joint alone, which counts the model's own "
        f"mistakes too, would put the noise at {metrics['confident_joint_noise']:.1%}."
    )

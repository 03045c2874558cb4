from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.contract import Artifacts, Figure
from analysis.scrub.label_issues.confident_learning import Verdict
from analysis.scrub.label_issues.evidence import nearest_of_both_classes
from analysis.scrub.label_issues.figures import (
    plot_class_noise,
    plot_evidence,
    plot_noise_matrix,
    plot_scores,
    plot_suspects,
)
from analysis.scrub.label_issues.findings import NOISY_CLASS, SUSPECTED_LABEL, findings_in
from analysis.scrub.label_issues.judging import judge_labels
from analysis.scrub.label_issues.notes import CAPTIONS, metrics_of, notes_on, summary_of
from analysis.scrub.label_issues.parameters import LabelIssuesParameters
from analysis.scrub.label_issues.tables import (
    codes,
    tabulate_class_noise,
    tabulate_contradictions,
    tabulate_images,
    tabulate_pairs,
)


def label_issues(
    manifest: pd.DataFrame,
    scan: pd.DataFrame,
    embeddings: np.ndarray,
    class_probabilities: np.ndarray,
    duplicate_pairs: pd.DataFrame,
    *,
    parameters: LabelIssuesParameters,
    n_folds: int,
) -> Artifacts:
    """Score the label of every image of every split, and doubt those that are probably wrong.

    Images that no model has judged stay rows without a score. Without a verdict (fewer than two classes to
    tell apart) everything stays empty. `n_folds` are those by which the probabilities were made.
    """
    images, classes, verdict = judge_labels(
        manifest,
        class_probabilities,
        anchor_fraction=parameters.anchor_fraction,
        min_score=parameters.min_score,
    )
    labels = codes(images["label"], classes)
    table = tabulate_images(manifest, images, labels, verdict, classes)
    noise = tabulate_class_noise(table, labels, verdict, classes)
    pairs = tabulate_pairs(table, verdict, classes)
    evidence = nearest_of_both_classes(table, embeddings)
    contradicting = tabulate_contradictions(table, duplicate_pairs)
    metrics = metrics_of(table, labels, verdict, contradicting)
    why = f"a label is judged by models of other images, and fewer than two classes have {n_folds} pictures"
    return Artifacts(
        summary=summary_of(metrics),
        metrics=metrics,
        tables={
            "label_issues": table,
            "class_noise": noise,
            "confused_pairs": pairs,
            "contradicting_copies": contradicting,
            "label_evidence": evidence,
        },
        captions=CAPTIONS,
        figures=[]
        if verdict is None
        else _figures(table, noise, evidence, verdict, classes, scan, parameters),
        findings=findings_in(table, noise, contradicting, parameters),
        kinds=[SUSPECTED_LABEL, NOISY_CLASS],
        notes=notes_on(manifest, scan, table, metrics, len(classes), n_folds),
        unjudged=why if verdict is None else "",
    )


def _figures(
    table: pd.DataFrame,
    noise: pd.DataFrame,
    evidence: pd.DataFrame,
    verdict: Verdict,
    classes: list[str],
    scan: pd.DataFrame,
    parameters: LabelIssuesParameters,
) -> list[Figure]:
    measured = scan.set_index("item_id")[["status", "value_range"]]
    images = table.join(measured, on="item_id", validate="m:1")
    images = images.assign(is_truncated=images["status"].eq("truncated"))
    suspects = images[images["is_issue"]].head(parameters.max_suspects_shown)
    n_issues = int(table["is_issue"].sum())
    shown = [plot_suspects(suspects, n_issues), plot_evidence(suspects, images, evidence)] if n_issues else []
    return [
        *shown,
        plot_class_noise(noise),
        plot_noise_matrix(verdict.noise, classes, n_anchors=int(verdict.anchors.sum())),
        plot_scores(table, min_score=parameters.min_score),
    ]

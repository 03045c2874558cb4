"""From labels and what a model makes of the images to a verdict on each label."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.scrub.label_issues.confident_learning import Verdict, judge


def judge_labels(
    manifest: pd.DataFrame, class_probabilities: np.ndarray, *, anchor_fraction: float, min_score: float
) -> tuple[pd.DataFrame, list[str], Verdict | None]:
    """The images that were judged (`item_id`, `label`), their classes, and the verdict on each.

    `class_probabilities` are those of the stage `label_probabilities`; where it could tell no two classes
    apart, there are no images and no verdict.
    """
    is_judged = np.isfinite(class_probabilities).any(axis=1)
    images = manifest.loc[is_judged, ["item_id", "label"]].reset_index(drop=True)
    labels, classes = pd.factorize(images["label"], sort=True)
    if not len(classes):
        return images, [], None
    verdict = judge(
        labels, class_probabilities[is_judged], anchor_fraction=anchor_fraction, min_score=min_score
    )
    return images, list(classes), verdict

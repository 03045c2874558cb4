"""How well predictions agree with labels: kernels on arrays of class indices.

A measure that has nothing to be computed from is NaN: the recall of a class without images, the precision of
a class that was never predicted.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from analysis.statistics.proportions import proportion_of, wilson_interval

# float32's resolution, where scikit-learn's log_loss clips too: a sure mistake costs 15.9 nats, not infinity
SMALLEST_PROBABILITY = float(np.finfo(np.float32).eps)


def confusion_counts(actual: np.ndarray, predicted: np.ndarray, *, n_classes: int) -> np.ndarray:
    """int64 (C, C): the images of class i (row) that were predicted to be of class j (column)."""
    pairs = actual * n_classes + predicted
    return np.bincount(pairs, minlength=n_classes**2).reshape(n_classes, n_classes)


def per_class_scores(counts: np.ndarray, classes: Sequence[str]) -> pd.DataFrame:
    """One row per class, in the order of `classes`, from the confusion counts (C, C)."""
    n_correct, n_items, n_predicted = np.diag(counts), counts.sum(axis=1), counts.sum(axis=0)
    recall_low, recall_high = wilson_interval(n_correct, n_items)
    return pd.DataFrame(
        {
            "label": list(classes),
            "n_items": n_items,
            "n_correct": n_correct,
            "n_predicted": n_predicted,
            "recall": proportion_of(n_correct, n_items),
            "recall_low": recall_low,
            "recall_high": recall_high,
            "precision": proportion_of(n_correct, n_predicted),
            "f1": proportion_of(2 * n_correct, n_items + n_predicted),
        }
    )


def overall_scores(per_class: pd.DataFrame) -> dict[str, float]:
    """Scores over all classes, of what `per_class_scores` returns.

    Returns
    -------
    dict
        `accuracy`, with the ends of its 95% interval; `balanced_accuracy`: mean recall of the classes with
        images; `macro_f1`: mean F1 of the classes with images or predictions. 1 is best.
    """
    n_correct, n_items = per_class["n_correct"].sum(), per_class["n_items"].sum()
    low, high = wilson_interval(n_correct, n_items)
    return {
        "accuracy": float(proportion_of(n_correct, n_items)),
        "accuracy_low": float(low),
        "accuracy_high": float(high),
        "balanced_accuracy": float(per_class["recall"].mean()),
        "macro_f1": float(per_class["f1"].mean()),
    }


def log_loss(probabilities: np.ndarray, actual: np.ndarray) -> float:
    """Mean negative log-likelihood of the labels in nats, 0 is best; NaN without images."""
    return float(image_log_losses(probabilities, actual).mean()) if len(actual) else float("nan")


def image_log_losses(probabilities: np.ndarray, actual: np.ndarray) -> np.ndarray:
    """Negative log-likelihood of each image's label in nats, (N,)."""
    given = probabilities[np.arange(len(actual)), actual].astype(float)
    return -np.log(np.clip(given, SMALLEST_PROBABILITY, 1))


def image_brier_scores(probabilities: np.ndarray, actual: np.ndarray) -> np.ndarray:
    """Squared distance of each image's probabilities to 1 for its class and 0 for others (Brier 1950), (N,).

    From 0, best, to 2, sure and wrong: for two classes twice what is often called by that name.
    """
    given = probabilities[np.arange(len(actual)), actual].astype(float)
    return (probabilities.astype(float) ** 2).sum(axis=1) - 2 * given + 1

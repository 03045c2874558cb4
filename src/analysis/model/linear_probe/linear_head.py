"""Multinomial logistic regression on features: its penalty, its predictions, its learning curve."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from analysis.model.linear_probe.images import ProbedImages, Trial
from analysis.statistics.classification import log_loss
from analysis.statistics.paired import accuracy_gain
from analysis.statistics.proportions import wilson_interval

STRENGTHS = 10.0 ** np.arange(-4, 1.5, 0.5)  # scikit-learn's C, the inverse of the ridge penalty
MIN_VALIDATION_IMAGES = 50  # fewer choose C by luck
MAX_TUNING_IMAGES = 10_000  # while C is chosen; it weighs a sum over images, so it holds for more of them
MAX_STEPS = 2000  # of L-BFGS, which takes some tens
CURVE_FRACTIONS = (0.125, 0.25, 0.5, 1.0)


def probabilities_of(probed: ProbedImages, trials: Iterable[Trial], *, strength: float) -> np.ndarray:
    """Class probabilities (m, C) of the predicted rows, trial after trial."""
    return np.concatenate([_fit_predict(probed, *trial, strength=strength) for trial in trials])


def _fit_predict(
    probed: ProbedImages, learnt: np.ndarray, queries: np.ndarray, *, strength: float
) -> np.ndarray:
    seen = np.unique(probed.codes[learnt])
    probabilities = np.zeros((len(queries), len(probed.classes)))
    if len(seen) == 1:  # a fold, or an eighth of few images, may leave no other
        probabilities[:, seen] = 1
        return probabilities
    # the sums of several threads depend on their number, and take longer for steps as short as these
    with threadpool_limits(1):
        head = LogisticRegression(C=strength, max_iter=MAX_STEPS)
        head.fit(probed.features[learnt], probed.codes[learnt])
        probabilities[:, seen] = head.predict_proba(probed.features[queries])
    return probabilities


def choose_strength(probed: ProbedImages) -> float:
    """C with the lowest log loss on validation, if test is judged, else by cross-validation of training."""
    learnt, validation = probed.training_sample(MAX_TUNING_IMAGES), probed.rows_of("validation")
    trials = list(probed.folds(learnt))
    if probed.judged_split == "test" and len(validation) >= MIN_VALIDATION_IMAGES:
        trials = [(learnt, validation)]
    actual = probed.codes[np.concatenate([queries for _, queries in trials])]
    losses = [log_loss(probabilities_of(probed, trials, strength=strength), actual) for strength in STRENGTHS]
    return float(STRENGTHS[np.argmin(losses)])


def predictions_of(probed: ProbedImages, *, strength: float) -> pd.DataFrame:
    """Of validation and test, or of training by cross-validation where there are neither.

    Returns
    -------
    DataFrame
        `item_id`, `split`, `label`, `class_index` and `predicted_index`.
    """
    held_out = np.flatnonzero(probed.images["split"] != "train")
    trials = [(probed.training, held_out)] if len(held_out) else list(probed.folds(probed.training))
    rows = np.concatenate([queries for _, queries in trials])
    predicted = probabilities_of(probed, trials, strength=strength).argmax(axis=1)
    images = probed.images.loc[rows, ["item_id", "split", "label", "class_index"]]
    return images.assign(predicted_index=predicted).sort_values("item_id", ignore_index=True)


def learning_curve(probed: ProbedImages, *, strength: float) -> pd.DataFrame:
    """Accuracy on the judged split by how many training images there are, one row a size.

    Sizes with fewer images than classes are left out, and all where no split is held out. `gain` is what this
    size has over the one before, half as large, on the same images, with its 95% interval.
    """
    queries = probed.rows_of(probed.judged_split)
    n_classes, n_all = len(np.unique(probed.codes[probed.training])), len(probed.training)
    sizes = [round(share * n_all) for share in CURVE_FRACTIONS if probed.judged_split != "train"]
    sizes = [n for n in sizes if n >= n_classes]
    is_right = [
        _fit_predict(probed, probed.training_sample(n), queries, strength=strength).argmax(axis=1)
        == probed.codes[queries]
        for n in sizes
    ]
    n_correct, n_items = np.array([right.sum() for right in is_right], int), np.full(len(sizes), len(queries))
    low, high = wilson_interval(n_correct, n_items)
    gains = [accuracy_gain(before, after) for before, after in pairwise(is_right)]
    return pd.DataFrame(
        {
            "n_training_images": sizes,
            "n_items": n_items,
            "n_correct": n_correct,
            "accuracy": n_correct / n_items,
            "accuracy_low": low,
            "accuracy_high": high,
        }
    ).join(pd.DataFrame([(np.nan,) * 3, *gains], columns=["gain", "gain_low", "gain_high"]))

"""Which features tell this dataset's classes apart best, by a linear classifier on images it has not seen?"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from analysis.dataset.samples import balanced_sample, stratified_folds

MAX_IMAGES = 2_000  # the same number of each class; they give an accuracy to within 2 points
N_FOLDS = 5
MIN_PER_CLASS = N_FOLDS
INVERSE_REGULARISATION = 0.01  # for features of unit variance
COLUMNS = ["features", "n_images", "log_loss", "log_loss_low", "log_loss_high", "accuracy"]
CAPTION = (
    "One row per kind of features: a linear classifier was trained on them and asked about images it had not "
    "seen. log_loss (0 is perfect) counts how sure it was of the label, with its 95% interval; accuracy "
    "whether the label came first."
)


def comparable_sample(images: pd.DataFrame, *, seed: int) -> np.ndarray:
    """Positions, ascending, of at most `MAX_IMAGES` labelled images of classes with one for each fold."""
    codes = images["class_index"].to_numpy()
    counts = np.bincount(codes[codes >= 0], minlength=1)
    eligible = np.flatnonzero((codes >= 0) & (counts[codes] >= MIN_PER_CLASS))
    return eligible[balanced_sample(codes[eligible], MAX_IMAGES, seed=seed)]


def compare_features(features: Mapping[str, np.ndarray], codes: np.ndarray, *, seed: int) -> pd.DataFrame:
    """The features (n, d) of each name beside one another, on images with these class codes, best first."""
    classes, labels = np.unique(codes, return_inverse=True)
    folds = stratified_folds(labels, N_FOLDS, seed=seed)
    rows = []
    for name, vectors in features.items():
        probabilities = _out_of_sample(vectors, labels, folds, n_classes=len(classes))
        losses = -np.log(probabilities[np.arange(len(labels)), labels].clip(min=1e-6))
        margin = 1.96 * losses.std() / len(losses) ** 0.5
        is_right = probabilities.argmax(axis=1) == labels
        mean = losses.mean()
        rows.append((name, len(labels), mean, mean - margin, mean + margin, is_right.mean()))
    return (
        pd.DataFrame(rows, columns=COLUMNS).sort_values("log_loss", kind="stable", ignore_index=True).round(4)
    )


def _out_of_sample(
    vectors: np.ndarray, labels: np.ndarray, folds: np.ndarray, *, n_classes: int
) -> np.ndarray:
    probabilities = np.zeros((len(labels), n_classes))
    scaled = vectors * vectors.shape[1] ** 0.5  # unit vectors have a variance of 1 / d
    for fold in range(N_FOLDS):
        is_held_out = folds == fold
        classifier = LogisticRegression(C=INVERSE_REGULARISATION, max_iter=200)
        with threadpool_limits(1):  # more threads wait for one another, and sums depend on their number
            classifier.fit(scaled[~is_held_out], labels[~is_held_out])
            predicted = classifier.predict_proba(scaled[is_held_out])
        rows = np.flatnonzero(is_held_out)
        probabilities[rows[:, None], classifier.classes_] = predicted
    return probabilities

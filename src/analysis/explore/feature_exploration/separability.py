"""How well classes can be told apart, by a linear discriminant on images that it was not fitted to."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from sklearn.metrics import silhouette_samples

from analysis.dataset.samples import stratified_folds
from analysis.explore.discriminant import fit_discriminant
from analysis.explore.feature_exploration.parameters import N_FOLDS
from analysis.statistics.auroc import auroc
from analysis.statistics.proportions import proportion_of, wilson_interval


def held_out_distances(features: np.ndarray, codes: np.ndarray, n_classes: int, *, seed: int) -> np.ndarray:
    """(n, n_classes) squared distances to the classes, each image by the model of the other folds."""
    folds = stratified_folds(codes, N_FOLDS, seed=seed)
    distances = np.empty((len(features), n_classes))
    for fold in np.unique(folds):
        is_held_out = folds == fold
        model = fit_discriminant(features[~is_held_out], codes[~is_held_out], n_classes)
        distances[is_held_out] = model.squared_distances(features[is_held_out])
    return distances


def class_recall(distances: np.ndarray, codes: np.ndarray) -> pd.DataFrame:
    """One row per class: `recall` with its 95% interval, images of every class being equally likely."""
    n_images = np.bincount(codes, minlength=distances.shape[1])
    nearest = distances.argmin(axis=1) if len(codes) else codes
    is_right = nearest == codes
    n_right = np.bincount(codes, weights=is_right, minlength=distances.shape[1])
    low, high = wilson_interval(n_right, n_images)
    return pd.DataFrame({"recall": proportion_of(n_right, n_images), "recall_low": low, "recall_high": high})


def fisher_ratios(distances: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """For each class the squared difference of its score's means, inside and outside, over their variances.

    The score is how much nearer an image lies to the class than to the nearest other one (Fisher 1936, but on
    held-out images: on its own, a discriminant finds a difference in noise).
    """
    n_classes = distances.shape[1]
    ratios = np.full(n_classes, np.nan)
    for code in range(n_classes if n_classes > 1 else 0):
        score = np.delete(distances, code, axis=1).min(axis=1) - distances[:, code]
        inside, outside = score[codes == code], score[codes != code]
        if min(len(inside), len(outside)) > 1:
            spread = inside.var(ddof=1) + outside.var(ddof=1)
            ratios[code] = (inside.mean() - outside.mean()) ** 2 / spread if spread > 0 else np.nan
    return ratios


def silhouettes(points: np.ndarray, codes: np.ndarray, n_classes: int) -> np.ndarray:
    """Mean silhouette of each class (Rousseeuw 1987): 1 compact and apart, -1 within others."""
    present = np.unique(codes)
    if not 1 < len(present) < len(codes):
        return np.full(n_classes, np.nan)
    values = silhouette_samples(points, codes)
    sums = np.bincount(codes, weights=values, minlength=n_classes)
    return proportion_of(sums, np.bincount(codes, minlength=n_classes))


def pair_aurocs(distances: np.ndarray, codes: np.ndarray, pairs: Sequence[tuple[int, int]]) -> pd.DataFrame:
    """How well the two classes of each pair are told from one another: `auroc` with its 95% interval."""
    rows_of = [np.flatnonzero(codes == code) for code in range(distances.shape[1])]
    rows = []
    for a, b in pairs:
        towards_b = distances[:, a] - distances[:, b]
        rows.append(auroc(towards_b[rows_of[a]], towards_b[rows_of[b]]))
    return pd.DataFrame(rows, columns=["auroc", "auroc_low", "auroc_high"])

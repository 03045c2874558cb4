"""Linear discriminant analysis: classes as Gaussian clouds of one shape (Fisher 1936)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.covariance import ledoit_wolf

SMALLEST_VARIANCE = 1e-6  # of features of the order of one: keeps constant ones from dividing by zero


@dataclass(frozen=True)
class Discriminant:
    """Class means in a space in which the covariance within the classes is the identity.

    Attributes
    ----------
    whitening
        (d, d), takes features to that space.
    means
        (k, d), there; NaN for a class without images.
    """

    whitening: np.ndarray
    means: np.ndarray

    def squared_distances(self, features: np.ndarray) -> np.ndarray:
        """(n, k) squared Mahalanobis distances to the means; infinite to a class without images.

        The nearest class is the most probable one where all are equally frequent, and half a difference of
        two is the logarithm of the ratio of their probabilities.
        """
        points = features @ self.whitening
        squares = (points**2).sum(axis=1)[:, None] + (self.means**2).sum(axis=1)
        return np.nan_to_num(np.maximum(squares - 2 * points @ self.means.T, 0), nan=np.inf)


def fit_discriminant(features: np.ndarray, codes: np.ndarray, n_classes: int) -> Discriminant:
    """Fit to (n, d) features, comparable in scale; the covariance is shrunk after Ledoit and Wolf (2004)."""
    features = features.astype(float)
    means = class_means(features, codes, n_classes)
    covariance, _ = ledoit_wolf(features - means[codes], assume_centered=True)
    covariance[np.diag_indices_from(covariance)] += SMALLEST_VARIANCE
    whitening = np.linalg.inv(np.linalg.cholesky(covariance)).T
    return Discriminant(whitening, means @ whitening)


def class_means(features: np.ndarray, codes: np.ndarray, n_classes: int) -> np.ndarray:
    """(n_classes, d), NaN where a class has no rows."""
    sums = np.zeros((n_classes, features.shape[1]))
    np.add.at(sums, codes, features)
    counts = np.bincount(codes, minlength=n_classes).astype(float)
    counts[counts == 0] = np.nan
    return sums / counts[:, None]

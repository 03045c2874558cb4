"""How alike classes are on the whole: cosine of their means, Fréchet distance of their distributions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from analysis.explore.discriminant import class_means

FRECHET_DIMENSIONS = 16  # principal components: a covariance in more needs more images than most classes have


def mean_cosines(features: np.ndarray, codes: np.ndarray, n_classes: int) -> np.ndarray:
    """(n_classes, n_classes) cosine of class means, seen from the mean of all classes; NaN without images.

    Seen from the origin, means of embeddings all lie one way, and every cosine is near 1.
    """
    means = class_means(features, codes, n_classes)
    present = ~np.isnan(means).any(axis=1)
    centred = means - means[present].mean(axis=0) if present.any() else means
    lengths = np.linalg.norm(centred, axis=1, keepdims=True)
    directions = centred / np.where(lengths > 0, lengths, np.nan)
    return directions @ directions.T


def principal_components(features: np.ndarray, n: int = FRECHET_DIMENSIONS) -> np.ndarray:
    """(rows, at most n) coordinates along the directions of greatest variance."""
    centred = features - features.mean(axis=0)
    _, axes = np.linalg.eigh(centred.T @ centred)
    return centred @ axes[:, ::-1][:, :n]


def frechet_distances(
    points: np.ndarray, codes: np.ndarray, pairs: Sequence[tuple[int, int]], *, seed: int
) -> np.ndarray:
    """Squared Fréchet distance between Gaussians fitted to the two classes of each pair (Dowson 1982).

    Fitted to n images it is too large by a term in 1/n, as two samples of one distribution never agree. With
    half of the images the term is twice as large, so it is extrapolated away (Chong and Forsyth 2020, here
    from two sizes). NaN for a class of fewer than 4 images; below 0, which chance can make it, set to 0.
    """
    order = np.random.default_rng(seed).permutation(len(codes))
    rows_of = {code: order[codes[order] == code] for pair in pairs for code in pair}
    rows_of = {code: rows for code, rows in rows_of.items() if len(rows) >= 4}  # two in each half
    whole = {code: _gaussian(points[rows]) for code, rows in rows_of.items()}
    halves = {code: [_gaussian(points[rows[k::2]]) for k in range(2)] for code, rows in rows_of.items()}
    distances = []
    for a, b in pairs:
        if not {a, b} <= rows_of.keys():
            distances.append(np.nan)
            continue
        of_halves = np.mean([_frechet(halves[a][k], halves[b][k]) for k in range(2)])
        distances.append(max(0.0, 2 * _frechet(whole[a], whole[b]) - of_halves))
    return np.array(distances, dtype=float)


def _gaussian(points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean, covariance and its square root."""
    covariance = np.atleast_2d(np.cov(points, rowvar=False))
    values, axes = np.linalg.eigh(covariance)
    return points.mean(axis=0), covariance, (axes * np.sqrt(np.maximum(values, 0))) @ axes.T


def _frechet(a: tuple[np.ndarray, ...], b: tuple[np.ndarray, ...]) -> float:
    (mean_a, covariance_a, root_a), (mean_b, covariance_b, _) = a, b
    values = np.linalg.eigvalsh(root_a @ covariance_b @ root_a)
    overlap = np.sqrt(np.maximum(values, 0)).sum()
    return float(((mean_a - mean_b) ** 2).sum() + np.trace(covariance_a + covariance_b) - 2 * overlap)


def class_spreads(features: np.ndarray, codes: np.ndarray, n_classes: int) -> np.ndarray:
    """Root mean square distance of each class's images from their mean; NaN for fewer than two images."""
    centred = features - class_means(features, codes, n_classes)[codes]
    counts = np.bincount(codes, minlength=n_classes)
    sums = np.bincount(codes, weights=(centred**2).sum(axis=1), minlength=n_classes)
    return np.sqrt(sums / np.where(counts > 1, counts - 1, np.nan))

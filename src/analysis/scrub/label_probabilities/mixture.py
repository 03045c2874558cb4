"""Several models' class probabilities as one, each counted as far as it helps."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

N_STEPS = 200
SMALLEST_PROBABILITY = 1e-9
TAUGHT_WRONGLY = 1 / 3  # of the labels that a model disagrees with: about so many are wrong where any are


def mixing_weights(labels: np.ndarray, predictions: Mapping[str, np.ndarray]) -> dict[str, float]:
    """The weights, which sum to 1, under which the mixture's log loss is lowest.

    `predictions` (n, n_classes) are of images that the models have not seen. The likelihood of a mixture has
    one maximum, which expectation and maximisation in turn go towards (Dempster, Laird and Rubin 1977).
    """
    given = np.stack([p[np.arange(len(labels)), labels] for p in predictions.values()], axis=1)
    given = np.maximum(given, SMALLEST_PROBABILITY)
    weights = np.full(len(predictions), 1 / len(predictions))
    for _ in range(N_STEPS):
        shares = weights * given
        weights = (shares / shares.sum(axis=1, keepdims=True)).mean(axis=0)
    return dict(zip(predictions, weights.tolist(), strict=True))


def mixed(predictions: Mapping[str, np.ndarray], weights: Mapping[str, float]) -> np.ndarray:
    """Probabilities (n, n_classes), each row summing to 1."""
    mixture = sum(weights[name] * probabilities for name, probabilities in predictions.items())
    return mixture / mixture.sum(axis=1, keepdims=True)


def log_loss_of(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Mean of -ln p(label): 0 is perfect, ln(n_classes) is chance."""
    return float(
        -np.log(np.maximum(probabilities[np.arange(len(labels)), labels], SMALLEST_PROBABILITY)).mean()
    )


def worth_teaching(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Mask (n,) of the labels to learn from: not the most doubted of those that the model disagrees with."""
    logarithms = np.log(np.maximum(probabilities, SMALLEST_PROBABILITY))
    doubt = logarithms.max(axis=1) - logarithms[np.arange(len(labels)), labels]
    n_doubted = int(TAUGHT_WRONGLY * (doubt > 0).sum())
    is_taught = np.ones(len(labels), dtype=bool)
    is_taught[np.argsort(-doubt, kind="stable")[:n_doubted]] = False
    return is_taught

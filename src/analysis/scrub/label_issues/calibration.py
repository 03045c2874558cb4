"""How probable is it that a label is wrong, given how bad it looks? Learnt from labels made wrong on purpose.

What a model made of an image does not hang on the image's own label, as it was not trained on it. So it can
be asked how bad *another* label of the same image would look: labels are planted without training anything
anew. How bad planted ones look, and how bad those that are there, tells how many times likelier a label that
looks so bad is among wrong ones (positive and unlabelled learning; Elkan and Noto, KDD 2008). Of those that
are there, each counts as right as far as it is (expectation and maximisation in turn, Dempster, Laird and
Rubin 1977).

What this assumes: that wrong labels look like planted ones, and that as many of all are wrong as of typical
pictures. People err more on pictures that are not typical: there the probability is too low, and the list
rather shorter than it could be. Of classes with few pictures that share is known badly, and the list may be
too long as well (benchmarks/README.md).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

SMALLEST = 1e-12  # joint probability that counts as any at all
EDGES = np.linspace(-30, 30, 3001)  # of the bins that doubts are counted in; log of 1 / SMALLEST is 28
N_STEPS = 50
SETTLED = 1e-3  # no bin's probability changes by more in a step
BOUNDS = 1e-4, 0.9  # of the share of wrong labels
TRUSTED_AUROC = (
    0.75  # of telling planted labels from right ones, from which the measured noise is believed whole
)
WEIGHT = 1000  # of planted labels together, and of those that are there
CHUNK_IMAGES = 5_000


def doubts_of_all(probabilities: NDArray, noise: NDArray) -> NDArray:
    """Logarithm of the odds (n, n_classes) that an image is not of a class if it were labelled so.

    By Bayes' rule, from probabilities (n, n_classes) of true classes and the noise (n_classes, n_classes),
    P(given i | true j) in row j. Above 0 the label would speak against the picture.
    """
    as_given = probabilities * np.diag(noise)
    otherwise = probabilities @ noise - as_given
    return np.log(np.maximum(otherwise, SMALLEST)) - np.log(np.maximum(as_given, SMALLEST))


def doubts(labels: NDArray[np.int64], probabilities: NDArray, noise: NDArray) -> NDArray:
    """`doubts_of_all` (n,) of the labels that the images have."""
    chunks = range(0, len(labels), CHUNK_IMAGES)
    of_all = (doubts_of_all(probabilities[i : i + CHUNK_IMAGES], noise) for i in chunks)
    return np.concatenate(
        [d[np.arange(len(d)), labels[i : i + CHUNK_IMAGES]] for i, d in zip(chunks, of_all, strict=True)]
    )


def planted_doubts(labels: NDArray[np.int64], probabilities: NDArray, noise: NDArray) -> NDArray:
    """How doubtful wrong labels look: shares by the bins of `EDGES`, which sum to 1.

    Each image is given every other label, half by how often the model takes its class for that one, half by
    how often those who labelled did.
    """
    n_classes = probabilities.shape[1]
    confusion = np.zeros((n_classes, n_classes))
    np.add.at(confusion, labels, probabilities)
    shares = (_off_diagonal(confusion) + _off_diagonal(noise)) / 2
    counts = np.zeros(len(EDGES) - 1)
    for i in range(0, len(labels), CHUNK_IMAGES):
        found = doubts_of_all(probabilities[i : i + CHUNK_IMAGES], noise)
        counts += np.histogram(found, EDGES, weights=shares[labels[i : i + CHUNK_IMAGES]])[0]
    return counts / counts.sum()


def _off_diagonal(matrix: NDArray) -> NDArray:
    """Rows without their diagonal, summing to 1; one that has nothing else counts all others alike."""
    others = (matrix + SMALLEST) * ~np.eye(len(matrix), dtype=bool)
    return others / others.sum(axis=1, keepdims=True)


def wrong_probability(doubt: NDArray, planted: NDArray, *, wrong_share: float) -> NDArray:
    """The probability (n,) that each label is wrong; the more doubtful, the higher.

    Parameters
    ----------
    doubt
        (n,), see `doubts`.
    planted
        Shares by the bins of `EDGES`, see `planted_doubts`.
    wrong_share
        Of the labels, how many are wrong.
    """
    given = np.histogram(doubt, EDGES)[0] / len(doubt)
    share = float(np.clip(wrong_share * _trust(given, planted, wrong_share), *BOUNDS))
    middles = (EDGES[:-1] + EDGES[1:]) / 2
    values = np.concatenate([middles, middles])[:, None]
    is_planted = np.repeat([True, False], len(middles))
    worse_or_alike = given[::-1].cumsum()[::-1]
    wrong = (worse_or_alike <= share).astype(float)
    for _ in range(N_STEPS):
        right = given * (1 - wrong)
        weights = WEIGHT * np.concatenate([planted, right / right.sum()])
        found = LogisticRegression(C=1.0).fit(values, is_planted, sample_weight=weights)
        slope, intercept = float(found.coef_[0, 0]), float(found.intercept_[0])
        if slope <= 0:  # worse looks never speak for a label
            slope = intercept = 0.0
        intercept += np.log(share / (1 - share))
        before, wrong = wrong, _logistic(slope * middles + intercept)
        if np.abs(wrong - before).max() < SETTLED:
            break
    return _logistic(slope * doubt + intercept)


def _trust(given: NDArray, planted: NDArray, wrong_share: float) -> float:
    """How far noise is noise, from 0 to 1: a model that tells no wrong label from a right one finds its own.

    By the chance that a planted label looks worse than a right one: that of one that is there, but for the
    wrong ones among those, which look neither worse nor better.
    """
    is_worse = float(planted @ (given.cumsum() - given / 2))
    than_right = (is_worse - wrong_share / 2) / max(1 - wrong_share, 1e-9)
    return float(np.clip((than_right - 0.5) / (TRUSTED_AUROC - 0.5), 0, 1))


def _logistic(log_odds: NDArray) -> NDArray:
    return 1 / (1 + np.exp(-np.clip(log_odds, -50, 50)))

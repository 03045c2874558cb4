"""How probable is it that a label is wrong, given how bad it looks? Learnt from labels made wrong on purpose.

What a model made of an image does not hang on the image's own label, as it was not trained on it. So it can
be asked how bad *another* label of the same image would look: labels are planted without training anything
anew. How bad planted ones look, and how bad those that are there, tells how many times likelier a label that
looks so bad is among wrong ones (positive and unlabelled learning; Elkan and Noto, KDD 2008). Of those that
are there, each counts as right as far as it is (expectation and maximisation in turn, Dempster, Laird and
Rubin 1977).

What this assumes: that wrong labels look like planted ones, and that as many of all are wrong as of typical
pictures. People err more on pictures that are not typical: there the probability is too low, and the list
shorter than it could be rather than longer than it should.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

N_STEPS = 50
SETTLED = 1e-3  # no label's probability changes by more in a step
BOUNDS = 1e-4, 0.9  # of the share of wrong labels
WEIGHT = 1000  # of planted labels together, and of those that are there


def plant_labels(
    labels: NDArray[np.int64], probabilities: NDArray, noise: NDArray, *, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Two wrong labels for each image: what the model takes its class for, and what those who labelled did.

    Parameters
    ----------
    labels
        (n,) as they are.
    probabilities
        (n, n_classes) of true classes.
    noise
        (n_classes, n_classes): P(given i | true j), row j.

    Returns
    -------
    Two arrays (n,), neither of which has an image's own label.
    """
    n_classes = probabilities.shape[1]
    confusion = np.zeros((n_classes, n_classes))
    np.add.at(confusion, labels, probabilities)
    return _drawn(confusion, labels, rng), _drawn(noise, labels, rng)


def _drawn(shares: NDArray, labels: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """For each label another one, by the shares off the diagonal in its row."""
    others = shares * ~np.eye(len(shares), dtype=bool) + 1e-12 * ~np.eye(len(shares), dtype=bool)
    steps = (others / others.sum(axis=1, keepdims=True)).cumsum(axis=1)
    drawn = np.empty_like(labels)
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        drawn[rows] = np.searchsorted(steps[label], rng.random(len(rows)) * steps[label, -1], side="right")
    return drawn


def wrong_probability(doubt: NDArray, planted_doubt: NDArray, *, wrong_share: float) -> NDArray:
    """The probability (n,) that each label is wrong; the more doubtful, the higher.

    Parameters
    ----------
    doubt
        (n,): any number that is higher for a label that looks worse.
    planted_doubt
        (m,): the same of labels that are wrong.
    wrong_share
        Of the labels, how many are wrong.
    """
    share = float(np.clip(wrong_share, *BOUNDS))
    scale = max(float(doubt.std()), 1e-9)
    values = np.concatenate([planted_doubt, doubt])[:, None] / scale
    is_planted = np.arange(len(values)) < len(planted_doubt)
    weights = np.full(len(values), WEIGHT / len(planted_doubt))
    wrong = np.zeros(len(doubt))
    wrong[np.argsort(-doubt, kind="stable")[: int(share * len(doubt))]] = 1
    for _ in range(N_STEPS):
        weights[~is_planted] = WEIGHT * (1 - wrong) / (1 - wrong).sum()
        found = LogisticRegression(C=1.0).fit(values, is_planted, sample_weight=weights)
        slope = max(float(found.coef_[0, 0]), 0)  # worse looks never speak for a label
        log_odds = slope * values[~is_planted, 0] + found.intercept_[0] + np.log(share / (1 - share))
        before, wrong = wrong, 1 / (1 + np.exp(-np.clip(log_odds, -50, 50)))
        if np.abs(wrong - before).max() < SETTLED:
            break
    return wrong

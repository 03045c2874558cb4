"""Confident learning: which labels are probably wrong, given out-of-sample class probabilities.

C. Northcutt, L. Jiang and I. Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels", JAIR 70,
2021. Symbols follow the paper: a given, perhaps noisy label i, a true label j, thresholds t, the confident
joint C and the joint Q. All functions take integer labels in [0, n_classes) and probabilities (n, n_classes)
whose rows sum to 1, predicted for each image by a model that had not seen it.

Where this goes beyond the paper: the confident joint counts every image that a model takes for another class
than its label, and so counts the model's own mistakes as label noise. With a classifier that is right 6 times
in 10, it finds 31% of noise in clean labels. Here noise is measured where the model is surest, on *anchors*
(Patrini et al., CVPR 2017): among the images most surely of class j, how many are labelled i. What is few
there is shrunk towards what classes have in common (empirical Bayes). Bayes' rule turns an image's
probabilities and the noise into a doubt, by which labels are ranked, and labels planted on purpose turn the
doubt into the probability that a label is wrong (see `calibration`). The paper's confident joint is reported
beside it; benchmarks/label_noise.py compares with the paper's own ways of pruning.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import gammaln

from analysis.scrub.label_issues.calibration import doubts, planted_doubts, wrong_probability

SMALLEST_PROBABILITY = 1e-6  # what no image in a million is; keeps a forest's zeros from being certainties
MIN_ANCHORS = 10  # a class's images that count as its anchors at least, or all of them if it has fewer
# With fewer of a class the noise is known badly; with more than so many of its images they are not typical.
ENOUGH_ANCHORS, MAX_ANCHOR_FRACTION = 40, 0.1
TEMPERATURE_BOUNDS = np.log([0.1, 100.0])  # a strongly regularised model of few images is very timid
CONCENTRATIONS = np.geomspace(1000, 1, 25)  # of the prior, in images; the strongest comes first, to win ties


# ---- as in the paper --------------------------------------------------------------------------------------


def class_thresholds(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Mean self-confidence of each class: t_j is the mean of p(j | x) over the images labelled j.

    Returns
    -------
    Array (n_classes,) in [0, 1]; NaN for a class without images, which no image then belongs to confidently.
    """
    n_classes = probabilities.shape[1]
    counts = np.bincount(labels, minlength=n_classes)
    sums = np.bincount(labels, weights=self_confidence(labels, probabilities), minlength=n_classes)
    return np.divide(sums, counts, out=np.full(n_classes, np.nan), where=counts > 0)


def confident_classes(probabilities: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """The class each image confidently belongs to: the most probable of those that reach their threshold.

    Returns
    -------
    Array (n,) of class indices, -1 where no class reaches its threshold. Of equal probabilities, the first.
    """
    is_reached = probabilities >= thresholds - 1e-12  # a mean of equal numbers may round up
    best = np.where(is_reached, probabilities, -1.0).argmax(axis=1)
    return np.where(is_reached.any(axis=1), best, -1)


def confident_joint(labels: np.ndarray, confident: np.ndarray, n_classes: int) -> np.ndarray:
    """C (n_classes, n_classes): how many images labelled i (row) confidently belong to j (column)."""
    is_counted = confident >= 0
    pairs = labels[is_counted] * n_classes + confident[is_counted]
    return np.bincount(pairs, minlength=n_classes**2).reshape(n_classes, n_classes)


def calibrated_joint(counts: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Q (n_classes, n_classes): the joint distribution of given label i and true label j; it sums to 1.

    Each row of the confident joint is scaled to the images with that label (the paper's equation 3). A label
    of which no image is confident anywhere counts as right.
    """
    n_classes = len(counts)
    n_given = np.bincount(labels, minlength=n_classes)
    row_sums = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, row_sums, out=np.eye(n_classes), where=row_sums > 0)
    return shares * n_given[:, None] / max(n_given.sum(), 1)


def self_confidence(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Probability of the given label: 0 speaks against it, 1 for it."""
    return probabilities[np.arange(len(labels)), labels]


def normalised_margin(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """In [0, 1]: 0.5 where the given label is as probable as the best other, 0 where another is certain."""
    others = probabilities.copy()
    others[np.arange(len(labels)), labels] = -np.inf
    return (1 + self_confidence(labels, probabilities) - others.max(axis=1)) / 2


# ---- noise measured on anchors ----------------------------------------------------------------------------


def temper(labels: np.ndarray, probabilities: np.ndarray, noise: np.ndarray) -> tuple[np.ndarray, float]:
    """Probabilities of true classes as sure as they are right, and the exponent that makes them so.

    One exponent for all (temperature scaling, Guo et al. 2017), under which the labels are likeliest after
    the noise has passed over them (forward correction, Patrini et al. 2017): without the noise, the few
    labels that are blatantly wrong would make every image less sure. Above 1 for a model that is too timid.
    """
    logarithms = np.log(np.clip(probabilities, SMALLEST_PROBABILITY, None))

    def powered(exponent: float) -> np.ndarray:
        scaled = np.exp(exponent * (logarithms - logarithms.max(axis=1, keepdims=True)))
        return scaled / scaled.sum(axis=1, keepdims=True)

    def surprise(log_exponent: float) -> float:
        given = (powered(np.exp(log_exponent)) * noise[:, labels].T).sum(axis=1)
        return -np.log(given).mean()

    best = float(np.exp(minimize_scalar(surprise, bounds=TEMPERATURE_BOUNDS, method="bounded").x))
    return powered(best), best


def count_anchors(labels: np.ndarray, probabilities: np.ndarray, *, anchor_fraction: float) -> np.ndarray:
    """Labels given (column i) to each class's anchors (row j): the images most probably of class j.

    Anchors are chosen by their pictures alone, whatever they are labelled: as many as `anchor_fraction` of
    the images labelled j; where that is fewer than `ENOUGH_ANCHORS`, up to `MAX_ANCHOR_FRACTION` of them; and
    at least `MIN_ANCHORS` while there are so many.
    """
    n_classes = probabilities.shape[1]
    counts = np.zeros((n_classes, n_classes), dtype=np.int64)
    for j, n_labelled in enumerate(np.bincount(labels, minlength=n_classes)):
        n_anchors = max(
            int(np.ceil(anchor_fraction * n_labelled)),
            min(ENOUGH_ANCHORS, int(np.ceil(MAX_ANCHOR_FRACTION * n_labelled))),
            min(MIN_ANCHORS, n_labelled),
        )
        anchors = np.argsort(-probabilities[:, j], kind="stable")[:n_anchors]
        counts[j] = np.bincount(labels[anchors], minlength=n_classes)
    return counts


def noise_matrix(anchors: np.ndarray) -> np.ndarray:
    """P(given i | true j), row j, column i, each row summing to 1, from the labels of anchors.

    How often a class is mislabelled is shrunk towards the mean of all classes, and what it is mislabelled as
    towards all others alike: by how much, the spread between classes itself decides (see `shrink_to_mean`).
    """
    n_classes = len(anchors)
    is_other = ~np.eye(n_classes, dtype=bool)
    wrong = anchors[is_other].reshape(n_classes, n_classes - 1)
    mean_rate = (wrong.sum() + 0.5) / (anchors.sum() + 1)  # never quite 0: none wrong of few proves little
    right_or_wrong = np.column_stack([np.diag(anchors), wrong.sum(axis=1)])
    rates = shrink_to_mean(right_or_wrong, np.array([1 - mean_rate, mean_rate]))
    others = shrink_to_mean(wrong, np.full(n_classes - 1, 1 / (n_classes - 1)))
    matrix = np.diag(rates[:, 0])
    matrix[is_other] = (rates[:, 1:] * others).ravel()
    return matrix


def shrink_to_mean(counts: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Shares of each row of `counts`, drawn towards `mean` as strongly as the rows' likeness warrants.

    Rows are multinomial with shares from a Dirichlet distribution of that mean; its concentration is that of
    greatest marginal likelihood (empirical Bayes). Rows that differ by chance alone become almost equal.
    """
    totals = counts.sum(axis=1)

    def marginal_likelihood(concentration: float) -> float:
        prior = concentration * mean
        rows = gammaln(prior + counts).sum(axis=1) - gammaln(prior).sum()
        return float((rows + gammaln(concentration) - gammaln(concentration + totals)).sum())

    best = CONCENTRATIONS[int(np.argmax([marginal_likelihood(c) for c in CONCENTRATIONS]))]
    return (counts + best * mean) / (totals[:, None] + best)


# ---- the verdict ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Verdict:
    """What is thought of each label; rows are those of the labels.

    Attributes
    ----------
    probabilities
        (n, n_classes): the model's, tempered.
    score
        (n,) in [0, 1]: the probability that the given label is wrong; 1 is surely wrong.
    suggested
        (n,): see `suggested_classes`; often the given one.
    is_issue
        (n,): labels to look at.
    anchors
        (n_classes, n_classes): as `count_anchors` returns.
    noise
        (n_classes, n_classes): as `noise_matrix` returns.
    joint
        (n_classes, n_classes): as `calibrated_joint` returns.
    """

    probabilities: np.ndarray
    score: np.ndarray
    suggested: np.ndarray
    is_issue: np.ndarray
    anchors: np.ndarray
    noise: np.ndarray
    joint: np.ndarray


def judge(
    labels: np.ndarray, probabilities: np.ndarray, *, anchor_fraction: float, min_score: float
) -> Verdict:
    """Confident learning from end to end.

    A label is doubted if it is wrong with a probability of at least `min_score`, and another class is the
    most probable one. That probability is learnt from labels planted among these very images.
    """
    n_classes = probabilities.shape[1]
    anchors = count_anchors(labels, probabilities, anchor_fraction=anchor_fraction)
    noise = noise_matrix(anchors)
    tempered, _ = temper(labels, probabilities, noise)
    confident = confident_classes(tempered, class_thresholds(labels, tempered))
    score = wrong_probability(
        doubts(labels, tempered, noise),
        planted_doubts(labels, tempered, noise),
        wrong_share=(anchors.sum() - np.trace(anchors) + 0.5) / (anchors.sum() + 1),
    )
    suggested = suggested_classes(labels, tempered, noise)
    return Verdict(
        probabilities=tempered,
        score=score,
        suggested=suggested,
        is_issue=(score >= min_score) & (suggested != labels),
        anchors=anchors,
        noise=noise,
        joint=calibrated_joint(confident_joint(labels, confident, n_classes), labels),
    )


def suggested_classes(labels: np.ndarray, probabilities: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """The given class (n,) where the picture shows it, else the likeliest other that is labelled so."""
    others = true_class_probabilities(labels, probabilities, noise)
    others[np.arange(len(labels)), labels] = 0
    return np.where(probabilities.argmax(axis=1) == labels, labels, others.argmax(axis=1))


def true_class_probabilities(labels: np.ndarray, probabilities: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """P(true j | picture, given label i) (n, n_classes), by Bayes' rule, from P(true j | picture)."""
    joint = probabilities * noise[:, labels].T
    return joint / joint.sum(axis=1, keepdims=True)

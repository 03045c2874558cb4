import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from analysis.statistics.auroc import auroc, paired_auroc

RNG = np.random.default_rng(0)


def test_auroc_is_that_of_scikit_learn_with_ties() -> None:
    scores = RNG.integers(0, 8, (60, 2)) + np.array([0, 1])
    expected = roc_auc_score(np.repeat([0, 1], 60), scores.T.ravel())
    assert paired_auroc(scores)["auroc"] == pytest.approx(expected)


def test_auroc_interval_holds_the_truth_in_95_of_100_paired_samples() -> None:
    hits = 0
    for _ in range(400):
        image = RNG.normal(size=(50, 1))  # what the two poses of an image share
        result = paired_auroc(image + RNG.normal(size=(50, 2)))
        hits += result["auroc_low"] <= 0.5 <= result["auroc_high"]
    assert 0.92 <= hits / 400 <= 0.98


def test_unpaired_auroc_is_that_of_scikit_learn_and_its_interval_holds_the_truth() -> None:
    low, high = RNG.integers(0, 9, 40), RNG.integers(2, 11, 70)
    expected = roc_auc_score(np.repeat([0, 1], [40, 70]), np.r_[low, high])
    assert auroc(low, high)["auroc"] == pytest.approx(expected)
    # of normal scores one standard deviation apart
    truth, hits = 0.7602, 0
    for _ in range(400):
        result = auroc(RNG.normal(0, 1, 60), RNG.normal(1, 1, 60))
        hits += result["auroc_low"] <= truth <= result["auroc_high"]
    assert 0.91 <= hits / 400 <= 0.98


def test_auroc_of_nothing_and_of_one() -> None:
    assert np.isnan(auroc(np.array([]), np.array([1.0]))["auroc"])
    one = auroc(np.array([0.0]), np.array([1.0]))
    assert one["auroc"] == 1
    assert np.isnan(one["auroc_low"])

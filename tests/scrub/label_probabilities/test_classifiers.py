import numpy as np
import pytest

from analysis.scrub.label_probabilities.classifiers import assign_folds, cross_validate, nearest_neighbours


def test_folds_are_even_in_each_class_and_keep_groups_together() -> None:
    labels = np.repeat([0, 1, 2], [50, 23, 7])
    groups = np.arange(80)
    groups[[3, 60]] = 3  # across classes
    groups[[10, 11, 12]] = 10
    folds = assign_folds(labels, groups, n_folds=5, seed=0)
    assert set(folds) == set(range(5))
    assert folds[3] == folds[60]
    assert len(set(folds[[10, 11, 12]])) == 1
    counts = np.array([np.bincount(folds[labels == c], minlength=5) for c in range(3)])
    assert np.ptp(counts, axis=1).max() <= 3
    other = assign_folds(labels, groups, n_folds=5, seed=1)
    assert (folds != other).any()


def test_a_class_that_training_lacks_is_impossible_and_without_two_all_are_alike() -> None:
    features = np.eye(4, dtype=np.float32)[[0, 0, 1, 1, 2]]
    labels = np.array([0, 0, 1, 1, 2])
    probabilities = cross_validate(
        features, labels, np.array([0, 1, 0, 1, 2]), nearest_neighbours(), n_classes=3
    )
    assert probabilities[4, 2] == 0
    assert probabilities.sum(axis=1) == pytest.approx(1)
    alike = cross_validate(features, labels, np.zeros(5, dtype=int), nearest_neighbours(), n_classes=3)
    assert alike == pytest.approx(1 / 3)

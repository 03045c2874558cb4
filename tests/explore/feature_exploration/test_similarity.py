import numpy as np
import pytest
from scipy.linalg import sqrtm
from sklearn.decomposition import PCA
from sklearn.metrics import silhouette_samples

from analysis.explore.feature_exploration.separability import (
    class_recall,
    fisher_ratios,
    held_out_distances,
    pair_aurocs,
    silhouettes,
)
from analysis.explore.feature_exploration.similarity import (
    class_spreads,
    frechet_distances,
    mean_cosines,
    principal_components,
)

RNG = np.random.default_rng(0)


def test_cosines_are_seen_from_the_mean_of_all_classes() -> None:
    # means far from the origin at the corners of a triangle: a and b on one side, c opposite
    features = np.array([[11.0, 10], [11, 10], [10.5, 10], [8.5, 10]])
    cosines = mean_cosines(features, np.array([0, 0, 1, 2]), 4)
    assert cosines[:3, :3] == pytest.approx(np.array([[1, 1, -1], [1, 1, -1], [-1, -1, 1]]))
    assert np.isnan(cosines[3]).all()


def test_frechet_distance_is_that_of_the_gaussians_where_images_are_many() -> None:
    a = RNG.normal(size=(40_000, 3)) * [1, 2, 0.5]
    b = RNG.normal(size=(40_000, 3)) @ np.array([[1, 0.5, 0], [0, 1, 0], [0, 0, 2]]) + [1, 0, 0]
    covariances = [np.cov(part, rowvar=False) for part in (a, b)]
    root = sqrtm(covariances[0] @ covariances[1]).real
    mean = a.mean(axis=0) - b.mean(axis=0)
    expected = mean @ mean + np.trace(covariances[0] + covariances[1] - 2 * root)
    found = frechet_distances(np.vstack([a, b]), np.repeat([0, 1], 40_000), [(0, 1)], seed=0)
    assert found[0] == pytest.approx(expected, rel=0.02)


def test_frechet_distance_of_two_samples_of_one_distribution_is_about_zero_for_few_images() -> None:
    points, codes = RNG.normal(size=(1200, 8)), np.arange(1200) % 20
    pairs = [(a, b) for a in range(20) for b in range(a)]
    extrapolated = frechet_distances(points, codes, pairs, seed=0)
    # 60 images a class in 8 dimensions: without extrapolation it would be this much and more
    naive = 2 * 8 / 60
    assert np.mean(extrapolated) < naive / 3


def test_frechet_distance_needs_four_images_a_class() -> None:
    found = frechet_distances(RNG.normal(size=(13, 2)), np.repeat([0, 1], [10, 3]), [(0, 1)], seed=0)
    assert np.isnan(found).all()


def test_components_are_those_of_scikit_learn() -> None:
    features = RNG.normal(size=(50, 5)) * [5, 3, 2, 1, 0.5]
    expected = PCA(3).fit_transform(features)
    assert np.abs(principal_components(features, 3)) == pytest.approx(np.abs(expected), abs=1e-9)


def test_spread_by_hand() -> None:
    spreads = class_spreads(np.array([[0.0], [2.0], [5.0]]), np.array([0, 0, 1]), 3)
    assert spreads[0] == pytest.approx(np.sqrt(2))
    assert np.isnan(spreads[1:]).all()


def test_classes_apart_are_recognised_and_equal_ones_at_chance() -> None:
    codes = np.repeat([0, 1, 2], 80)
    features = RNG.normal(size=(240, 5))
    features[codes == 2, 0] += 8
    distances = held_out_distances(features, codes, 3, seed=0)
    recall = class_recall(distances, codes)
    assert recall.loc[2, "recall"] > 0.95
    assert (recall["recall_low"] <= recall["recall"]).all()
    pairs = pair_aurocs(distances, codes, [(0, 1), (0, 2)])
    assert pairs.loc[0, "auroc_low"] < 0.5 < pairs.loc[0, "auroc_high"] + 0.1
    assert pairs.loc[1, "auroc_low"] > 0.95
    ratios = fisher_ratios(distances, codes)
    assert ratios[2] > 5 > 1 > ratios[0]


def test_labels_dealt_at_random_are_not_told_apart_in_many_dimensions() -> None:
    codes = np.arange(120) % 2
    distances = held_out_distances(RNG.normal(size=(120, 300)), codes, 2, seed=0)
    assert 0.3 < class_recall(distances, codes)["recall"].mean() < 0.7


def test_silhouettes_are_those_of_scikit_learn() -> None:
    points, codes = RNG.normal(size=(30, 2)), np.repeat([0, 2], 15)
    found = silhouettes(points, codes, 3)
    values = silhouette_samples(points, codes)
    assert found[[0, 2]] == pytest.approx([values[:15].mean(), values[15:].mean()])
    assert np.isnan(found[1])
    assert np.isnan(silhouettes(points, np.zeros(30, dtype=int), 1)).all()

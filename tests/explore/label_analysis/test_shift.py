"""Comparison of splits against SciPy, exact enumeration and hand-computed values."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.spatial.distance import jensenshannon

from analysis.explore.label_analysis.shift import compare_counts, compare_label_shares, compare_shares

SETTINGS = {"significance_level": 0.01, "min_label_shift": 0.05, "n_permutations": 999, "seed": 0}


def counts_of(**splits: list[int]) -> pd.DataFrame:
    n_classes = len(next(iter(splits.values())))
    index = pd.Index([f"class {i}" for i in range(n_classes)], name="label")
    return pd.DataFrame(splits, index=index).rename_axis(columns="split")


def compare(table: list[list[int]], n_permutations: int = 999) -> dict:
    return compare_counts(np.array(table), n_permutations, np.random.default_rng(0))


def test_chi_square_matches_scipy() -> None:
    table = [[30, 50, 20, 45], [25, 10, 40, 30]]
    expected = stats.chi2_contingency(table, correction=False)
    result = compare(table)
    assert result["chi_square"] == pytest.approx(expected.statistic)
    assert result["p_value"] == pytest.approx(expected.pvalue)
    assert result["degrees_of_freedom"] == expected.dof == 3
    assert result["p_value_method"] == "asymptotic"


def test_small_counts_are_tested_by_permutation_close_to_the_exact_p_value() -> None:
    # 2 × 2 with fixed margins: the count in the first cell is hypergeometric, so every table can be listed
    table = np.array([[7, 2], [3, 8]])
    total, n_first, n_a = 20, 10, 9
    cells = np.arange(0, 10)
    expected_a = n_first * n_a / total
    distance = np.abs(cells - expected_a)  # chi-square grows with it, all margins being fixed
    probabilities = stats.hypergeom(total, n_first, n_a).pmf(cells)
    exact = probabilities[distance >= abs(7 - expected_a) - 1e-9].sum()
    result = compare(table.tolist(), n_permutations=20_000)
    assert result["p_value_method"] == "permutation"
    assert result["p_value"] == pytest.approx(exact, abs=0.005)


def test_p_value_of_a_permutation_test_is_never_zero() -> None:
    assert compare([[4, 4, 4, 0, 0, 0], [0, 0, 0, 4, 4, 4]], 99)["p_value"] == pytest.approx(1 / 100)


def test_cramers_v_is_corrected_for_bias() -> None:
    # chi-square = 60 * (100 - 400)² / 30⁴ = 20 / 3; phi² = 1 / 9 - 1 / 59; both sides shrink to 1 - 1 / 59
    result = compare([[10, 20], [20, 10]])
    assert result["cramers_v"] == pytest.approx(np.sqrt((1 / 9 - 1 / 59) / (1 - 1 / 59)))


def test_cramers_v_is_about_zero_by_chance_for_any_number_of_classes() -> None:
    rng = np.random.default_rng(5)
    shares = np.full(300, 1 / 300)
    values = [
        compare([rng.multinomial(4000, shares), rng.multinomial(1000, shares)], 99)["cramers_v"]
        for _ in range(20)
    ]
    assert np.mean(values) < 0.05  # uncorrected it is about sqrt(299 / 5000) = 0.24


def test_interval_of_cramers_v_inverts_the_noncentral_chi_square() -> None:
    result = compare([[60, 40, 20], [30, 40, 50]])
    for end, probability in (("cramers_v_low", 0.975), ("cramers_v_high", 0.025)):
        noncentrality = result[end] ** 2 * 240
        cdf = stats.ncx2.cdf(result["chi_square"], df=2, nc=noncentrality)
        assert cdf == pytest.approx(probability, abs=1e-6)
    assert result["cramers_v_low"] < result["cramers_v"] < result["cramers_v_high"]


def test_jensen_shannon_distance_matches_scipy_to_base_2() -> None:
    table = [[30, 0, 20, 5], [5, 10, 40, 0]]
    expected = jensenshannon([30, 0, 20, 5], [5, 10, 40, 0], base=2)
    assert compare(table)["jensen_shannon_distance"] == pytest.approx(expected)


def test_splits_without_a_class_in_common_are_as_far_apart_as_can_be() -> None:
    result = compare([[50, 50, 0, 0], [0, 0, 50, 50]])
    assert result["jensen_shannon_distance"] == pytest.approx(1)
    assert result["total_variation"] == pytest.approx(1)
    assert result["cramers_v"] == pytest.approx(np.sqrt((1 - 3 / 199) / (1 - 1 / 199)))


def test_total_variation_is_the_share_that_would_have_to_change_class() -> None:
    # 0.6, 0.4 against 0.45, 0.55
    assert compare([[60, 40], [90, 110]])["total_variation"] == pytest.approx(0.15)


def test_total_variation_by_chance_is_what_random_splits_have() -> None:
    rng = np.random.default_rng(7)
    labels = np.repeat(np.arange(5), [40, 30, 20, 6, 4])
    seen = []
    for _ in range(2000):
        rng.shuffle(labels)
        a, b = np.bincount(labels[:70], minlength=5) / 70, np.bincount(labels[70:], minlength=5) / 30
        seen.append(np.abs(a - b).sum() / 2)
    result = compare([[28, 21, 14, 4, 3], [12, 9, 6, 2, 1]], 2000)
    assert result["total_variation_by_chance"] == pytest.approx(np.mean(seen), rel=0.03)


def test_one_class_cannot_shift() -> None:
    result = compare([[9], [4]])
    assert result["total_variation"] == 0
    assert np.isnan(result["p_value"])
    assert np.isnan(result["cramers_v"])


def test_every_pair_of_splits_is_compared_and_corrected_for() -> None:
    shift = compare_label_shares(
        counts_of(train=[500, 500, 500], validation=[100, 100, 100], test=[200, 100, 60]), **SETTINGS
    )
    pairs = [("train", "validation"), ("train", "test"), ("validation", "test")]
    assert list(zip(shift["split_a"], shift["split_b"], strict=True)) == pairs
    assert shift["is_shifted"].tolist() == [False, True, True]
    assert shift["p_value_holm"][1] == pytest.approx(3 * shift["p_value"][1])


def test_a_significant_but_tiny_shift_is_not_flagged() -> None:
    shift = compare_label_shares(counts_of(train=[100_000, 100_000], test=[51_000, 49_000]), **SETTINGS)
    assert shift["p_value_holm"][0] < 1e-6
    assert not shift["is_shifted"][0]


def test_a_large_difference_of_few_images_is_not_flagged() -> None:
    shift = compare_label_shares(counts_of(train=[10, 10], test=[3, 1]), **SETTINGS)
    assert shift["total_variation"][0] == pytest.approx(0.25)
    assert not shift["is_shifted"][0]


def test_random_splits_are_not_flagged() -> None:
    rng = np.random.default_rng(11)
    shares = rng.dirichlet(np.ones(20))
    flagged = 0
    for _ in range(60):
        counts = counts_of(
            **{split: rng.multinomial(n, shares).tolist() for split, n in (("train", 400), ("test", 80))}
        )
        flagged += compare_label_shares(counts, **SETTINGS | {"n_permutations": 199})["is_shifted"].sum()
    assert flagged <= 1


def test_one_split_leaves_an_empty_table_with_its_columns() -> None:
    shift = compare_label_shares(counts_of(train=[3, 4]), **SETTINGS)
    assert len(shift) == 0
    assert {"split_a", "p_value_holm", "is_shifted"} <= set(shift.columns)


def test_shares_are_compared_in_pooled_standard_errors() -> None:
    shares = compare_shares(counts_of(train=[60, 40, 0], test=[90, 110, 0]), "train", "test")
    error = np.sqrt(0.5 * 0.5 * (1 / 100 + 1 / 200))  # 150 of 300 images are of the first class
    assert shares["difference"].tolist() == pytest.approx([-0.15, 0.15, 0])
    assert shares["residual"].tolist() == pytest.approx([0.15 / error, 0.15 / error, 0])

"""Rank tests against SciPy and hand-computed values; the correction against its definition."""

import numpy as np
import pytest
from scipy import stats

from analysis.statistics.rank_tests import each_against_rest, first_against_second, holm, kruskal_wallis


def test_holm_multiplies_by_the_tests_left_and_never_falls() -> None:
    assert holm(np.array([0.01, 0.04, 0.03, 0.005])) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_holm_stops_at_one_and_leaves_out_tests_that_were_not_made() -> None:
    adjusted = holm(np.array([np.nan, 0.02, 0.9, 0.8]))
    assert adjusted[1:] == pytest.approx([0.06, 1.0, 1.0])
    assert np.isnan(adjusted[0])
    assert holm(np.array([])).tolist() == []


@pytest.mark.parametrize("decimals", [8, 1, 0], ids=["distinct", "some ties", "many ties"])
def test_kruskal_wallis_matches_scipy(decimals: int) -> None:
    rng = np.random.default_rng(1)
    codes = rng.integers(0, 4, 80)
    values = (rng.normal(size=80) + 0.4 * codes).round(decimals)
    expected = stats.kruskal(*(values[codes == code] for code in range(4)))
    result = kruskal_wallis(values, codes)
    assert result["kruskal_h"] == pytest.approx(expected.statistic)
    assert result["p_value"] == pytest.approx(expected.pvalue)


def test_eta_squared_of_groups_that_do_not_overlap() -> None:
    # ranks 1..3 and 4..6: H = 12 / 42 * (36 / 3 + 225 / 3) - 21 = 27 / 7; (H - 1) / 4 = 5 / 7
    result = kruskal_wallis(np.array([1.0, 2, 3, 10, 20, 30]), np.array([0, 0, 0, 1, 1, 1]))
    assert result["kruskal_h"] == pytest.approx(27 / 7)
    assert result["eta_squared"] == pytest.approx(5 / 7)


def test_kruskal_wallis_leaves_out_groups_without_values() -> None:
    values = np.array([1.0, 5, 2, 4, 3, 8])
    with_gap = kruskal_wallis(values, np.array([0, 0, 0, 3, 3, 3]))
    assert with_gap == pytest.approx(kruskal_wallis(values, np.array([0, 0, 0, 1, 1, 1])))


def test_kruskal_wallis_of_equal_values_and_of_one_group() -> None:
    alike = kruskal_wallis(np.full(6, 0.3), np.array([0, 0, 0, 1, 1, 1]))
    assert alike == {"kruskal_h": 0.0, "p_value": 1.0, "eta_squared": 0.0}
    assert np.isnan(kruskal_wallis(np.arange(3.0), np.zeros(3, dtype=int))["p_value"])
    assert np.isnan(kruskal_wallis(np.array([]), np.array([], dtype=int))["p_value"])


@pytest.mark.parametrize("decimals", [8, 0], ids=["distinct", "many ties"])
def test_each_against_rest_matches_scipy(decimals: int) -> None:
    rng = np.random.default_rng(2)
    codes = rng.integers(0, 3, 60)
    values = (rng.normal(size=60) + (codes == 1)).round(decimals)
    result = each_against_rest(values, codes, 3)
    for code in range(3):
        group, rest = values[codes == code], values[codes != code]
        expected = stats.mannwhitneyu(group, rest, method="asymptotic", use_continuity=False)
        assert result["p_value"][code] == pytest.approx(expected.pvalue)
        assert result["cliffs_delta"][code] == pytest.approx(
            2 * expected.statistic / len(group) / len(rest) - 1
        )


def test_cliffs_delta_counts_pairs() -> None:
    # group 0 holds 1 and 3, the rest 2 and 3: of four pairs one is higher, two are lower, one is a tie
    result = each_against_rest(np.array([1.0, 3, 2, 3]), np.array([0, 0, 1, 1]), 2)
    assert result["cliffs_delta"].tolist() == pytest.approx([-0.25, 0.25])


def test_groups_without_values_are_neither_high_nor_low() -> None:
    result = each_against_rest(np.array([1.0, 2, 3]), np.array([0, 0, 2]), 3)
    assert result.loc[1].isna().all()
    assert result["cliffs_delta"][2] == 1.0


def test_equal_values_differ_in_nothing() -> None:
    result = each_against_rest(np.full(300_000, 0.1), np.arange(300_000) % 2, 2)
    assert result["p_value"].tolist() == [1.0, 1.0]
    assert result["cliffs_delta"].tolist() == [0.0, 0.0]


def test_first_against_second_matches_scipy_in_each_stratum() -> None:
    rng = np.random.default_rng(3)
    strata = rng.integers(0, 3, 120)
    is_first = rng.random(120) < 0.3
    values = (rng.normal(size=120) + is_first * strata).round(1)
    result = first_against_second(values, is_first, strata, 3)
    for code in range(3):
        first = values[(strata == code) & is_first]
        second = values[(strata == code) & ~is_first]
        expected = stats.mannwhitneyu(first, second, method="asymptotic", use_continuity=False)
        assert result["p_value"][code] == pytest.approx(expected.pvalue)
        assert result["cliffs_delta"][code] == pytest.approx(
            2 * expected.statistic / len(first) / len(second) - 1
        )
        assert (result["n_first"][code], result["n_second"][code]) == (len(first), len(second))


def test_strata_without_one_of_the_groups_cannot_be_compared() -> None:
    result = first_against_second(np.array([1.0, 2]), np.array([True, False]), np.array([0, 2]), 3)
    assert result["p_value"].isna().all()
    assert result["n_first"].tolist() == [1, 0, 0]

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.stats import binomtest, norm, t, ttest_rel

from analysis.statistics.paired import (
    accuracy_gain,
    fall_p_value,
    mcnemar_p_value,
    mean_interval,
    newcombe_interval,
    t_interval,
    tango_interval,
)


def test_mean_interval_is_students_and_says_what_is_unknown() -> None:
    values = np.array([[0.0, 1.0, 1.0, 0.0], [0.5, 0.5, 0.5, 0.5]])
    mean, low, high = mean_interval(values)
    assert mean == pytest.approx([0.5, 0.5])
    half = t.ppf(0.975, 3) * np.std([0, 1, 1, 0], ddof=1) / 2
    assert (high - mean, mean - low) == (pytest.approx([half, 0]), pytest.approx([half, 0]))
    assert mean_interval(np.array([0.25]))[0] == 0.25
    assert np.isnan(mean_interval(np.array([0.25]))[1:]).all()
    assert np.isnan(mean_interval(np.array([]))).all()


def test_paired_interval_is_that_of_newcombe() -> None:
    # 36 pairs both, 12 and 2 one way and the other, 0 neither: method 10 in table III of Newcombe (1998)
    gained, lost, n, both = (np.array([n]) for n in (12, 2, 50, 36))
    low, high = newcombe_interval(gained, lost, n, n_both=both)
    assert (low[0], high[0]) == pytest.approx((0.0569, 0.3404), abs=5e-5)


def test_accuracy_gain_counts_the_same_images() -> None:
    before = np.array([True] * 36 + [False] * 12 + [True] * 2)
    after = np.array([True] * 48 + [False] * 2)
    assert accuracy_gain(before, after) == pytest.approx((0.2, 0.0569, 0.3404), abs=5e-5)  # the same table
    assert np.isnan(accuracy_gain(before[:0], after[:0])).all()


def test_paired_interval_covers_the_difference() -> None:
    generator = np.random.default_rng(1)
    shares = [0.5, 0.2, 0.05, 0.25]
    both, gained, lost, _ = generator.multinomial(40, shares, size=4000).T
    low, high = newcombe_interval(gained, lost, np.full(4000, 40), n_both=both)
    assert ((low <= 0.15) & (high >= 0.15)).mean() == pytest.approx(0.95, abs=0.015)


def test_p_value_of_mcnemar_is_the_binomial_tests_and_unknown_of_no_pairs() -> None:
    gained, lost = np.array([7, 3, 0, 0]), np.array([1, 3, 0, 0])
    expected = [binomtest(7, 8).pvalue, 1, 1, np.nan]
    found = mcnemar_p_value(gained, lost, np.array([20, 20, 5, 0]))
    assert found == pytest.approx(expected, nan_ok=True)


def test_gains_are_positive_to_all_and_losses_negative() -> None:
    gained, lost, n = np.array([12]), np.array([1]), np.array([40])
    for low, high in (tango_interval(gained, lost, 40), newcombe_interval(gained, lost, n, n_both=n - 13)):
        assert 0 < low[0] < 11 / 40 < high[0]
    for low, high in (tango_interval(lost, gained, 40), newcombe_interval(lost, gained, n, n_both=n - 13)):
        assert low[0] < -11 / 40 < high[0] < 0
    assert fall_p_value(gained, lost, 40, margin=0) > 0.99
    assert fall_p_value(lost, gained, 40, margin=0) < 0.01


def score_statistic(n_lost: int, n_gained: int, n: int, difference: float) -> float:
    """Tango's statistic with the nuisance share found by a search instead of a formula."""
    lowest, highest = max(0.0, -difference), (1 - difference) / 2

    def minus_log_likelihood(won: float) -> float:
        shares = np.clip([won + difference, won, 1 - 2 * won - difference], 1e-12, 1)
        return -(np.array([n_lost, n_gained, n - n_lost - n_gained]) * np.log(shares)).sum()

    bounds = (lowest, max(highest, lowest + 1e-9))
    won = minimize_scalar(minus_log_likelihood, bounds=bounds, method="bounded", options={"xatol": 1e-10}).x
    return (n_lost - n_gained - n * difference) / np.sqrt(n * (2 * won + difference - difference**2))


@pytest.mark.parametrize(
    ("n_lost", "n_gained", "n"), [(8, 3, 40), (12, 2, 126), (5, 0, 100), (1, 9, 60), (30, 1, 50)]
)
@pytest.mark.parametrize("margin", [0.0, 0.05, 0.2])
def test_p_value_is_that_of_the_score_test(n_lost: int, n_gained: int, n: int, margin: float) -> None:
    ours = fall_p_value(np.array([n_gained]), np.array([n_lost]), n, margin=margin)
    assert ours == pytest.approx([norm.sf(score_statistic(n_lost, n_gained, n, margin))], rel=1e-3)


def test_p_value_without_margin_is_mcnemars() -> None:
    lost, gained = np.array([10, 3, 20]), np.array([2, 3, 5])
    expected = norm.sf((lost - gained) / np.sqrt(lost + gained))
    assert fall_p_value(gained, lost, 100, margin=0) == pytest.approx(expected)


def test_ends_of_the_interval_are_just_rejected() -> None:
    lost, gained = np.array([8, 12, 5, 1, 30]), np.array([3, 2, 0, 9, 1])
    low, high = tango_interval(gained, lost, 60)
    assert ((low < (gained - lost) / 60) & ((gained - lost) / 60 < high)).all()
    for i, (lower, upper) in enumerate(zip(low, high, strict=True)):
        tails = [fall_p_value(gained[[i]], lost[[i]], 60, margin=-end)[0] for end in (lower, upper)]
        assert tails == pytest.approx([0.975, 0.025])


def test_interval_of_no_change_at_all_is_not_empty() -> None:
    low, high = tango_interval(np.array([0]), np.array([0]), 40)
    z = norm.ppf(0.975) ** 2
    assert high == pytest.approx([z / (40 + z)])  # Tango (1998)
    assert low == pytest.approx(-high)


def test_interval_of_a_total_loss_and_of_one_image_stay_in_range() -> None:
    for n in (1, 50):
        low, high = tango_interval(np.array([n, 0]), np.array([0, n]), n)  # all gained, all lost
        assert min(low) >= -1
        assert max(high) <= 1
        assert (high[0], low[1]) == (pytest.approx(1), pytest.approx(-1))
        assert np.isfinite(fall_p_value(np.array([0]), np.array([n]), n, margin=0.05)).all()


def test_interval_is_that_of_scipys_paired_t_test():
    first, second = np.array([0.91, 0.93, 0.90, 0.95]), np.array([0.89, 0.90, 0.91, 0.92])
    expected = ttest_rel(first, second)
    found = t_interval(first - second)
    assert found["p_value"] == pytest.approx(expected.pvalue)
    interval = expected.confidence_interval(0.95)
    assert (found["difference_low"], found["difference_high"]) == pytest.approx((interval.low, interval.high))


@pytest.mark.parametrize(
    ("differences", "n", "mean"), [([], 0, np.nan), ([0.1], 1, 0.1), ([np.nan, np.nan], 0, np.nan)]
)
def test_fewer_than_two_seeds_give_no_interval(differences, n, mean):
    found = t_interval(np.array(differences, dtype=float))
    assert (found["n_seeds"], found["difference"]) == (n, pytest.approx(mean, nan_ok=True))
    assert np.isnan(found["difference_low"])
    assert np.isnan(found["p_value"])


def test_equal_differences_have_no_p_value():
    found = t_interval(np.array([0.5, 0.5]))
    assert (found["difference_low"], found["difference_high"]) == (0.5, 0.5)
    assert np.isnan(found["p_value"])

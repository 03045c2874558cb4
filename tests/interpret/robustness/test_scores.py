import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.stats import norm, t

from analysis.interpret.robustness.corruptions import CORRUPTIONS, SEVERITIES
from analysis.interpret.robustness.scores import (
    Outcomes,
    class_drops,
    excess_drops,
    score_classes,
    score_conditions,
    score_corruptions,
)
from analysis.statistics.paired import mean_interval, paired_difference_p_value, tango_interval
from analysis.statistics.proportions import wilson_interval

K, S = len(CORRUPTIONS), len(SEVERITIES)


def outcomes_of(actual, clean, corrupted=None) -> Outcomes:
    """Nothing changes under corruption but the predictions in `corrupted`, by places of the condition."""
    predicted = np.tile(np.array(clean), (K, S, 1))
    for place, predictions in (corrupted or {}).items():
        predicted[place] = predictions
    similarity = np.tile(np.linspace(0.9, 0.1, S)[:, None], (K, 1, len(actual)))
    return Outcomes(np.array(actual), np.array(clean), predicted, 40 * similarity, similarity)


# ---- conditions and corruptions --------------------------------------------------------------------------
def test_conditions_by_hand() -> None:
    outcomes = outcomes_of([0, 0, 1, 1], [0, 0, 1, 0], {(2, 4): [1, 0, 1, 1]})
    conditions = score_conditions(outcomes, side_px=32).set_index(["corruption", "severity"])
    assert len(conditions) == K * S
    row = conditions.loc[("impulse noise", 5)]
    assert (row["accuracy"], row["flip_rate"], row["amount"]) == pytest.approx((3 / 4, 2 / 4, 0.07))
    assert (row["ssim"], row["psnr_db"]) == pytest.approx((0.1, 4))
    assert (row["accuracy_low"], row["accuracy_high"]) == pytest.approx(
        [float(end) for end in wilson_interval(3, 4)]
    )
    assert (conditions.drop(row.name)["flip_rate"] == 0).all()


def test_corruptions_by_hand() -> None:
    clean = [0] * 10
    fog = [c.name for c in CORRUPTIONS].index("fog")
    worse = {
        (fog, place): [1] * n_wrong + [0] * (10 - n_wrong) for place, n_wrong in enumerate([0, 2, 5, 6, 7])
    }
    table = score_corruptions(outcomes_of([0] * 9 + [1], clean, worse), margin=0.05).set_index("corruption")
    row = table.loc["fog"]
    errors = np.array([1, 3, 6, 7, 8]) / 10  # the tenth image is never right
    assert row["corruption_error"] == pytest.approx(errors.mean())
    ends = wilson_interval(5, 10)
    assert row[["error_low", "error_high"]].tolist() == pytest.approx([float(end) for end in ends])
    assert row["flip_rate"] == pytest.approx(20 / 50)
    assert (row["mild_drop"], row["half_at_severity"]) == (0, 3)  # 4 of 10 right, of 9 when clean
    others = table.drop("fog")
    assert others["corruption_error"].to_numpy() == pytest.approx(0.1)
    assert others["half_at_severity"].isna().all()


def test_half_of_the_clean_accuracy_is_not_below_it() -> None:
    table = score_corruptions(outcomes_of([0, 0], [0, 0], {(0, 3): [0, 1], (0, 4): [1, 1]}), margin=0)
    assert table["half_at_severity"][0] == 5


def test_mean_interval_is_students_and_says_what_is_unknown() -> None:
    values = np.array([[0.0, 1.0, 1.0, 0.0], [0.5, 0.5, 0.5, 0.5]])
    mean, low, high = mean_interval(values)
    assert mean == pytest.approx([0.5, 0.5])
    half = t.ppf(0.975, 3) * np.std([0, 1, 1, 0], ddof=1) / 2
    assert (high - mean, mean - low) == (pytest.approx([half, 0]), pytest.approx([half, 0]))
    assert mean_interval(np.array([0.25]))[0] == 0.25
    assert np.isnan(mean_interval(np.array([0.25]))[1:]).all()
    assert np.isnan(mean_interval(np.array([]))).all()


# ---- differences of paired proportions -------------------------------------------------------------------
def score_statistic(n_lost: int, n_won: int, n: int, difference: float) -> float:
    """Tango's statistic with the nuisance share found by a search instead of a formula."""
    lowest, highest = max(0.0, -difference), (1 - difference) / 2

    def minus_log_likelihood(won: float) -> float:
        shares = np.clip([won + difference, won, 1 - 2 * won - difference], 1e-12, 1)
        return -(np.array([n_lost, n_won, n - n_lost - n_won]) * np.log(shares)).sum()

    bounds = (lowest, max(highest, lowest + 1e-9))
    won = minimize_scalar(minus_log_likelihood, bounds=bounds, method="bounded", options={"xatol": 1e-10}).x
    return (n_lost - n_won - n * difference) / np.sqrt(n * (2 * won + difference - difference**2))


@pytest.mark.parametrize(
    ("n_lost", "n_won", "n"), [(8, 3, 40), (12, 2, 126), (5, 0, 100), (1, 9, 60), (30, 1, 50)]
)
@pytest.mark.parametrize("margin", [0.0, 0.05, 0.2])
def test_p_value_is_that_of_the_score_test(n_lost: int, n_won: int, n: int, margin: float) -> None:
    ours = paired_difference_p_value(np.array([n_lost]), np.array([n_won]), n, margin=margin)
    assert ours == pytest.approx([norm.sf(score_statistic(n_lost, n_won, n, margin))], rel=1e-3)


def test_p_value_without_margin_is_mcnemars() -> None:
    lost, won = np.array([10, 3, 20]), np.array([2, 3, 5])
    expected = norm.sf((lost - won) / np.sqrt(lost + won))
    assert paired_difference_p_value(lost, won, 100, margin=0) == pytest.approx(expected)


def test_ends_of_the_interval_are_just_rejected() -> None:
    lost, won = np.array([8, 12, 5, 1, 30]), np.array([3, 2, 0, 9, 1])
    low, high = tango_interval(lost, won, 60)
    assert ((low < (lost - won) / 60) & ((lost - won) / 60 < high)).all()
    for i, (lower, upper) in enumerate(zip(low, high, strict=True)):
        tails = [paired_difference_p_value(lost[[i]], won[[i]], 60, margin=end)[0] for end in (lower, upper)]
        assert tails == pytest.approx([0.025, 0.975])


def test_interval_of_no_change_at_all_is_not_empty() -> None:
    low, high = tango_interval(np.array([0]), np.array([0]), 40)
    z = norm.ppf(0.975) ** 2
    assert high == pytest.approx([z / (40 + z)])  # Tango (1998)
    assert low == pytest.approx(-high)


def test_interval_of_a_total_loss_and_of_one_image_stay_in_range() -> None:
    for n in (1, 50):
        low, high = tango_interval(np.array([n, 0]), np.array([0, n]), n)
        assert min(low) >= -1
        assert max(high) <= 1
        assert (high[0], low[1]) == (pytest.approx(1), pytest.approx(-1))
        assert np.isfinite(paired_difference_p_value(np.array([n]), np.array([0]), n, margin=0.05)).all()


# ---- classes ---------------------------------------------------------------------------------------------
def test_classes_by_hand() -> None:
    actual = [0] * 4 + [1] * 4
    lost = {(k, s): [1, 1, 0, 0, 1, 1, 1, 1] for k in range(K) for s in range(S)}
    table = score_classes(outcomes_of(actual, actual, lost), ["a", "b", "absent"]).set_index("label")
    assert table.loc["a", ["drop", "more_than_rest", "mistakes_fraction"]].tolist() == pytest.approx(
        [0.5, 0.5, 0]
    )
    assert table.loc["b", ["drop", "more_than_rest", "mistakes_fraction"]].tolist() == pytest.approx(
        [0, -0.5, 1]
    )
    assert table["n_images"].tolist() == [4, 4, 0]
    assert table.loc["absent", ["clean_accuracy", "drop", "drop_low", "p_value_holm"]].isna().all()


def test_drop_counts_from_each_image_when_clean() -> None:
    clean = [1, 0]  # the first is wrong when clean, and right under half of the severities of one corruption
    table = score_classes(outcomes_of([0, 0], clean, {(0, 0): [0, 0], (0, 1): [0, 0]}), ["a", "b"])
    assert table["drop"][0] == pytest.approx(-2 / (K * S) / 2)


def test_fragile_class_is_sure_and_chance_is_not() -> None:
    rng = np.random.default_rng(0)
    actual = np.repeat(np.arange(10), 12)
    wrong = rng.random((K, S, 120)) < np.where(actual == 3, 0.5, 0.2)
    corrupted = {(k, s): np.where(wrong[k, s], (actual + 1) % 10, actual) for k in range(K) for s in range(S)}
    p_values = score_classes(outcomes_of(actual, actual, corrupted), list("abcdefghij"))["p_value_holm"]
    assert p_values[3] < 1e-6
    assert p_values.drop(3).min() > 0.05


def test_class_drops_have_a_row_a_class_and_a_column_a_corruption() -> None:
    outcomes = outcomes_of([0, 0, 2], [0, 0, 2], {(1, 0): [0, 1, 2], (1, 1): [1, 1, 2]})
    drops = class_drops(outcomes, ["a", "b", "c"])
    assert drops.shape == (3, K)
    assert drops.loc["a", "shot noise"] == pytest.approx((0.2 + 0.4) / 2)
    assert drops.loc["b"].isna().all()
    assert drops.drop(columns="shot noise").loc[["a", "c"]].eq(0).all(axis=None)


def test_expected_drop_never_falls_as_images_become_less_alike() -> None:
    rng = np.random.default_rng(1)
    conditions = score_conditions(outcomes_of([0] * 9, [0] * 9), side_px=32)
    conditions = conditions.assign(ssim=rng.random(K * S), accuracy=rng.random(K * S))
    excess = excess_drops(conditions, 0.9).sort_values("ssim")
    assert excess["expected_drop"].is_monotonic_decreasing
    assert (excess["drop"] - excess["expected_drop"]).sum() == pytest.approx(0, abs=1e-9)

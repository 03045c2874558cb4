import numpy as np
import pytest

from analysis.interpret.corruption_outcomes import Outcomes
from analysis.interpret.corruptions import CORRUPTIONS, SEVERITIES
from analysis.interpret.robustness.scores import (
    class_drops,
    excess_drops,
    score_classes,
    score_conditions,
    score_corruptions,
)
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

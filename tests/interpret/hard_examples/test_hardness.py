import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analysis.interpret.hard_examples.hardness import (
    compare_rankings,
    confused_pairs,
    hardest_by,
    measure_hardness,
    nearest_pair,
    odds_ratio,
    percentile_within,
    rank_within,
    tabulate_pairs,
    worth_repeating,
)

CLASSES = ["cat", "dog", "owl"]


def predictions_of(rows: list[tuple[str, str | None, list[float] | None]]) -> pd.DataFrame:
    """Rows of (split, label, probabilities); None for a blank label, and where there is no picture."""
    predicted = [None if p is None else CLASSES[int(np.argmax(p))] for _, _, p in rows]
    return pd.DataFrame(
        {
            "item_id": np.arange(len(rows)),
            "split": pd.Categorical([split for split, _, _ in rows], ["train", "validation", "test"]),
            "label": pd.Categorical([label for _, label, _ in rows], CLASSES),
            "predicted_label": pd.Categorical(predicted, CLASSES),
            "probabilities": [None if p is None else np.array(p, np.float32) for _, _, p in rows],
        }
    )


def dynamics_of(rows: list[tuple[int, int, int | None, float]]) -> pd.DataFrame:
    """Rows of (item_id, n_forgetting_events, first_learnt_epoch, area_under_margin)."""
    columns = ["item_id", "n_forgetting_events", "first_learnt_epoch", "area_under_margin"]
    table = pd.DataFrame(rows, columns=columns)
    types = {"item_id": "int64", "n_forgetting_events": "int64", "first_learnt_epoch": "Int64"}
    table = table.astype(types | {"area_under_margin": float})
    return table.assign(n_epochs=4, n_learnt_epochs=3, mean_probability=0.7, std_probability=0.2)


# ---- measures --------------------------------------------------------------------------------------------
def test_loss_is_of_the_label_and_finite_where_it_got_no_probability():
    predictions = predictions_of(
        [("test", "dog", [0.5, 0.25, 0.25]), ("test", "owl", [1.0, 0.0, 0.0]), ("test", "cat", [1, 0, 0])]
    )
    table = measure_hardness(predictions, dynamics_of([]))
    assert table["loss"].tolist() == pytest.approx([np.log(4), -np.log(np.finfo(np.float32).eps), 0])


def test_images_without_label_or_picture_are_not_ranked():
    predictions = predictions_of(
        [("test", None, [1, 0, 0]), ("test", "cat", None), ("test", "cat", [1, 0, 0])]
    )
    assert measure_hardness(predictions, dynamics_of([]))["item_id"].tolist() == [2]


def test_never_learnt_is_harder_than_any_number_of_forgetting_events():
    even = [0.4, 0.3, 0.3]
    predictions = predictions_of([("train", "cat", even)] * 4)
    table = measure_hardness(predictions, dynamics_of([(0, 0, 1, 1.0), (1, 5, 1, 1), (2, 0, None, 1)]))
    assert table["forgetting_percentile"].tolist()[:3] == pytest.approx([1 / 6, 3 / 6, 5 / 6])
    assert table["was_trained_on"].tolist() == [True, True, True, False]
    assert table["is_never_learnt"].tolist() == [False, False, True, pd.NA]


def test_hardness_is_the_mean_of_the_percentiles_there_are():
    predictions = predictions_of(
        [("train", "cat", [0.9, 0.1, 0]), ("train", "cat", [0.2, 0.8, 0]), ("test", "cat", [0.9, 0.1, 0])]
    )
    table = measure_hardness(predictions, dynamics_of([(0, 2, 1, 1.0), (1, 2, 1, 3.0)]))
    # the second is harder by loss, easier by margin, and as often forgotten
    assert table["loss_percentile"].tolist() == [0.25, 0.75, 0.5]
    assert table["margin_percentile"].tolist()[:2] == [0.75, 0.25]
    assert table["hardness"].tolist() == [0.5, 0.5, 0.5]
    assert np.isnan(table["margin_percentile"][2])
    assert np.isnan(table["forgetting_percentile"][2])


def test_trained_on_images_are_not_ranked_against_those_a_sample_left_out():
    table = pd.DataFrame({"split": ["train"] * 4, "was_trained_on": [True, True, False, False]})
    values = pd.Series([0.1, 0.2, 5.0, 6.0])
    assert percentile_within(values, table).tolist() == [0.25, 0.75, 0.25, 0.75]
    assert rank_within(values, table).tolist() == [2, 1, 2, 1]


def test_order_of_the_rows_changes_nothing():
    rng = np.random.default_rng(0)
    predictions = predictions_of([("train", "cat", list(rng.dirichlet(np.ones(3)))) for _ in range(30)])
    dynamics = dynamics_of(
        [(i, int(rng.integers(3)), int(rng.integers(1, 4)), rng.normal()) for i in range(20)]
    )
    there = measure_hardness(predictions, dynamics).set_index("item_id")
    shuffled = measure_hardness(predictions.sample(frac=1, random_state=0), dynamics.iloc[::-1])
    pd.testing.assert_frame_equal(shuffled.set_index("item_id").sort_index(), there)


@pytest.mark.parametrize(
    ("percentiles", "hard"),
    [
        ([0.1, 0.5, 0.9], [False, False, True]),
        ([0.45] * 9 + [0.95], [False] * 9 + [True]),  # nine were never forgotten
        ([0.25, 0.25, 0.75, 0.75], [False, False, True, True]),  # half tie for the hardest
        ([0.5] * 4, [False] * 4),  # nothing tells them apart
        ([np.nan, 0.2, 0.95], [False, False, True]),
    ],
)
def test_hardest_are_those_above_the_cut_and_ties_for_the_first_place(percentiles, hard):
    assert hardest_by(pd.Series(percentiles), 0.1).tolist() == hard


# ---- confused pairs --------------------------------------------------------------------------------------
def test_confusion_of_a_pair_is_the_mean_of_both_ways_by_hand():
    probabilities = np.array([[0.7, 0.2, 0.1], [0.5, 0.4, 0.1], [0.6, 0.4, 0.0], [0.1, 0.0, 0.9]])
    pairs = confused_pairs(probabilities, np.array([0, 0, 1, 2]), CLASSES, n_pairs=3)
    assert pairs["first_label"].tolist() == ["cat", "cat", "dog"]
    assert pairs["second_label"].tolist() == ["dog", "owl", "owl"]
    assert pairs["confusion"].tolist() == pytest.approx([(0.3 + 0.6) / 2, (0.1 + 0.1) / 2, 0.0])


def test_class_without_images_is_in_no_pair():
    pairs = confused_pairs(np.array([[0.7, 0.2, 0.1], [0.5, 0.4, 0.1]]), np.array([0, 1]), CLASSES, n_pairs=5)
    assert pairs[["first_label", "second_label"]].to_numpy().tolist() == [["cat", "dog"]]


def test_image_is_placed_at_the_nearest_boundary_on_its_side():
    judged = predictions_of(
        [("test", "cat", [0.5, 0.3, 0.2]), ("test", "dog", [0.6, 0.3, 0.1]), ("test", "owl", [0.1, 0.2, 0.7])]
    )
    pairs = pd.DataFrame({"first": [0, 0], "second": [1, 2]})
    near = nearest_pair(judged, pairs)
    assert near["pair"].tolist() == [0, 0, 1]
    assert near["pair_log_odds"].tolist() == pytest.approx(np.log([5 / 3, 1 / 2, 7]), rel=1e-5)
    only = nearest_pair(judged, pairs.head(1))
    assert only["pair"].tolist() == [0, 0, pd.NA]
    assert np.isnan(only["pair_log_odds"][2])


def test_pairs_are_counted_among_their_own_images():
    judged = predictions_of(
        [
            ("test", "cat", [0.4, 0.6, 0.0]),  # taken for the other, and ambiguous
            ("test", "cat", [0.2, 0.1, 0.7]),  # taken for a third class; ambiguous between the two
            ("test", "dog", [0.01, 0.99, 0.0]),
            ("test", "owl", [0.9, 0.1, 0.0]),
        ]
    )
    pairs = pd.DataFrame(
        {"first": [0], "second": [1], "first_label": ["cat"], "second_label": ["dog"], "confusion": [0.2]}
    )
    row = tabulate_pairs(pairs, judged).iloc[0]
    assert row[["n_items", "n_mistaken", "n_ambiguous"]].tolist() == [3, 1, 2]
    assert row["mistaken_fraction"] == pytest.approx(1 / 3)


# ---- agreement -------------------------------------------------------------------------------------------
def test_agreement_is_scipys_correlation_and_the_jaccard_index():
    rng = np.random.default_rng(1)
    first = rng.random(200)
    second = first + rng.normal(0, 0.3, 200)
    table = pd.DataFrame({"first": first, "second": stats.rankdata(second) / 200})
    row = compare_rankings(table, 0.1).iloc[0]
    assert row["spearman"] == pytest.approx(stats.spearmanr(first, second).statistic)
    assert row["spearman_low"] < row["spearman"] < row["spearman_high"]
    hard = [set(np.flatnonzero(table[name] >= 0.9)) for name in table]
    assert row["shared_fraction"] == pytest.approx(len(hard[0] & hard[1]) / len(hard[0] | hard[1]))


def test_rankings_of_no_common_image_do_not_agree_or_disagree():
    row = compare_rankings(pd.DataFrame({"a": [0.1, 0.9, np.nan], "b": [np.nan, np.nan, 0.5]}), 0.5).iloc[0]
    assert row["n_items"] == 0
    assert np.isnan(row["spearman"])
    assert np.isnan(row["shared_fraction"])


def test_odds_ratio_by_hand_and_against_scipy():
    first = pd.Series([True] * 20 + [False] * 80)
    second = pd.Series([True] * 8 + [False] * 12 + [True] * 10 + [False] * 70)
    found = odds_ratio(first, second)
    assert (found["n_hard"], found["n_suspected"], found["n_both"]) == (20, 18, 8)
    assert found["odds_ratio"] == pytest.approx(8.5 * 70.5 / (12.5 * 10.5))
    unadjusted = stats.contingency.odds_ratio([[8, 12], [10, 70]], kind="sample").confidence_interval(0.95)
    assert [found["odds_ratio_low"], found["odds_ratio_high"]] == pytest.approx([*unadjusted], rel=0.15)


def test_odds_ratio_without_overlap_is_finite_and_without_suspects_unknown():
    first = pd.Series([True, False, False, False])
    assert np.isfinite(odds_ratio(first, pd.Series([False, True, False, False]))["odds_ratio_high"])
    assert np.isnan(odds_ratio(first, pd.Series([False] * 4))["odds_ratio"])


def test_hard_images_and_those_near_a_boundary_are_repeated_but_not_doubted_or_unseen_ones():
    images = pd.DataFrame(
        {
            "item_id": [10, 11, 12, 13, 14, 15],
            "was_trained_on": [True, True, True, True, False, True],
            "is_suspected": [False, False, True, False, False, False],
            "hardness_percentile": [0.9, 0.1, 0.9, 0.1, 0.9, 0.1],
            "pair_log_odds": [9.0, -0.1, 0.0, 8.0, 0.0, np.nan],
        }
    )
    assert worth_repeating(images, 0.5).tolist() == [True, True, False, False, False, False]

import numpy as np
import pandas as pd
import pytest

from analysis.interpret.evaluate.accuracy_figures import plot_adjusted_accuracies
from analysis.interpret.evaluate.adjusted_accuracy import (
    AS_IT_IS,
    EXACT_COPIES,
    NEAR_COPIES,
    NO_COPIES,
    NO_EXACT_COPIES,
    SUGGESTED_LABELS,
    SUSPECTS_RIGHT,
    SUSPECTS_WRONG,
    Doubts,
    adjusted_accuracies,
    adjusted_metrics,
    doubts_about,
)

CLASSES = ["a", "b", "c"]
SETTINGS = {"n_resamples": 500, "seed": 0}


def manifest_of(labels: str) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "item_id": range(len(labels)),
            "path": [f"{i}.png" for i in range(len(labels))],
            "label": pd.Categorical(list(labels), categories=CLASSES),
        }
    )


def pairs_of(*pairs: tuple[int, int, str]) -> pd.DataFrame:
    return pd.DataFrame(pairs, columns=["item_id_a", "item_id_b", "kind"]).astype(
        {"item_id_a": int, "item_id_b": int}
    )


def issues_of(*issues: tuple[int, str, str, bool]) -> pd.DataFrame:
    table = pd.DataFrame(issues, columns=["item_id", "label", "suggested_label", "is_issue"])
    return table.astype({"item_id": int, "is_issue": bool, "suggested_label": "string"})


def doubts(labels: str, judged: list[int], training: list[int], pairs, issues) -> Doubts:
    manifest = manifest_of(labels)
    rows = manifest.iloc[judged].assign(class_index=manifest["label"].cat.codes)
    return doubts_about(rows, pd.Index(training, dtype=int), manifest, pairs, issues)


def test_copies_are_told_apart_by_tier_and_only_those_of_training_count() -> None:
    pairs = pairs_of((0, 5, "near"), (1, 6, "exact"), (2, 3, "near"), (1, 5, "near"), (5, 6, "near"))
    found = doubts("aaaaaaa", [0, 1, 2, 3], [5, 6], pairs, issues_of())
    assert found.is_near_copy.tolist() == [True, False, False, False]
    assert found.is_exact_copy.tolist() == [False, True, False, False]


def test_copy_of_a_copy_that_is_neither_judged_nor_learnt_is_a_copy() -> None:
    pairs = pairs_of((0, 4, "exact"), (4, 5, "exact"), (1, 4, "near"))
    found = doubts("aaaaaa", [0, 1], [5], pairs, issues_of())  # 4 is of validation
    assert (found.is_exact_copy.tolist(), found.is_near_copy.tolist()) == ([True, False], [False, True])


def test_training_images_that_are_judged_are_no_copies_of_one_another() -> None:
    found = doubts("aaa", [0, 1, 2], [0, 1, 2], pairs_of((0, 1, "exact")), issues_of())
    assert not found.any()


def test_doubt_about_a_label_that_was_changed_since_is_settled() -> None:
    issues = issues_of((0, "a", "b", True), (1, "b", "a", True), (2, "a", "c", False))
    found = doubts("aaa", [0, 1, 2], [], pairs_of(), issues)  # image 1 was b, and was relabelled
    assert found.is_suspect.tolist() == [True, False, False]
    assert found.suggested_index.tolist() == [1, 0, 0]


ACTUAL = np.array([0, 0, 0, 0, 1, 1, 1, 1])
PREDICTED = np.array([0, 0, 1, 0, 1, 0, 1, 0])  # 5 of 8 right
EXACT = np.array([1, 0, 0, 0, 0, 0, 0, 0], dtype=bool)
NEAR = np.array([0, 1, 1, 0, 0, 0, 0, 0], dtype=bool)
SUSPECT = np.array([0, 0, 1, 1, 0, 1, 0, 0], dtype=bool)  # wrong, right, wrong
SUGGESTED = np.array([0, 0, 1, 1, 1, 2, 1, 1])


def test_accuracies_by_hand() -> None:
    table = adjusted_accuracies(ACTUAL, PREDICTED, Doubts(EXACT, NEAR, SUSPECT, SUGGESTED), **SETTINGS)
    rows = table.set_index("case")
    assert rows["accuracy"].to_dict() == {
        AS_IT_IS: 5 / 8,
        NO_EXACT_COPIES: 4 / 7,
        NO_COPIES: 3 / 5,
        EXACT_COPIES: 1,
        NEAR_COPIES: 1 / 2,
        SUSPECTS_WRONG: 4 / 8,
        SUGGESTED_LABELS: 5 / 8,  # one becomes right, one wrong, one stays wrong
        SUSPECTS_RIGHT: 7 / 8,
    }
    assert rows["n_items"].tolist() == [8, 7, 5, 1, 2, 8, 8, 8]
    assert rows["n_doubted"].tolist() == [0, 1, 3, 1, 2, 3, 3, 3]
    assert rows.loc[NO_COPIES, "change"] == pytest.approx(3 / 5 - 5 / 8)
    assert rows.loc[[AS_IT_IS, EXACT_COPIES, NEAR_COPIES], "change"].isna().all()
    metrics = adjusted_metrics(table)
    assert metrics["accuracy_without_copies"] == 3 / 5
    assert (metrics["n_exact_copies_of_training"], metrics["n_near_copies_of_training"]) == (1, 2)


def test_truth_lies_between_the_bounds_whatever_the_true_labels_are() -> None:
    rng = np.random.default_rng(0)
    actual, predicted = rng.integers(0, 3, (2, 60))
    suspect = rng.random(60) < 0.3
    none = np.zeros(60, dtype=bool)
    table = adjusted_accuracies(actual, predicted, Doubts(none, none, suspect, actual), **SETTINGS)
    low, high = table.set_index("case").loc[[SUSPECTS_WRONG, SUSPECTS_RIGHT], "accuracy"]
    for _ in range(50):
        truth = np.where(suspect, rng.integers(0, 3, 60), actual)
        assert low <= (predicted == truth).mean() <= high


def test_change_is_paired_so_narrower_than_the_accuracies_themselves() -> None:
    rng = np.random.default_rng(0)
    near = np.arange(4000) < 300
    is_right = rng.random(4000) < np.where(near, 0.95, 0.7)
    none = np.zeros(4000, dtype=bool)
    actual = np.zeros(4000, dtype=int)
    table = adjusted_accuracies(
        actual, 1 - is_right.astype(int), Doubts(none, near, none, actual), **SETTINGS
    )
    row = table.set_index("case").loc[NO_COPIES]
    assert row["change_low"] < row["change"] < row["change_high"] < 0
    assert row["change_high"] - row["change_low"] < 0.3 * (row["accuracy_high"] - row["accuracy_low"])


def test_interval_of_the_change_covers_the_truth() -> None:
    """Copies, a tenth, are right for sure, others in 6 of 10: without them the accuracy falls by 0.04."""
    rng = np.random.default_rng(0)
    n_covering = 0
    for seed in range(100):
        near = rng.random(400) < 0.1
        wrong = np.where(near, 0, rng.random(400) < 0.4).astype(int)
        none, actual = np.zeros(400, dtype=bool), np.zeros(400, dtype=int)
        table = adjusted_accuracies(
            actual, wrong, Doubts(none, near, none, actual), n_resamples=200, seed=seed
        )
        row = table.set_index("case").loc[NO_COPIES]
        n_covering += row["change_low"] <= -0.04 <= row["change_high"]
    assert n_covering >= 88


def test_only_copies_leave_nothing_to_judge_and_say_so() -> None:
    all_of_them, none = np.ones(8, dtype=bool), np.zeros(8, dtype=bool)
    table = adjusted_accuracies(ACTUAL, PREDICTED, Doubts(all_of_them, none, none, ACTUAL), **SETTINGS)
    row = table.set_index("case").loc[NO_COPIES]
    assert row["n_items"] == 0
    assert row[["accuracy", "accuracy_low", "change", "change_low"]].isna().all()


def test_figure_shows_the_cases_that_concern_images(tmp_path) -> None:
    none = np.zeros(8, dtype=bool)
    table = adjusted_accuracies(ACTUAL, PREDICTED, Doubts(none, NEAR, none, ACTUAL), **SETTINGS)
    figure = plot_adjusted_accuracies(table, split="test")
    assert figure.table["case"].tolist() == [AS_IT_IS, NO_COPIES, NEAR_COPIES]
    figure.drawing.savefig(tmp_path / "adjusted.png")

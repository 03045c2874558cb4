import numpy as np
import pytest
from sklearn import metrics

from analysis.statistics.classification import confusion_counts, log_loss, overall_scores, per_class_scores

CLASSES = ["a", "b", "c", "d"]
ACTUAL = np.array([0, 0, 0, 1, 1, 2, 2, 2, 2, 2])  # none of d
PREDICTED = np.array([0, 0, 1, 1, 0, 2, 2, 2, 3, 0])


def random_case(seed: int, n_classes: int = 6, n: int = 200) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    probabilities = rng.dirichlet(np.full(n_classes, 0.3), size=n).astype(np.float32)
    return rng.integers(0, n_classes, n), probabilities.argmax(axis=1), probabilities


def scores_of(actual: np.ndarray, predicted: np.ndarray, n_classes: int):
    counts = confusion_counts(actual, predicted, n_classes=n_classes)
    return per_class_scores(counts, [str(i) for i in range(n_classes)])


def test_confusion_counts_actual_by_predicted() -> None:
    counts = confusion_counts(ACTUAL, PREDICTED, n_classes=4)
    assert counts.tolist() == [[2, 1, 0, 0], [1, 1, 0, 0], [1, 0, 3, 1], [0, 0, 0, 0]]


def test_scores_by_hand() -> None:
    scores = scores_of(ACTUAL, PREDICTED, 4).set_index("label")
    assert scores["n_items"].tolist() == [3, 2, 5, 0]
    assert scores["n_predicted"].tolist() == [4, 2, 3, 1]
    assert scores["recall"].tolist()[:3] == [2 / 3, 1 / 2, 3 / 5]
    assert scores["precision"].tolist() == [2 / 4, 1 / 2, 1, 0]
    assert scores["f1"].tolist() == [4 / 7, 1 / 2, 6 / 8, 0]
    assert np.isnan(scores.loc["3", ["recall", "recall_low", "recall_high"]].astype(float)).all()
    overall = overall_scores(scores)
    assert overall["accuracy"] == 0.6
    assert overall["balanced_accuracy"] == pytest.approx((2 / 3 + 1 / 2 + 3 / 5) / 3)
    assert overall["macro_f1"] == pytest.approx((4 / 7 + 1 / 2 + 6 / 8 + 0) / 4)


def test_class_neither_there_nor_predicted_counts_nowhere() -> None:
    overall = overall_scores(scores_of(np.array([0, 1]), np.array([0, 1]), 3))
    assert (overall["accuracy"], overall["balanced_accuracy"], overall["macro_f1"]) == (1, 1, 1)


@pytest.mark.parametrize("seed", range(5))
def test_scores_are_scikit_learns(seed: int) -> None:
    actual, predicted, probabilities = random_case(seed)
    scores = scores_of(actual, predicted, 6)
    precision, recall, f1, support = metrics.precision_recall_fscore_support(
        actual, predicted, labels=range(6)
    )
    np.testing.assert_allclose(scores["precision"], precision)
    np.testing.assert_allclose(scores["recall"], recall)
    np.testing.assert_allclose(scores["f1"], f1)
    np.testing.assert_array_equal(scores["n_items"], support)
    overall = overall_scores(scores)
    assert overall["accuracy"] == pytest.approx(metrics.accuracy_score(actual, predicted))
    assert overall["balanced_accuracy"] == pytest.approx(metrics.balanced_accuracy_score(actual, predicted))
    assert overall["macro_f1"] == pytest.approx(metrics.f1_score(actual, predicted, average="macro"))
    assert log_loss(probabilities, actual) == pytest.approx(
        metrics.log_loss(actual, probabilities, labels=range(6))
    )


def test_order_of_images_changes_nothing() -> None:
    actual, predicted, probabilities = random_case(0)
    order = np.random.default_rng(1).permutation(len(actual))
    assert scores_of(actual, predicted, 6).equals(scores_of(actual[order], predicted[order], 6))
    assert log_loss(probabilities, actual) == pytest.approx(log_loss(probabilities[order], actual[order]))


def test_log_loss_of_sure_predictions_is_finite() -> None:
    sure = np.array([[1.0, 0.0], [0.0, 1.0]], dtype=np.float32)
    assert log_loss(sure, np.array([0, 1])) == 0
    assert log_loss(sure, np.array([1, 1])) == pytest.approx(-np.log(np.finfo(np.float32).eps) / 2)
    assert np.isnan(log_loss(sure[:0], np.array([], dtype=int)))


def test_no_images_give_unknown_scores() -> None:
    empty = np.array([], dtype=int)
    assert all(np.isnan(value) for value in overall_scores(scores_of(empty, empty, 3)).values())

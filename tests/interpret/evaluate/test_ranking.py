import numpy as np
import pytest
from sklearn import metrics

from analysis.interpret.evaluate.ranking import (
    auroc_influence,
    average_precision_influence,
    one_vs_rest,
    top_k_accuracies,
)
from analysis.statistics.auroc import auroc

CLASSES = [str(i) for i in range(6)]


def random_case(seed: int, *, n: int = 300, decimals: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities that say something of the labels, rounded so that many are equal."""
    rng = np.random.default_rng(seed)
    actual = rng.integers(0, 6, n)
    logits = rng.normal(size=(n, 6)) + 1.2 * np.eye(6)[actual]
    return np.round(np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True), decimals), actual


@pytest.mark.parametrize("seed", range(3))
def test_measures_are_scikit_learns_with_ties(seed: int) -> None:
    probabilities, actual = random_case(seed)
    table, overall = one_vs_rest(probabilities, actual, CLASSES)
    for i, row in enumerate(table.itertuples()):
        assert row.auroc == pytest.approx(metrics.roc_auc_score(actual == i, probabilities[:, i]))
        expected = metrics.average_precision_score(actual == i, probabilities[:, i])
        assert row.average_precision == pytest.approx(expected)
        assert row.n_items == (actual == i).sum()
    assert overall["macro_auroc"] == pytest.approx(table["auroc"].mean())
    assert overall["macro_average_precision"] == pytest.approx(table["average_precision"].mean())


def test_auroc_interval_is_delongs() -> None:
    probabilities, actual = random_case(0)
    table, _ = one_vs_rest(probabilities, actual, CLASSES)
    for i, row in enumerate(table.itertuples()):
        expected = auroc(probabilities[actual != i, i], probabilities[actual == i, i])
        assert (row.auroc_low, row.auroc_high) == pytest.approx(
            (expected["auroc_low"], expected["auroc_high"]), abs=2e-3
        )


@pytest.mark.parametrize("kernel", [auroc_influence, average_precision_influence])
def test_influence_is_the_change_that_an_image_counted_again_makes(kernel) -> None:
    probabilities, actual = random_case(1, n=2000, decimals=3)
    scores, is_positive = probabilities[:, 2], actual == 2
    value, influence = kernel(scores, is_positive)
    assert influence.sum() == pytest.approx(0, abs=1e-6)
    for i in (*np.flatnonzero(is_positive)[:5], *np.flatnonzero(~is_positive)[:5]):
        again = kernel(np.append(scores, scores[i]), np.append(is_positive, is_positive[i]))[0]
        assert (again - value) * len(scores) == pytest.approx(influence[i], rel=0.02, abs=0.02)


def test_macro_intervals_are_as_wide_as_new_images_make_the_measure_vary() -> None:
    drawn = [one_vs_rest(*random_case(seed, n=400, decimals=4), CLASSES)[1] for seed in range(120)]
    for name in ("macro_auroc", "macro_average_precision"):
        spread = np.std([each[name] for each in drawn])
        half = np.mean([each[f"{name}_high"] - each[f"{name}_low"] for each in drawn]) / 2
        assert half / 1.96 == pytest.approx(spread, rel=0.2)


def test_average_precision_by_hand() -> None:
    value, _ = average_precision_influence(
        np.array([0.9, 0.8, 0.7, 0.1]), np.array([True, False, True, False])
    )
    assert value == pytest.approx((1 + 2 / 3) / 2)


def test_class_without_images_or_with_all_of_them_is_not_ranked() -> None:
    probabilities = np.array([[0.7, 0.2, 0.1], [0.6, 0.3, 0.1]])
    table, overall = one_vs_rest(probabilities, np.array([0, 0]), ["a", "b", "c"])
    assert table["auroc"].isna().all()
    assert all(np.isnan(value) for value in overall.values())
    table, overall = one_vs_rest(probabilities, np.array([0, 1]), ["a", "b", "c"])
    assert table["auroc"].tolist()[:2] == [1, 1]
    assert overall["macro_auroc"] == 1


@pytest.mark.parametrize("k", [2, 3, 5])
def test_top_k_is_scikit_learns(k: int) -> None:
    probabilities, actual = random_case(4, decimals=12)
    expected = metrics.top_k_accuracy_score(actual, probabilities, k=k, labels=range(6))
    assert top_k_accuracies(probabilities, actual)[f"top_{k}_accuracy"] == pytest.approx(expected)


def test_top_k_of_k_classes_or_fewer_means_nothing() -> None:
    found = top_k_accuracies(np.array([[0.2, 0.5, 0.3], [0.2, 0.5, 0.3]]), np.array([0, 2]))
    assert found["top_2_accuracy"] == 0.5
    assert np.isnan([found["top_3_accuracy"], found["top_5_accuracy"]]).all()


def test_top_k_of_equal_probabilities_takes_the_first_class_as_the_prediction_does() -> None:
    equal = np.full((3, 3), 1 / 3)
    assert top_k_accuracies(equal, np.array([0, 1, 2]))["top_2_accuracy"] == pytest.approx(2 / 3)

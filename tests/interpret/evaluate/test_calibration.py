import numpy as np
import pandas as pd
import pytest

from analysis.interpret.evaluate.calibration import (
    ERRORS,
    MEASURES,
    Bins,
    calibration_metrics,
    calibration_table,
    confidence_by_class,
    fit_temperature,
    reliability_bins,
    with_temperature,
)
from analysis.interpret.evaluate.calibration_figures import plot_reliability
from analysis.interpret.evaluate.findings import find_overconfidence

SETTINGS = {"n_bins": 10, "n_resamples": 400, "seed": 0}


def classifier(n: int, *, sharpness: float = 1.0, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities and labels; a sharpness of 1 is perfectly calibrated, above it too sure."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(n, 4)) * 1.5
    truth = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    actual = (rng.random((n, 1)) > truth.cumsum(axis=1)).sum(axis=1).clip(max=3)
    sharpened = truth**sharpness
    return (sharpened / sharpened.sum(axis=1, keepdims=True)).astype(np.float32), actual


def measured(
    probabilities: np.ndarray, actual: np.ndarray, temperature: float = np.nan, **changes
) -> pd.DataFrame:
    return calibration_table(probabilities, actual, temperature, **SETTINGS | changes).set_index("measure")


def test_measures_by_hand() -> None:
    # confidences 0.95, 0.85, 0.85, 0.6; right, right, wrong, wrong
    probabilities = np.array([[0.95, 0.05], [0.85, 0.15], [0.15, 0.85], [0.4, 0.6]])
    table = measured(probabilities, np.array([0, 0, 0, 0]))
    assert table["value"].to_dict() == pytest.approx(
        {
            "expected_calibration_error": (0.05 + abs(1.7 - 1) + 0.6) / 4,
            "equal_mass_calibration_error": (abs(0.6 - 0) + abs(1.7 - 1) + 0.05) / 4,
            "overconfidence": (0.95 + 0.85 + 0.85 + 0.6 - 2) / 4,
            "brier_score": 2 * (0.05**2 + 0.15**2 + 0.85**2 + 0.6**2) / 4,
            "log_loss": -np.log([0.95, 0.85, 0.15, 0.4]).mean(),
        }
    )


def test_ece_is_torchmetrics() -> None:
    import torch
    from torchmetrics.functional.classification import multiclass_calibration_error

    probabilities, actual = classifier(500, sharpness=1.7)
    expected = multiclass_calibration_error(
        torch.from_numpy(probabilities), torch.from_numpy(actual), num_classes=4, n_bins=15, norm="l1"
    )
    found = measured(probabilities, actual, n_bins=15).loc["expected_calibration_error", "value"]
    assert found == pytest.approx(float(expected), abs=1e-6)


def test_brier_score_and_log_loss_are_scikit_learns() -> None:
    from sklearn import metrics

    probabilities, actual = classifier(300, sharpness=1.3)
    exact = probabilities.astype(float) / probabilities.sum(axis=1, keepdims=True, dtype=float)
    table = measured(exact, actual)
    brier = metrics.brier_score_loss(actual, exact, labels=range(4), scale_by_half=False)
    assert table.loc["brier_score", "value"] == pytest.approx(brier)
    assert table.loc["log_loss", "value"] == pytest.approx(metrics.log_loss(actual, exact, labels=range(4)))


def test_bins_hold_what_lies_up_to_their_upper_end() -> None:
    members = Bins.of_equal_width(4).membership(np.array([0.25, 0.26, 0.5, 1.0]))
    assert members.argmax(axis=1).tolist() == [0, 1, 1, 3]


def test_bins_of_equal_mass_hold_equally_many_and_do_not_part_equal_confidences() -> None:
    confidence = np.random.default_rng(0).random(1000)
    assert set(Bins.of_equal_mass(confidence, 10).membership(confidence).sum(axis=0)) == {100}
    same = np.ones(50)
    assert (Bins.of_equal_mass(same, 10).membership(same).sum(axis=0) > 0).sum() == 1


def test_calibrated_classifier_is_as_chance_would_have_it() -> None:
    table = measured(*classifier(3000))
    for name in MEASURES:
        assert table.loc[name, "low"] <= table.loc[name, "if_calibrated"] <= table.loc[name, "high"] + 0.01
    assert (table.loc[list(ERRORS), "low"] == 0).all()
    assert (table.loc[list(ERRORS), "if_calibrated"] > 0.01).all()  # although nothing is wrong with it


def test_sure_classifier_is_surely_overconfident_and_a_timid_one_is_not() -> None:
    table = measured(*classifier(3000, sharpness=2.5))
    assert table.loc["overconfidence", "low"] > 0.1
    assert table.loc["expected_calibration_error", "low"] > table.loc[ERRORS[0], "if_calibrated_high"]
    timid = measured(*classifier(3000, sharpness=0.5))
    assert timid.loc["overconfidence", "high"] < -0.05
    assert timid.loc["expected_calibration_error", "low"] > 0.05


@pytest.mark.parametrize("sharpness", [0.5, 1.0, 2.5])
def test_fitted_temperature_takes_the_sharpness_off(sharpness: float) -> None:
    probabilities, actual = classifier(20_000, sharpness=sharpness)
    temperature = fit_temperature(probabilities, actual)
    assert temperature == pytest.approx(sharpness, rel=0.05)
    table = measured(*classifier(3000, sharpness=sharpness, seed=1), temperature)
    assert abs(table.loc["overconfidence", "scaled"]) < 0.02
    if sharpness != 1:
        assert (table.loc[[*ERRORS, "brier_score", "log_loss"], "change_high"] < 0).all()


def test_temperature_is_that_of_logistic_regression() -> None:
    """Without intercepts, on the logits of two classes, its coefficient is one over the temperature."""
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(0)
    logit = 3 * rng.normal(size=500)
    actual = (rng.random(500) < 1 / (1 + np.exp(-logit / 2))).astype(int)
    sure = 1 / (1 + np.exp(-logit))
    model = LogisticRegression(C=np.inf, fit_intercept=False, tol=1e-8).fit(logit[:, None], actual)
    found = fit_temperature(np.column_stack([1 - sure, sure]), actual)
    assert found == pytest.approx(1 / model.coef_[0, 0], rel=1e-3)


def test_temperature_changes_no_prediction_and_one_changes_nothing() -> None:
    probabilities, _ = classifier(100, sharpness=3.0)
    np.testing.assert_allclose(with_temperature(probabilities, 1.0), probabilities, atol=1e-6)
    hot = with_temperature(probabilities, 5.0)
    np.testing.assert_allclose(hot.sum(axis=1), 1)
    np.testing.assert_array_equal(hot.argmax(axis=1), probabilities.argmax(axis=1))
    assert np.isfinite(with_temperature(np.array([[1.0, 0.0]], dtype=np.float32), 2.0)).all()


def test_temperature_without_a_best_value_is_none() -> None:
    probabilities, _ = classifier(50)
    assert np.isnan(fit_temperature(probabilities, probabilities.argmax(axis=1)))
    assert np.isnan(fit_temperature(probabilities, probabilities.argmin(axis=1)))
    assert np.isnan(fit_temperature(probabilities[:0], np.array([], dtype=int)))


def test_single_image_is_measured() -> None:
    table = measured(np.array([[0.5, 0.5]]), np.array([1]))
    assert table.loc["expected_calibration_error", "value"] == 0.5
    assert table["scaled"].isna().all()
    assert calibration_metrics(table.reset_index())["equal_mass_calibration_error"] == 0.5


def test_bins_of_the_diagram_give_the_errors() -> None:
    probabilities, actual = classifier(400, sharpness=2.0)
    bins, table = reliability_bins(probabilities, actual, 10), measured(probabilities, actual)
    for measure, rows in bins.groupby("measure"):
        gaps = (rows["mean_confidence"] - rows["accuracy"]).abs() * rows["n_items"]
        assert gaps.sum() / 400 == pytest.approx(table.loc[measure, "value"])
        assert rows["n_items"].sum() == 400


def test_diagram_draws_with_and_without_a_temperature(tmp_path) -> None:
    probabilities, actual = classifier(40, sharpness=2.0)
    bins = reliability_bins(probabilities, actual, 10)
    for temperature, after in ((np.nan, None), (2.0, bins)):
        table = measured(probabilities, actual, temperature).reset_index()
        figure = plot_reliability(bins, after, table, temperature=temperature, split="test")
        figure.drawing.savefig(tmp_path / "reliability.png")
        assert ("temperature T" in figure.caption) == (after is not None)


def test_sure_classes_are_named_only_where_all_together_are_surely_too_sure() -> None:
    classes = list("abcd")
    probabilities, actual = classifier(3000, sharpness=2.5)
    by_class = confidence_by_class(probabilities, actual, classes)
    assert by_class["n_predicted"].sum() == 3000
    assert (by_class["n_predicted"] * by_class["precision"]).sum() == pytest.approx(
        (probabilities.argmax(axis=1) == actual).sum()
    )
    table = measured(probabilities, actual).reset_index()
    assert find_overconfidence(by_class, table, limit=0.1)["label"].tolist()
    assert find_overconfidence(by_class, table, limit=0.5).empty
    few = measured(probabilities[:10], actual[:10]).reset_index()
    assert find_overconfidence(by_class, few, limit=0.1).empty

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from analysis.contract import FINDING_COLUMNS, Artifacts, InputError, NothingToJudgeError
from analysis.interpret.evaluate.figures import (
    confusion_pairs,
    plot_class_recall,
    plot_confusion_matrix,
    pool_classes,
)
from analysis.interpret.evaluate.parameters import EvaluateParameters
from analysis.interpret.evaluate.stage import evaluate
from analysis.pipeline.dag import load_stages
from analysis.statistics.classification import per_class_scores

PARAMETERS_FILE = Path(__file__).parents[3] / "params.yaml"
DEFAULTS = EvaluateParameters.model_validate(
    yaml.safe_load(PARAMETERS_FILE.read_text(encoding="utf-8"))["evaluate"]
)
CLASSES, CENTRES = ["dark", "grey", "light"], [0.0, 0.5, 1.0]
DARK, GREY, LIGHT = 10, 128, 250  # levels that the grey classifier takes for these classes

NO_DUPLICATES = pd.DataFrame({"item_id_a": [], "item_id_b": [], "kind": []}).astype(
    {"item_id_a": int, "item_id_b": int, "kind": object}
)
NO_ISSUES = pd.DataFrame({"item_id": [], "label": [], "suggested_label": [], "is_issue": []}).astype(
    {"item_id": int, "is_issue": bool}
)

Row = tuple[str | None, str, int | None]


@pytest.fixture
def judge(predict_grey) -> Callable[..., Artifacts]:
    """Evaluate what the classifier that knows dark, grey and light says of images of (label, split, level).

    By then there is neither a classifier nor an image file any more.
    """

    def run(
        rows: Sequence[Row],
        *,
        classes: Sequence[str] = CLASSES,
        duplicate_pairs: pd.DataFrame = NO_DUPLICATES,
        label_issues: pd.DataFrame = NO_ISSUES,
        probe_predictions: pd.DataFrame | None = None,
        backbone: str = "patches",
        **changes,
    ) -> Artifacts:
        manifest, scan, found = predict_grey(rows, CLASSES, CENTRES, classes=classes)
        for path in manifest["path"]:
            Path(path).unlink()
        parameters = DEFAULTS.model_copy(update={"n_resamples": 200, **changes})
        return evaluate(
            manifest,
            scan,
            found["predictions"],
            found["mistake_pictures"],
            duplicate_pairs,
            label_issues,
            probe_predictions,
            parameters=parameters,
            backbone=backbone,
            seed=0,
        )

    return run


def test_a_new_threshold_needs_neither_the_model_nor_the_images() -> None:
    inputs = {dep.as_posix() for dep in load_stages(PARAMETERS_FILE.parent)["evaluate"].deps}
    assert "data/predictions.parquet" in inputs
    assert not {path for path in inputs if path.endswith(".pt") or path in {"data/images", "src/models"}}
    assert not {path for path in inputs if path.startswith("src/models")}


# ---- scores ----------------------------------------------------------------------------------------------
def test_metrics_by_hand(judge) -> None:
    rows = [("dark", "test", DARK)] * 3 + [("dark", "test", GREY)] + [("light", "test", LIGHT)] * 2
    rows += [
        ("grey", "test", GREY),
        ("grey", "test", LIGHT),
        ("grey", "validation", DARK),
        ("dark", "train", DARK),
    ]
    metrics = judge(rows).metrics
    assert metrics["test_accuracy"] == 6 / 8
    assert metrics["test_balanced_accuracy"] == pytest.approx((3 / 4 + 1 / 2 + 1) / 3)
    assert metrics["test_macro_f1"] == pytest.approx((6 / 7 + 2 / 4 + 4 / 5) / 3)
    assert (metrics["validation_accuracy"], metrics["train_accuracy"]) == (0, 1)
    assert [metrics[f"recall_{label}"] for label in CLASSES] == [3 / 4, 1 / 2, 1]
    assert (metrics["n_test_images"], metrics["n_left_out"]) == (8, 0)


def test_log_loss_is_of_the_test_images_alone(judge) -> None:
    metrics = judge(
        [("light", "train", DARK), ("dark", "test", 0), (None, "test", 0), ("grey", "test", 0)]
    ).metrics
    logits = np.array([-10 * centre**2 for centre in CENTRES])
    log_probabilities = logits - np.log(np.exp(logits).sum())
    assert metrics["test_log_loss"] == pytest.approx(-log_probabilities[:2].mean(), abs=1e-4)


def test_keys_are_the_same_whatever_the_data(judge) -> None:
    full = judge([(label, split, GREY) for label in CLASSES for split in ("train", "validation", "test")])
    poor = judge([("dark", "train", DARK)])
    assert list(full.metrics) == list(poor.metrics)


def test_unreadable_and_unlabelled_images_are_counted_and_not_judged(judge) -> None:
    rows = [("dark", "test", DARK), ("dark", "test", None), (None, "test", LIGHT), (None, "train", None)]
    artifacts = judge(rows)
    assert (artifacts.metrics["test_accuracy"], artifacts.metrics["n_test_images"]) == (1, 1)
    assert artifacts.metrics["n_left_out"] == 3
    assert "3 of 4 images are left out: 2 cannot be read, 1 have no label." in artifacts.notes


@pytest.mark.parametrize(
    ("splits", "judged"),
    [
        (["train", "validation", "test"], "test"),
        (["train", "validation"], "validation"),
        (["train"], "train"),
    ],
)
def test_best_split_there_is_is_judged_and_said(judge, splits: list[str], judged: str) -> None:
    artifacts = judge([("dark", split, DARK if split == judged else LIGHT) for split in splits])
    assert artifacts.metrics["recall_dark"] == 1
    assert artifacts.summary.startswith(f"100.0% of 1 {judged} images right")
    assert any("no test" in note for note in artifacts.notes) == (judged != "test")
    assert np.isnan(artifacts.metrics["test_accuracy"]) == (judged != "test")


def test_confusion_table_has_one_row_a_judged_image(judge) -> None:
    table = judge(
        [("dark", "test", LIGHT), ("dark", "train", DARK), ("light", "test", LIGHT), (None, "test", 3)]
    )
    assert table.tables["confusion"].to_dict("list") == {
        "actual": ["dark", "light"],
        "predicted": ["light", "light"],
    }


def test_class_of_one_image_has_a_wide_interval(judge) -> None:
    scores = judge([("dark", "test", DARK), ("grey", "test", DARK)]).tables["per_class"].set_index("label")
    assert scores.loc["dark", ["recall", "recall_low", "recall_high"]].tolist() == pytest.approx(
        [1, 0.2065, 1], abs=1e-4
    )
    assert np.isnan(scores.loc["light", "recall"])


# ---- what cannot be judged -------------------------------------------------------------------------------
def test_nothing_to_judge_is_said(judge) -> None:
    with pytest.raises(NothingToJudgeError, match="no image has both a picture and a label"):
        judge([("dark", "test", None), (None, "test", DARK)])


# ---- findings --------------------------------------------------------------------------------------------
def test_good_classifier_gives_no_findings(judge) -> None:
    rows = [(label, "test", level) for label, level in zip(CLASSES, (DARK, GREY, LIGHT), strict=True)] * 20
    findings = judge([*rows, ("dark", "test", GREY)]).findings
    assert findings.empty
    assert list(findings) == FINDING_COLUMNS


def test_accuracy_below_the_minimum_names_the_classes_that_cause_it(judge) -> None:
    rows = [("dark", "test", DARK)] * 10 + [("light", "test", GREY)] * 9 + [("light", "test", LIGHT)]
    others = {"recall_margin": 1.0, "max_overconfidence": 1.0}
    findings = judge(rows, minimum_accuracy=0.6, **others).findings
    assert findings["kind"].tolist() == ["accuracy_below_minimum"]
    assert (findings["label"][0], findings["score"][0]) == ("light", pytest.approx(0.9))
    assert "10% of 10 images recognised; 55.0% over all classes" in findings["detail"][0]
    assert judge(rows, minimum_accuracy=0.55, **others).findings.empty  # just reached


def test_class_far_below_the_rest_is_found(judge) -> None:
    rows = [("dark", "test", DARK), ("light", "test", LIGHT)] * 30 + [("grey", "test", LIGHT)] * 25
    rows += [("grey", "test", GREY)] * 5
    findings = judge(rows, minimum_accuracy=0).findings
    assert findings[["kind", "label"]].to_numpy().tolist() == [["class_recall_low", "grey"]]
    assert findings["score"][0] == pytest.approx(25 / 30)


def test_class_that_may_be_low_by_chance_is_not_found(judge) -> None:
    rows = [("dark", "test", DARK), ("light", "test", LIGHT)] * 30 + [
        ("grey", "test", LIGHT),
        ("grey", "test", GREY),
    ]
    assert judge(rows, minimum_accuracy=0).findings.empty


# ---- the gate --------------------------------------------------------------------------------------------
def test_gate_fails_the_stage_with_its_results_only_if_asked_for(judge) -> None:
    rows = [("dark", "test", DARK)] * 10 + [("light", "test", GREY)] * 9 + [("light", "test", LIGHT)]
    assert judge(rows, minimum_accuracy=0.6).failure == ""
    artifacts = judge(rows, minimum_accuracy=0.6, fail_below_minimum=True)
    assert artifacts.failure.startswith(
        "the accuracy of 55.0% (95% interval 34.2% to 74.2%, n = 20, test) is below the 60.0% of "
        "evaluate.minimum_accuracy; recognised worst: light 10%, dark 100%."
    )
    assert artifacts.metrics["test_accuracy"] == 0.55
    assert judge(rows, minimum_accuracy=0.55, fail_below_minimum=True).failure == ""  # just reached


# ---- how far to trust it ---------------------------------------------------------------------------------
def test_temperature_is_fitted_on_validation_and_nothing_else(judge) -> None:
    rows = [("dark", "test", DARK), ("grey", "test", 100), ("light", "test", 100)] * 4
    validation = [("dark", "validation", 60), ("grey", "validation", 60), ("light", "validation", 200)] * 5
    first = judge([*rows, *validation]).metrics
    second = judge([*rows[:3], *validation, ("dark", "train", LIGHT)]).metrics
    assert first["temperature"] == second["temperature"] > 0
    assert np.isfinite(first["scaled_expected_calibration_error"])


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([("dark", "test", GREY), ("dark", "train", DARK)], "there are no validation images"),
        ([("dark", "validation", GREY), ("dark", "train", DARK)], "would be fitted on are judged"),
        ([("dark", "test", GREY), ("dark", "validation", DARK)], "all right, or no better than chance"),
    ],
)
def test_temperature_that_cannot_be_had_is_not_fitted_on_test(judge, rows: list[Row], reason: str) -> None:
    artifacts = judge(rows)
    assert np.isnan([artifacts.metrics["temperature"], artifacts.metrics["scaled_brier_score"]]).all()
    assert sum(reason in note for note in artifacts.notes) == 1


def test_accuracy_is_adjusted_for_copies_and_doubted_labels(judge) -> None:
    rows = [
        ("dark", "test", DARK),
        ("dark", "test", LIGHT),
        ("light", "test", LIGHT),
        ("dark", "train", DARK),
    ]
    issues = pd.DataFrame(
        {"item_id": [1], "label": ["dark"], "suggested_label": ["light"], "is_issue": [True]}
    )
    pairs = pd.DataFrame({"item_id_a": [0], "item_id_b": [3], "kind": ["exact"]})
    artifacts = judge(rows, duplicate_pairs=pairs, label_issues=issues)
    assert artifacts.metrics["accuracy_without_copies"] == 1 / 2
    assert artifacts.metrics["accuracy_if_doubted_labels_right"] == 1
    assert artifacts.metrics["accuracy_if_doubted_labels_wrong"] == pytest.approx(2 / 3)
    assert "adjusted_accuracy" in [figure.name for figure in artifacts.figures]


def test_judged_training_images_are_no_copies(judge) -> None:
    pairs = pd.DataFrame({"item_id_a": [0], "item_id_b": [1], "kind": ["exact"]})
    artifacts = judge([("dark", "train", DARK), ("light", "train", LIGHT)], duplicate_pairs=pairs)
    assert artifacts.metrics["n_exact_copies_of_training"] == 0
    assert any("training images themselves are judged" in note for note in artifacts.notes)


def test_groups_of_classes_are_compared(judge) -> None:
    rows = [("dark", "test", DARK), ("grey", "test", GREY), ("light", "test", DARK)]
    artifacts = judge(rows, class_groups={"plain": ["grey"], "extreme": ["dark", "light"]})
    row = artifacts.tables["group_comparisons"].iloc[0]
    assert (row["group_a"], row["group_b"], row["difference"]) == ("plain", "extreme", 0.5)
    assert artifacts.figures[-1].name == "class_groups"
    with pytest.raises(InputError, match="did you mean 'grey'"):
        judge(rows, class_groups={"plain": ["gray"]})


def test_class_names_that_yaml_reads_as_numbers_are_names() -> None:
    content = DEFAULTS.model_dump() | {"class_groups": {"round": [0, 6, 8], "straight": [1, "7"]}}
    groups = EvaluateParameters.model_validate(content).class_groups
    assert groups == {"round": ["0", "6", "8"], "straight": ["1", "7"]}


def test_tables_for_people_are_no_wider_than_a_page(judge) -> None:
    tables = judge([("dark", "test", DARK), ("light", "test", GREY)]).tables
    wide = {name: table.shape[1] for name, table in tables.items() if table.shape[1] > 9}
    assert wide == {}


# ---- figures ---------------------------------------------------------------------------------------------
def test_surest_mistakes_come_first_and_no_more_than_asked(judge, tmp_path: Path) -> None:
    rows = [("dark", "test", 180), ("dark", "test", LIGHT), ("dark", "test", DARK), ("light", "test", 0)]
    figure = {figure.name: figure for figure in judge(rows, n_mistakes=2).figures}["confident_mistakes"]
    assert figure.table["item_id"].tolist() == [3, 1]
    assert figure.table["predicted_label"].tolist() == ["dark", "light"]
    assert figure.table["probability"].is_monotonic_decreasing
    figure.drawing.savefig(tmp_path / "mistakes.png")


def test_pairs_confused_more_than_once_are_shown_surest_first(judge, tmp_path: Path) -> None:
    rows = [("dark", "test", 200), ("dark", "test", LIGHT), ("grey", "test", LIGHT), ("light", "test", LIGHT)]
    figure = {figure.name: figure for figure in judge(rows).figures}["confused_pairs"]
    assert figure.table["item_id"].tolist() == [1, 0]  # grey for light happened once
    assert figure.table[["label", "predicted_label"]].drop_duplicates().to_numpy().tolist() == [
        ["dark", "light"]
    ]
    figure.drawing.savefig(tmp_path / "pairs.png")


def test_faultless_predictions_show_no_mistakes(judge) -> None:
    names = [figure.name for figure in judge([("dark", "test", DARK), ("light", "test", LIGHT)]).figures]
    assert names == ["confusion_matrix", "class_recall", "reliability"]


@pytest.mark.parametrize("n_classes", [2, 10, 100])
def test_figures_draw_any_number_of_classes_within_bounds(tmp_path: Path, n_classes: int) -> None:
    rng = np.random.default_rng(0)
    counts = rng.integers(0, 5, (n_classes, n_classes)) + np.diag(rng.integers(0, 50, n_classes))
    counts[-1] = 0  # a class without images
    classes = [rf"$\frac_{i}$ (no formula), a long name, {i}" for i in range(n_classes)]
    matrix = plot_confusion_matrix(counts, classes, split="test")
    recall = plot_class_recall(per_class_scores(counts, classes), split="test")
    for figure in (matrix, recall):
        assert max(figure.drawing.get_size_inches()) < 15
        figure.drawing.savefig(tmp_path / "figure.png")
    assert ("others" in matrix.drawing.axes[0].get_yticklabels()[-1].get_text()) == (n_classes == 100)


def test_class_without_images_is_drawn_as_such() -> None:
    scores = per_class_scores(np.array([[3, 1], [0, 0]]), ["present", "absent"])
    axis = plot_class_recall(scores, split="test").drawing.axes[0]
    assert [text.get_text() for text in axis.get_yticklabels()] == ["present (4)", "absent (0)"]


def test_pooled_classes_lose_no_image_and_keep_those_with_most_mistakes() -> None:
    counts = np.diag(np.full(50, 9))
    counts[7, 40] = 30
    pooled, labels = pool_classes(counts, [f"c{i}" for i in range(50)])
    assert pooled.sum() == counts.sum()
    assert {"c7", "c40"} <= set(labels)
    assert pooled[labels.index("c7"), labels.index("c40")] == 30
    assert pooled[-1, -1] == 9 * int(labels[-1].split()[0])


def test_confusion_pairs_are_the_cells_with_images() -> None:
    pairs = confusion_pairs(np.array([[3, 1], [0, 0]]), ["a", "b"])
    assert pairs.to_dict("list") == {
        "actual": ["a", "a"],
        "predicted": ["a", "b"],
        "n_items": [3, 1],
        "class_fraction": [0.75, 0.25],
    }


# ---- beside the linear probe -------------------------------------------------------------------------------
def probe_says(labels: Sequence[str], *, first: int = 0) -> pd.DataFrame:
    return pd.DataFrame({"item_id": np.arange(first, first + len(labels)), "predicted_label": labels})


HALF_RIGHT = [("dark", "test", DARK)] * 20 + [("light", "test", DARK)] * 20  # the network says dark to all


def test_network_that_a_probe_surely_beats_is_found(judge) -> None:
    said = ["dark"] * 19 + ["light"] * 21  # one more dark one is missed, all light ones are recognised
    artifacts = judge(HALF_RIGHT, probe_predictions=probe_says(said), backbone="efficientnet_lite0")
    assert artifacts.metrics["probe_gain"] == 19 / 40
    assert 0 < artifacts.metrics["probe_gain_low"] < 19 / 40 < artifacts.metrics["probe_gain_high"]
    assert artifacts.metrics["probe_gain_p_value"] == pytest.approx(2 * 22 / 2**21)  # 20 against 1
    found = artifacts.findings[artifacts.findings["kind"] == "network_below_linear_probe"]
    assert found["label"].tolist() == ["light"]  # of dark ones the network recognises more
    assert "0% of 20 images recognised by the network, 100% by the linear head" in found["detail"].iloc[0]
    (kind,) = (kind for kind in artifacts.kinds if kind.name == "network_below_linear_probe")
    assert kind.severity == found["severity"].iloc[0] == "high"
    assert kind.title == "A linear head on pretrained features does better than the network"
    assert "reaches 97.5% of 40 test images, the network 50.0%: 47.5 points less" in kind.why
    assert "baseline_resnet.architecture: efficientnet_lite0" in kind.action


def test_only_features_from_elsewhere_are_called_pretrained(judge) -> None:
    artifacts = judge(HALF_RIGHT, probe_predictions=probe_says(["dark"] * 20 + ["light"] * 20))
    (kind,) = (kind for kind in artifacts.kinds if kind.name == "network_below_linear_probe")
    assert kind.severity == "medium"
    assert "pretrained" not in kind.title + kind.why


@pytest.mark.parametrize(
    ("said", "gain"),
    [
        (["dark"] * 20 + ["light"] * 3 + ["dark"] * 17, 3 / 40),  # Newcombe's interval of 3 of 40 holds 0
        (["dark"] * 40, 0),
        (["light"] * 20 + ["dark"] * 20, -20 / 40),
    ],
)
def test_probe_that_is_not_surely_better_is_no_finding(judge, said, gain) -> None:
    artifacts = judge(HALF_RIGHT, probe_predictions=probe_says(said), minimum_accuracy=0)
    assert artifacts.metrics["probe_gain"] == gain
    assert "network_below_linear_probe" not in set(artifacts.findings["kind"])


def test_network_and_probe_are_compared_on_the_same_images(judge) -> None:
    rows = [("dark", "train", DARK), *HALF_RIGHT]
    said = ["light"] * 10 + ["dark"] * 10  # of the last 20 images alone; the first is no test image
    both = pd.concat([probe_says(["dark"]), probe_says(said, first=21)])
    artifacts = judge(rows, probe_predictions=both, minimum_accuracy=0)
    assert artifacts.metrics["probe_gain"] == 10 / 20
    table = artifacts.tables["probe_comparison"]
    assert table[["label", "n_items", "recall", "probe_recall"]].values.tolist() == [["light", 20, 0, 0.5]]


def test_without_a_probe_nothing_is_compared_and_that_is_said(judge) -> None:
    absent = judge(HALF_RIGHT)
    learnt = judge([("dark", "train", DARK)] * 3, probe_predictions=probe_says(["dark"] * 3))
    for artifacts in (absent, learnt):  # the probe's training images are predicted by cross-validation
        assert np.isnan(artifacts.metrics["probe_gain"])
        assert artifacts.tables["probe_comparison"].empty
        assert any("not compared with the linear probe" in note for note in artifacts.notes)

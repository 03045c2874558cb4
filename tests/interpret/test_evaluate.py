from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from analysis.interpret.classification_metrics import per_class_scores
from analysis.interpret.evaluate import EvaluateParameters, evaluate
from analysis.interpret.evaluation_figures import (
    confusion_pairs,
    plot_class_recall,
    plot_confusion_matrix,
    pool_classes,
)
from analysis.stage import FINDING_COLUMNS, Artifacts, InputError

PARAMETERS_FILE = Path(__file__).parents[2] / "params.yaml"
DEFAULTS = EvaluateParameters.model_validate(
    yaml.safe_load(PARAMETERS_FILE.read_text(encoding="utf-8"))["evaluate"]
)
CLASSES, CENTRES = ["dark", "grey", "light"], [0.0, 0.5, 1.0]
DARK, GREY, LIGHT = 10, 128, 250  # levels that the grey classifier takes for these classes

Row = tuple[str | None, str, int | None]


@pytest.fixture
def judge(tmp_path: Path, make_dataset, make_grey_classifier) -> Callable[..., Artifacts]:
    """Evaluate the classifier that knows dark, grey and light on images of (label, split, level)."""

    def run(rows: Sequence[Row], *, classes: Sequence[str] = CLASSES, **changes) -> Artifacts:
        from models.networks import save_classifier

        path = tmp_path / "model.pt"
        save_classifier(make_grey_classifier(CLASSES, CENTRES), path)
        manifest, scan = make_dataset(rows, classes=classes)
        parameters = DEFAULTS.model_copy(update={"device": "cpu", "batch_images": 64, **changes})
        return evaluate(manifest, scan, path, parameters=parameters)

    return run


# ---- predictions -----------------------------------------------------------------------------------------
def test_predictions_are_one_row_an_image_in_the_manifests_order(judge) -> None:
    rows = [
        ("light", "train", LIGHT),
        ("dark", "test", None),
        (None, "test", GREY),
        ("dark", "validation", GREY),
    ]
    predictions = judge([*rows, ("dark", "test", DARK)]).tables["predictions"]
    assert predictions["image_id"].tolist() == [0, 1, 2, 3, 4]
    assert predictions["split"].tolist() == ["train", "test", "test", "validation", "test"]
    assert predictions["label"].tolist() == ["light", "dark", np.nan, "dark", "dark"]
    assert predictions["predicted_label"].tolist() == ["light", np.nan, "grey", "grey", "dark"]
    assert predictions["is_correct"].tolist() == [True, pd.NA, pd.NA, False, True]
    assert predictions["label"].cat.categories.tolist() == CLASSES
    assert predictions["predicted_label"].cat.categories.tolist() == CLASSES


def test_predictions_keep_lists_of_float32_and_nulls_in_parquet(judge, tmp_path: Path) -> None:
    predictions = judge([("dark", "test", None), ("dark", "test", 51)]).tables["predictions"]
    pq.write_table(pa.Table.from_pandas(predictions), tmp_path / "predictions.parquet")
    table = pq.read_table(tmp_path / "predictions.parquet")
    assert table.schema.field("probabilities").type == pa.list_(pa.float32())
    assert table.schema.field("embedding").type == pa.list_(pa.float32())
    absent, present = table.to_pylist()
    assert (absent["probabilities"], absent["embedding"]) == (None, None)
    logits = [-10 * (0.2 - centre) ** 2 for centre in CENTRES]
    assert present["probabilities"] == pytest.approx(np.exp(logits) / np.exp(logits).sum(), abs=1e-4)
    assert (len(present["embedding"]), present["embedding"][0]) == (512, pytest.approx(0.2, abs=1e-4))


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
def test_classifier_of_other_classes_is_refused(judge) -> None:
    with pytest.raises(InputError, match="run baseline_resnet again"):
        judge([("dark", "test", DARK)], classes=["dark", "light"])


def test_nothing_to_judge_is_said(judge) -> None:
    with pytest.raises(InputError, match="nothing to evaluate"):
        judge([("dark", "test", None), (None, "test", DARK)])


# ---- findings --------------------------------------------------------------------------------------------
def test_good_classifier_gives_no_findings(judge) -> None:
    rows = [(label, "test", level) for label, level in zip(CLASSES, (DARK, GREY, LIGHT), strict=True)] * 20
    findings = judge([*rows, ("dark", "test", GREY)]).findings
    assert findings.empty
    assert list(findings) == FINDING_COLUMNS


def test_accuracy_below_the_minimum_names_the_classes_that_cause_it(judge) -> None:
    rows = [("dark", "test", DARK)] * 10 + [("light", "test", GREY)] * 9 + [("light", "test", LIGHT)]
    findings = judge(rows, minimum_accuracy=0.6, recall_margin=1.0).findings
    assert findings["kind"].tolist() == ["accuracy_below_minimum"]
    assert (findings["label"][0], findings["score"][0]) == ("light", pytest.approx(0.9))
    assert "10% of 10 images recognised; 55.0% over all classes" in findings["detail"][0]
    assert judge(rows, minimum_accuracy=0.55, recall_margin=1.0).findings.empty  # just reached


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


# ---- figures ---------------------------------------------------------------------------------------------
def test_surest_mistakes_come_first_and_no_more_than_asked(judge, tmp_path: Path) -> None:
    rows = [("dark", "test", 180), ("dark", "test", LIGHT), ("dark", "test", DARK), ("light", "test", 0)]
    figure = {figure.name: figure for figure in judge(rows, n_mistakes=2).figures}["confident_mistakes"]
    assert figure.table["image_id"].tolist() == [3, 1]
    assert figure.table["predicted_label"].tolist() == ["dark", "light"]
    assert figure.table["probability"].is_monotonic_decreasing
    figure.drawing.savefig(tmp_path / "mistakes.png")


def test_faultless_predictions_show_no_mistakes(judge) -> None:
    names = [figure.name for figure in judge([("dark", "test", DARK), ("light", "test", LIGHT)]).figures]
    assert names == ["confusion_matrix", "class_recall"]


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
        "n_images": [3, 1],
        "class_fraction": [0.75, 0.25],
    }

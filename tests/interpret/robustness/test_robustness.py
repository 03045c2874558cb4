from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from analysis.contract import FINDING_COLUMNS, Artifacts, NothingToJudgeError
from analysis.interpret.corruption_outcomes import Outcomes, typical_image
from analysis.interpret.corruption_trials.parameters import CorruptionTrialsParameters
from analysis.interpret.corruption_trials.stage import corruption_trials
from analysis.interpret.corruptions import CORRUPTIONS, SEVERITIES
from analysis.interpret.robustness.figures import (
    plot_accuracy_by_severity,
    plot_class_fragility,
    plot_examples,
)
from analysis.interpret.robustness.parameters import RobustnessParameters
from analysis.interpret.robustness.scores import (
    class_drops,
    score_classes,
    score_conditions,
    score_corruptions,
)
from analysis.interpret.robustness.stage import robustness

PARAMETERS_FILE = Path(__file__).parents[3] / "params.yaml"
DEFAULTS = RobustnessParameters.model_validate(
    yaml.safe_load(PARAMETERS_FILE.read_text(encoding="utf-8"))["robustness"]
)
CLASSES, CENTRES = ["dark", "grey", "light"], [0.0, 0.5, 1.0]
DARK, GREY, LIGHT = 10, 128, 250  # levels that the grey classifier takes for these classes
NEARLY_GREY = 58  # dark still, but grey once it is a little brighter
FIGURES = ["examples", "accuracy_by_severity", "conditions", "drop_against_similarity", "class_fragility"]

Row = tuple[str | None, str, int | None]


@pytest.fixture
def corrupted(tmp_path: Path, make_dataset, make_grey_classifier) -> Callable[..., Artifacts]:
    """Judge the classifier that knows dark, grey and light on images of (label, split, level), corrupted.

    When it is judged there is neither a classifier nor an image file any more.
    """

    def run(
        rows: Sequence[Row], *, classes: Sequence[str] = CLASSES, seed: int = 0, max_images=200, **changes
    ) -> Artifacts:
        from models.networks.checkpoint import save_classifier

        path = tmp_path / "model.pt"
        centres = CENTRES if list(classes) == CLASSES else np.linspace(0, 1, len(classes)).tolist()
        save_classifier(make_grey_classifier(classes, centres), path)
        manifest, scan = make_dataset(rows, classes=classes)
        work = CorruptionTrialsParameters(max_images=max_images, batch_images=256, device="cpu")
        found = corruption_trials(manifest, scan, path, parameters=work, seed=seed).tables
        for file in (path, *map(Path, manifest["path"])):
            file.unlink()
        found["corruption_outcomes"].to_parquet(tmp_path / "outcomes.parquet")
        return robustness(
            manifest,
            scan,
            pd.read_parquet(tmp_path / "outcomes.parquet"),
            found["corrupted_example"],
            parameters=DEFAULTS.model_copy(update=changes),
        )

    return run


def sound_images(n_each: int) -> list[Row]:
    levels = zip(CLASSES, (DARK, GREY, LIGHT), strict=True)
    return [(label, "test", level) for label, level in levels for _ in range(n_each)]


def accuracy(artifacts: Artifacts, corruption: str) -> list[float]:
    conditions = artifacts.tables["conditions"]
    return conditions.loc[conditions["corruption"] == corruption, "accuracy"].tolist()


# ---- scores ----------------------------------------------------------------------------------------------
def test_accuracy_under_brightness_by_hand(corrupted) -> None:
    artifacts = corrupted(sound_images(4))
    # 10 + 0.3 · 255 is nearer to 128 than to 0, and 128 + 0.3 · 255 to 255; light remains light
    assert accuracy(artifacts, "brightness") == pytest.approx([1, 1, 1, 1, 1 / 3], abs=1e-4)
    assert accuracy(artifacts, "contrast") == [1] * 5  # plain images have none to lose
    rows = artifacts.tables["corruptions"].set_index("corruption")
    assert rows.loc["brightness", ["corruption_error", "half_at_severity"]].tolist() == pytest.approx(
        [2 / 15, 5], abs=1e-4
    )
    assert artifacts.metrics["corruption_error_brightness"] == pytest.approx(2 / 15)


def test_metrics_are_means_of_the_tables(corrupted) -> None:
    artifacts = corrupted([*sound_images(4), ("dark", "test", GREY)], max_images=13)
    metrics, conditions = artifacts.metrics, artifacts.tables["conditions"]
    assert (metrics["n_images"], metrics["clean_accuracy"]) == (13, pytest.approx(12 / 13))
    error = 1 - conditions["accuracy"].mean()
    assert metrics["mean_corruption_error"] == pytest.approx(error, abs=1e-4)
    relative = metrics["relative_mean_corruption_error"]
    assert relative == pytest.approx(error - 1 / 13, abs=1e-4)
    low, high = (metrics[f"relative_mean_corruption_error_{end}"] for end in ("low", "high"))
    assert low < relative < high
    assert metrics["skill_lost_fraction"] == pytest.approx(relative / (12 / 13 - 1 / 3))
    assert metrics["mean_flip_rate"] == pytest.approx(conditions["flip_rate"].mean(), abs=1e-4)
    at_five = conditions.loc[conditions["severity"] == 5, "accuracy"].mean()
    assert metrics["accuracy_at_severity_5"] == pytest.approx(at_five, abs=1e-4)
    errors = artifacts.tables["corruptions"]["corruption_error"]
    assert errors.mean() == pytest.approx(error, abs=1e-4)


def test_sample_is_of_test_images_and_as_many_of_each_class(corrupted) -> None:
    rows = [*sound_images(10), *[("dark", "train", LIGHT)] * 5, (None, "test", DARK), ("dark", "test", None)]
    artifacts = corrupted(rows, max_images=12)
    assert artifacts.tables["class_fragility"]["n_images"].tolist() == [4, 4, 4]
    assert artifacts.metrics["clean_accuracy"] == 1
    assert any("left out" in note for note in artifacts.notes)


def test_seed_decides_the_result(corrupted) -> None:
    rows = [("dark", "test", NEARLY_GREY)] * 6 + [("light", "test", LIGHT)] * 6
    first, again, other = (corrupted(rows, seed=seed).tables["conditions"] for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(first, again)
    assert not first["psnr_db"].equals(other["psnr_db"])


def test_clean_predictions_are_those_of_the_classifier(corrupted) -> None:
    rows = [("dark", "test", LIGHT), ("grey", "test", LIGHT), ("light", "test", LIGHT)]
    assert corrupted(rows).metrics["clean_accuracy"] == pytest.approx(1 / 3)


# ---- findings --------------------------------------------------------------------------------------------
def test_sound_classifier_gives_no_findings(corrupted) -> None:
    findings = corrupted(sound_images(30)).findings
    assert findings.empty
    assert list(findings) == FINDING_COLUMNS


def test_mild_corruption_that_surely_costs_is_found_with_the_class_it_costs(corrupted) -> None:
    rows = [("dark", "test", NEARLY_GREY)] * 30 + [("light", "test", LIGHT)] * 60
    artifacts = corrupted(rows, class_margin=1)
    found = artifacts.findings
    assert found[["kind", "label"]].to_numpy().tolist() == [["fragile_to_mild_corruption", "dark"]]
    assert found["score"][0] == 1
    assert (
        "brightness at severity 1 costs 100% of this class's images; 33% of all, at least 2"
        in found["detail"][0]
    )


def test_mild_corruption_that_may_cost_by_chance_is_not_found(corrupted) -> None:
    rows = (
        [("dark", "test", NEARLY_GREY)] * 2 + [("dark", "test", DARK)] * 8 + [("light", "test", LIGHT)] * 10
    )
    artifacts = corrupted(rows, class_margin=1)
    assert artifacts.tables["corruptions"].set_index("corruption").loc["brightness", "mild_drop"] == 0.1
    assert artifacts.findings.empty


def test_class_that_breaks_before_the_rest_is_found(corrupted) -> None:
    rows = [("dark", "test", NEARLY_GREY)] * 30 + [("light", "test", LIGHT)] * 60
    artifacts = corrupted(rows, max_mild_drop=0.9)
    assert artifacts.findings[["kind", "label"]].to_numpy().tolist() == [
        ["class_fragile_to_corruption", "dark"]
    ]
    assert "30 images" in artifacts.findings["detail"][0]
    first = artifacts.tables["class_fragility"].iloc[0]
    assert first["label"] == "dark"
    assert artifacts.findings["score"][0] == pytest.approx(first["drop"], abs=1e-4)
    assert corrupted(rows, max_mild_drop=0.9, class_margin=0.9).findings.empty


# ---- awkward data ----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "rows",
    [
        [("dark", "test", DARK)],
        [("dark", "train", DARK), ("light", "train", LIGHT)],
        [("dark", "test", LIGHT), ("light", "test", DARK)],
        [("dark", "test", DARK), ("grey", "test", GREY), ("grey", "test", GREY)],
    ],
    ids=["one_image", "training_only", "none_right", "one_of_a_class"],
)
def test_poor_datasets_are_judged_as_far_as_they_go(corrupted, rows, tmp_path: Path) -> None:
    artifacts = corrupted(rows)
    assert artifacts.findings.empty
    assert [figure.name for figure in artifacts.figures] == FIGURES
    for figure in artifacts.figures:
        figure.drawing.savefig(tmp_path / "figure.png")


def test_keys_and_columns_are_the_same_whatever_the_data(corrupted) -> None:
    full, poor = corrupted(sound_images(3)), corrupted([("dark", "train", LIGHT)])
    assert list(full.metrics) == list(poor.metrics)
    for name, table in full.tables.items():
        assert list(table) == list(poor.tables[name])
    for artifacts in (full, poor):
        assert set(artifacts.captions) == set(artifacts.tables)


def test_nothing_to_judge_is_said(corrupted) -> None:
    with pytest.raises(NothingToJudgeError, match="no image has both a picture and a label"):
        corrupted([("dark", "test", None), (None, "test", DARK)])


def test_skill_of_a_classifier_without_any_is_unknown(corrupted) -> None:
    metrics = corrupted([("dark", "test", LIGHT), ("light", "test", DARK)]).metrics
    assert np.isnan(metrics["skill_lost_fraction"])
    assert metrics["n_corruptions_that_halve_accuracy"] == 0


# ---- figures ---------------------------------------------------------------------------------------------
def random_outcomes(n_classes: int, n_each: int) -> Outcomes:
    rng = np.random.default_rng(0)
    actual = np.repeat(np.arange(n_classes), n_each)
    shape = (len(CORRUPTIONS), len(SEVERITIES), len(actual))
    corrupted = np.where(rng.random(shape) < 0.5, actual, rng.integers(0, n_classes, shape))
    return Outcomes(actual, actual, corrupted, 40 * rng.random(shape), rng.random(shape))


@pytest.mark.parametrize("n_classes", [2, 10, 100])
def test_figures_draw_any_number_of_classes_within_bounds(tmp_path: Path, n_classes: int) -> None:
    outcomes = random_outcomes(n_classes, 3)
    classes = [rf"$\frac_{i}$ (no formula), a long name, {i}" for i in range(n_classes)]
    fragility = score_classes(outcomes, classes).sort_values("drop", ascending=False)
    pictures = np.zeros((len(CORRUPTIONS), 1 + len(SEVERITIES), 8, 8, 3), dtype=np.uint8)
    figures = [
        plot_class_fragility(
            class_drops(outcomes, classes), fragility, score_corruptions(outcomes, margin=0)
        ),
        plot_accuracy_by_severity(score_conditions(outcomes, side_px=8), outcomes, n_classes=n_classes),
        plot_examples(pictures, outcomes, classes),
    ]
    for figure in figures:
        assert max(figure.drawing.get_size_inches()) < 15
        figure.drawing.savefig(tmp_path / "figure.png")
    assert ("of 100 classes" in figures[0].caption) == (n_classes == 100)
    assert len(figures[0].table) == n_classes


def test_frames_are_where_the_prediction_is_wrong() -> None:
    outcomes = random_outcomes(3, 4)
    pictures = np.zeros((len(CORRUPTIONS), 1 + len(SEVERITIES), 8, 8, 3), dtype=np.uint8)
    figure = plot_examples(pictures, outcomes, ["a", "b", "c"])
    (ax,) = figure.drawing.axes
    framed = {(round(frame.get_x() + 0.45), round(frame.get_y() + 0.45)) for frame in ax.patches}
    wrong = np.argwhere(~outcomes.is_right[..., typical_image(outcomes)])
    assert framed == {(column, place + 1) for column, place in wrong}
    assert len(ax.images) == len(CORRUPTIONS) * (1 + len(SEVERITIES))
    assert figure.table.loc[figure.table["corruption"] == "JPEG", "severity_5"].item() == pytest.approx(40)

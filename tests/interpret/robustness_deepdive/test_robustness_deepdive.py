from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from analysis.contract import FINDING_COLUMNS, Artifacts, NothingToJudgeError
from analysis.interpret.attack_trials.parameters import AttackTrialsParameters
from analysis.interpret.attack_trials.stage import attack_trials
from analysis.interpret.robustness_deepdive.figures import plot_occlusion, plot_spectra
from analysis.interpret.robustness_deepdive.findings import find_fine_texture
from analysis.interpret.robustness_deepdive.parameters import RobustnessDeepdiveParameters
from analysis.interpret.robustness_deepdive.stage import robustness_deepdive
from models.networks.checkpoint import load_classifier
from models.networks.classifier import ImageClassifier

PARAMETERS_FILE = Path(__file__).parents[3] / "params.yaml"
SECTIONS = yaml.safe_load(PARAMETERS_FILE.read_text(encoding="utf-8"))
DEFAULTS = RobustnessDeepdiveParameters.model_validate(SECTIONS["robustness_deepdive"])
WORK = AttackTrialsParameters.model_validate(SECTIONS["attack_trials"])
SMALL = {"device": "cpu", "linf_epsilons": (8.0, 64.0), "l2_epsilons": (0.1, 1.0), "n_wave_steps": 1}
CLASSES, CENTRES = ["dark", "grey", "light"], [0.0, 0.5, 1.0]
BOUNDARY = 0.75  # between grey and light
GREY = 153  # 0.6; 38.25 levels below the boundary

Row = tuple[str | None, str, int | None]


@pytest.fixture
def dive(tmp_path: Path, make_dataset, make_grey_classifier, written_and_read) -> Callable[..., Artifacts]:
    """Attack the classifier that knows dark, grey and light on images of (label, split, level)."""

    def run(
        rows: Sequence[Row], *, classes: Sequence[str] = CLASSES, is_correct: list | None = None, **changes
    ) -> Artifacts:
        from models.networks.checkpoint import save_classifier

        path = tmp_path / "model.pt"
        save_classifier(make_grey_classifier(classes, CENTRES[: len(classes)]), path)
        manifest, scan = make_dataset(rows, classes=classes)
        levels = [np.nan if level is None else level / 255 for _, _, level in rows]
        nearest = [int(np.argmin([abs(level - c) for c in CENTRES[: len(classes)]])) for level in levels]
        predictions = pd.DataFrame({"item_id": manifest["item_id"]}).assign(
            predicted_label=pd.Categorical.from_codes(nearest, categories=classes)
        )
        right = predictions["predicted_label"].astype(str) == manifest["label"].astype(str)
        predictions["is_correct"] = pd.array(right if is_correct is None else is_correct, dtype="boolean")
        work = {name: changes.pop(name) for name in WORK.model_dump() if name in changes}
        trials = attack_trials(
            manifest, scan, predictions, path, parameters=WORK.model_copy(update=SMALL | work), seed=0
        )
        for file in (path, *map(Path, manifest["path"])):
            file.unlink()  # to judge, neither the classifier nor an image is needed
        return robustness_deepdive(
            manifest,
            **written_and_read(trials.tables),
            parameters=DEFAULTS.model_copy(update=changes),
            seed=0,
        )

    return run


# ---- attacks ---------------------------------------------------------------------------------------------
def test_median_smallest_change_is_the_distance_to_the_next_class(dive) -> None:
    artifacts = dive([("grey", "test", GREY)] * 3 + [("dark", "train", 20)])
    exact = BOUNDARY * 255 - GREY
    assert artifacts.metrics["n_attacked"] == 3
    assert artifacts.metrics["median_minimal_epsilon_linf"] == pytest.approx(exact, rel=0.06)
    assert artifacts.metrics["robust_accuracy_linf_8"] == 1
    assert artifacts.metrics["robust_accuracy_linf_64"] == 0
    assert list(artifacts.metrics)[:2] == ["median_minimal_epsilon_linf", "median_minimal_epsilon_l2"]


def test_sizes_are_in_pixels_before_normalisation(dive, tmp_path, monkeypatch) -> None:
    """A classifier that sees pixels a hundred times as large is no more robust."""
    plain = dive([("grey", "test", GREY)] * 3).metrics["median_minimal_epsilon_linf"]
    load = load_classifier

    def load_normalised(path: Path, classes: Sequence[str]) -> ImageClassifier:
        classifier = load(path, classes)
        classifier.std.fill_(0.01)
        classifier.backbone.conv1.weight.data.mul_(0.01)
        return classifier

    monkeypatch.setattr("models.networks.checkpoint.load_classifier", load_normalised)
    scaled = dive([("grey", "test", GREY)] * 3).metrics["median_minimal_epsilon_linf"]
    assert scaled == pytest.approx(plain, rel=0.01)


def test_accuracy_table_begins_without_an_attack_and_carries_intervals(dive) -> None:
    artifacts = dive([("grey", "test", GREY)] * 3 + [("light", "test", GREY)])
    table = artifacts.tables["robust_accuracy"]
    assert table["norm"].tolist() == ["linf"] * 3 + ["l2"] * 3
    assert table["epsilon"].tolist() == [0, 8, 64, 0, 0.1, 1]
    assert table["accuracy_pgd"].tolist()[:3] == [0.75, 0.75, 0]
    assert table["pgd_low"].tolist()[:1] == pytest.approx([0.3006], abs=1e-4)  # Wilson, 3 of 4
    assert table["n_images"].eq(4).all()


def test_checks_are_a_table_and_a_failed_one_is_said(dive) -> None:
    rows = [("grey", "test", GREY)] * 3
    sound = dive(rows)
    assert sound.tables["attack_checks"]["passed"].all(), sound.tables["attack_checks"]
    assert sound.metrics["n_failed_checks"] == 0
    assert sound.notes == []
    other = dive(rows, is_correct=[True, True, False])
    assert other.metrics["n_failed_checks"] == 2  # once a norm
    assert "ε = 0 is the accuracy of evaluate (linf): " in other.notes[0]


def test_same_seed_same_numbers(dive) -> None:
    rows = [("grey", "test", GREY), ("light", "test", 240), ("dark", "test", 40)]
    first, second = dive(rows), dive(rows)
    assert first.metrics == pytest.approx(second.metrics, nan_ok=True, rel=0, abs=0)
    pd.testing.assert_frame_equal(first.tables["filters"], second.tables["filters"])


# ---- awkward data ----------------------------------------------------------------------------------------
def test_unreadable_and_unlabelled_images_are_left_alone(dive) -> None:
    rows = [("grey", "test", GREY), (None, "test", GREY), ("grey", "test", None), ("dark", "test", 30)]
    assert dive(rows).metrics["n_attacked"] == 2


def test_nothing_right_is_said(dive) -> None:
    artifacts = dive([("dark", "test", GREY)] * 2)
    assert np.isnan(artifacts.metrics["median_minimal_epsilon_linf"])
    assert any("nothing to mislead" in note for note in artifacts.notes)
    assert "adversarial_examples" not in [figure.name for figure in artifacts.figures]


def test_one_class_cannot_be_mistaken(dive) -> None:
    artifacts = dive([("dark", "test", 30)] * 2, classes=["dark"])
    assert any("one class" in note for note in artifacts.notes)
    assert artifacts.tables["attack_checks"].empty
    assert artifacts.findings.empty


def test_other_split_is_judged_where_there_is_no_test(dive) -> None:
    artifacts = dive([("grey", "train", GREY)] * 2)
    assert any("no test or validation" in note for note in artifacts.notes)
    assert "train (n = 2)" in artifacts.figures[0].drawing.axes[0].get_title(loc="left")


def test_nothing_to_judge_is_refused(dive) -> None:
    with pytest.raises(NothingToJudgeError, match="no image has both a picture and a label"):
        dive([(None, "test", GREY)])


# ---- findings --------------------------------------------------------------------------------------------
def test_robust_enough_classifier_gives_no_findings(dive) -> None:
    findings = dive([("grey", "test", GREY)] * 20).findings
    assert findings.empty
    assert list(findings) == FINDING_COLUMNS


def test_images_misled_by_invisible_noise_are_found(dive) -> None:
    near = int(BOUNDARY * 255)  # a quarter of a level below the boundary
    rows = [("grey", "test", near)] * 8 + [("grey", "test", GREY)] * 8
    findings = dive(rows, linf_epsilons=(2.0, 4.0, 64.0)).findings
    assert findings["kind"].eq("misled_by_invisible_noise").all()
    assert set(findings["item_id"]) <= set(range(8))
    assert len(findings) >= 4
    assert findings["detail"][0].startswith("misled by noise of ±4/255, one of ")
    assert dive(rows, linf_epsilons=(2.0, 4.0, 64.0), max_noise_errors=0.6).findings.empty


def test_recognised_by_fine_detail_only_is_found_where_it_is_sure() -> None:
    ids = np.arange(100, 120)
    fine, coarse = np.arange(20) < 12, np.arange(20) >= 19
    found = find_fine_texture(ids, coarse, fine, cutoff=4, significance_level=0.01)
    assert found["item_id"].tolist() == ids[:12].tolist()  # 12 against 1: p = 14 / 2^13
    assert found["detail"][0] == (
        "12 of 20 images are recognised only by what is above 4 cycles per image, 1 only by what is below"
    )
    few = np.arange(20) < 6  # 6 against 1: p = 8 / 2^7
    assert find_fine_texture(ids, coarse, few, cutoff=4, significance_level=0.01).empty
    assert find_fine_texture(ids, fine, coarse, cutoff=4, significance_level=0.01).empty
    assert find_fine_texture(ids, fine, fine, cutoff=4, significance_level=0.01).empty


# ---- figures ---------------------------------------------------------------------------------------------
def test_figures_and_the_numbers_beside_them(dive, tmp_path: Path) -> None:
    artifacts = dive([("grey", "test", GREY)] * 2 + [("dark", "test", GREY)])
    figures = {figure.name: figure for figure in artifacts.figures}
    assert list(figures) == [
        "robust_accuracy",
        "adversarial_examples",
        "frequency_filters",
        "fourier_map",
        "power_spectra",
        "occlusion",
    ]
    examples = figures["adversarial_examples"].table
    assert examples[["label", "misled_to"]].to_numpy().tolist() == [["grey", "light"]] * 2
    assert examples["epsilon"].tolist() == pytest.approx([BOUNDARY * 255 - GREY] * 2, rel=0.06)
    assert figures["occlusion"].table["predicted_label"].tolist() == ["grey"] * 3
    for figure in figures.values():
        figure.drawing.savefig(tmp_path / "figure.png")


@pytest.mark.parametrize("n_classes", [2, 10, 100])
def test_spectra_draw_any_number_of_classes(tmp_path: Path, n_classes: int) -> None:
    classes = [rf"$\frac_{i}$ (no formula), {i}" for i in range(n_classes)]
    rings = pd.RangeIndex(1, 9)
    by_class = pd.DataFrame(1.0, index=rings, columns=classes)
    by_outcome = pd.DataFrame(1.0, index=rings, columns=["right"])
    counts = pd.Series(3, index=[*classes, "right"])
    figure = plot_spectra(by_class, by_outcome, counts, split="test")
    assert len(figure.drawing.axes[0].lines) == min(n_classes, 10)
    assert ("10 of 100 classes" in figure.caption) == (n_classes == 100)
    figure.drawing.savefig(tmp_path / "figure.png")


def test_occlusion_of_one_image_is_drawn(tmp_path: Path) -> None:
    table = pd.DataFrame({"item_id": [0], "label": "a", "predicted_label": "b"}).assign(
        probability=1.0, largest_drop=0.0
    )
    figure = plot_occlusion(np.ones((1, 8, 8, 3)), np.zeros((1, 8, 8)), table, patch_px=2, split="test")
    figure.drawing.savefig(tmp_path / "figure.png")

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from PIL import Image

from analysis.contract import FINDING_COLUMNS, NO_FILE, Artifacts, NothingToJudgeError
from analysis.interpret.attributions.parameters import AttributionsParameters
from analysis.interpret.attributions.stage import attributions
from analysis.interpret.gradcam.figures import overlay, plot_class_shares, shown_rows
from analysis.interpret.gradcam.parameters import GradcamParameters
from analysis.interpret.gradcam.stage import gradcam
from models.networks.checkpoint import save_classifier
from models.networks.classifier import ImageClassifier

PARAMETERS_FILE = Path(__file__).parents[3] / "params.yaml"
SECTIONS = yaml.safe_load(PARAMETERS_FILE.read_text(encoding="utf-8"))
DEFAULTS = GradcamParameters.model_validate(SECTIONS["gradcam"])
WORK = AttributionsParameters.model_validate(SECTIONS["attributions"])
CLASSES = ["cross", "marked", "square"]
PX = 16
CHANNELS = {"marked": 0, "cross": 1, "square": 2}  # red, green, blue
Row = tuple[str, str, str]  # label, what the picture shows, split


def make_colour_classifier() -> ImageClassifier:
    """Knows `marked` by red, `cross` by green, `square` by blue, at every fourth pixel, wherever they are.

    Each colour is handed through the ResNet in a channel of its own; at layer3 there are 4×4 cells.
    """
    classifier = ImageClassifier(
        architecture="resnet18",
        classes=CLASSES,
        input_px=PX,
        keep_resolution=True,
        mean=[0.0] * 3,
        std=[1.0] * 3,
    )
    for name, weights in classifier.state_dict().items():
        if name.startswith("backbone"):
            weights.zero_()
    backbone, colours = classifier.backbone, torch.arange(3)
    backbone.conv1.weight.data[colours, colours, 1, 1] = 1
    norms = [backbone.bn1]
    for layer in (backbone.layer2, backbone.layer3, backbone.layer4):
        convolution, norm = layer[0].downsample
        convolution.weight.data[colours, colours] = 1
        norms.append(norm)
    for norm in norms:
        norm.weight.data[:3] = 1
        norm.running_var.data.fill_(1 - norm.eps)
    classifier.head.weight.data.zero_()
    classifier.head.bias.data.zero_()
    for i, label in enumerate(CLASSES):
        classifier.head.weight.data[i, CHANNELS[label]] = 18.0 if label == "marked" else 6.0
    return classifier.eval()


def picture(shows: str, rng: np.random.Generator) -> Image.Image:
    """A green or blue object in the middle; `marked` also has a red mark in the upper left corner."""
    pixels = rng.integers(0, 4, (PX, PX, 3)).astype(np.uint8)
    middle = CHANNELS["cross" if shows == "marked" else shows]
    pixels[4:12, 4:12, middle] = rng.integers(150, 256)
    if shows == "marked":
        pixels[:4, :4, 0] = 255
    return Image.fromarray(pixels)


@pytest.fixture
def attribute(tmp_path: Path, drained, written_and_read) -> Callable[..., Artifacts]:
    """Judge the maps of pictures of (label, what it shows, split), which are predicted as what they show.

    By then there is neither a classifier nor an image file any more.
    """

    def run(rows: Sequence[Row], *, masks: Callable[[Path, str], None] | None = None, **changes) -> Artifacts:
        rng = np.random.default_rng(0)
        (tmp_path / "images").mkdir(exist_ok=True)
        (tmp_path / "masks").mkdir(exist_ok=True)
        folder = tmp_path / "masks" if masks else Path(NO_FILE)
        labels, shown, splits = zip(*rows, strict=True)
        paths = [tmp_path / "images" / f"{i:03d}.png" for i in range(len(rows))]
        for path, shows in zip(paths, shown, strict=True):
            picture(shows, rng).save(path)
            if masks:
                masks(tmp_path / "masks" / path.name, shows)
        ids = np.arange(len(rows))
        manifest = pd.DataFrame(
            {
                "item_id": ids,
                "path": [path.as_posix() for path in paths],
                "label": pd.Categorical(labels, categories=CLASSES),
                "split": pd.Categorical(splits, categories=["train", "validation", "test"]),
                "status": "ok",
            }
        )
        scan = pd.DataFrame(
            {"item_id": ids, "status": "ok", "width_px": PX, "height_px": PX, "value_range": None}
        )
        predictions = pd.DataFrame(
            {
                "item_id": ids,
                "predicted_label": pd.Categorical(shown, categories=CLASSES),
                "probabilities": [np.array([0.9, 0.05, 0.05], dtype=np.float32)] * len(rows),
            }
        )
        save_classifier(make_colour_classifier(), tmp_path / "model.pt")
        small = {"n_random_networks": 2, "n_checked_images": 24, "n_removal_steps": 4, "device": "cpu"}
        work = {name: changes.pop(name) for name in WORK.model_dump() if name in changes}
        parts, rest = drained(
            attributions(
                manifest,
                scan,
                predictions,
                tmp_path / "model.pt",
                parameters=WORK.model_copy(update=small | work),
                seed=0,
            )
        )
        for file in (tmp_path / "model.pt", *paths):
            file.unlink()
        random_maps = np.concatenate([part["random_maps"] for part in parts])
        return gradcam(
            manifest,
            scan,
            **written_and_read(rest.tables),
            random_maps=random_maps,
            parameters=DEFAULTS.model_copy(update={"masks": folder, **changes}),
            seed=0,
        )

    return run


@pytest.fixture(autouse=True)
def one_cascade(monkeypatch) -> None:
    monkeypatch.setattr("analysis.interpret.attributions.randomisation.CASCADE_NETWORKS", 1)


CLEAN = [(label, label, "test") for label in CLASSES for _ in range(8)]


# ---- the planted mark ------------------------------------------------------------------------------------
def test_class_told_by_a_mark_in_the_corner_is_flagged_and_no_other(attribute) -> None:
    artifacts = attribute([*CLEAN, ("square", "cross", "test"), ("cross", "marked", "test")])
    shares = artifacts.tables["class_shares"].set_index("label")
    assert shares.index[shares["is_flagged"]].tolist() == ["marked"]
    # a quarter of the side at the corner, enlarged: 1/8 of it plain and 1/8 fading, along either side
    assert shares.loc["marked", "share"] == pytest.approx(0.75, abs=0.05)
    assert shares.loc["cross", "share"] < 0.2
    findings = artifacts.findings
    assert list(findings) == FINDING_COLUMNS
    assert findings["kind"].unique().tolist() == ["class_told_by_context"]
    assert findings["label"].unique().tolist() == ["marked"]
    assert set(findings["item_id"]) <= set(range(8, 16))
    assert len(findings) == 6
    assert "of its attribution lies on the border" in findings["detail"][0]
    assert artifacts.metrics["n_classes_flagged"] == 1
    assert (artifacts.metrics["n_right"], artifacts.metrics["n_wrong"]) == (24, 2)
    names = [figure.name for figure in artifacts.figures]
    assert names == [
        "right_predictions",
        "wrong_predictions",
        "mean_maps",
        "border_shares",
        "deletion_insertion",
        "randomisation",
    ]


def test_masks_tell_the_background(attribute) -> None:
    """The objects fill the middle: the mark lies outside of them, the others' evidence inside."""

    def draw(path: Path, shows: str) -> None:
        mask = np.zeros((PX, PX), dtype=np.uint8)
        mask[2:14, 2:14] = 255
        Image.fromarray(mask).save(path)

    artifacts = attribute(CLEAN, masks=draw)
    shares = artifacts.tables["class_shares"].set_index(["region", "label"])
    assert shares.loc[("background", "marked"), "is_flagged"]
    assert not shares.loc[("background", "cross"), "is_flagged"]
    assert artifacts.metrics["background_area_share"] == pytest.approx(1 - 144 / 256, abs=0.01)
    assert artifacts.metrics["n_with_mask"] == 24
    assert "24 of 24 images have a mask of their object." in artifacts.notes


def test_masks_of_other_images_are_said(attribute) -> None:
    artifacts = attribute(
        CLEAN[:9], masks=lambda path, _: Image.new("L", (2, 2), 9).save(path.with_stem("no"))
    )
    assert any("belongs to one of the images" in note for note in artifacts.notes)
    assert np.isnan(artifacts.metrics["background_share"])


# ---- what there is too little of -------------------------------------------------------------------------
def test_one_image_a_class_is_looked_at_and_not_tested(attribute) -> None:
    artifacts = attribute([("cross", "cross", "train"), ("marked", "marked", "train")])
    assert artifacts.findings.empty
    assert "3 of 3 classes have too few right predictions for a test of their shares." in artifacts.notes
    assert "The judged images hold no wrong prediction to look at." in artifacts.notes
    assert any("no test" in note for note in artifacts.notes)


def test_without_right_predictions_mistakes_are_still_shown(attribute) -> None:
    artifacts = attribute([("cross", "marked", "test"), ("square", "cross", "test")])
    assert [figure.name for figure in artifacts.figures] == ["wrong_predictions"]
    assert np.isnan(artifacts.metrics["border_share"])
    assert artifacts.metrics["border_share_of_mistakes"] == pytest.approx(0.45, abs=0.15)


def test_nothing_to_judge_is_said(attribute) -> None:
    with pytest.raises(NothingToJudgeError, match="no image has both a picture and a label"):
        attribute([(None, "cross", "test")])


def test_keys_and_tables_are_the_same_whatever_the_data(attribute) -> None:
    full, poor = attribute(CLEAN), attribute([("cross", "marked", "test")])
    assert list(full.metrics) == list(poor.metrics)
    assert {name: list(table) for name, table in full.tables.items()} == {
        name: list(table) for name, table in poor.tables.items()
    }


def test_samples_are_of_the_judged_split_and_no_larger_than_asked(attribute) -> None:
    rows = [*CLEAN, *[(label, label, "train") for label in CLASSES] * 5, *[("cross", "square", "test")] * 4]
    table = attribute(rows, right_per_class=3, wrong_per_class=2).tables["image_shares"]
    assert table.groupby(["is_right", "label"], observed=True).size().tolist() == [2, 3, 3, 3]
    assert set(table["item_id"]) <= {*range(24), *range(39, 43)}


def test_every_method_asked_for_is_judged(attribute) -> None:
    methods = ("integrated_gradients", "guided_gradcam", "gradcam")
    artifacts = attribute(CLEAN[::8], methods=methods, n_checked_images=1, n_random_networks=1)
    assert artifacts.tables["faithfulness"]["method"].unique().tolist() == list(methods)
    assert artifacts.tables["randomisation"]["method"].unique().tolist() == list(methods)
    assert artifacts.tables["image_shares"]["method"].unique().tolist() == list(methods)
    assert "methods" in [figure.name for figure in artifacts.figures]
    assert artifacts.summary.startswith("integrated gradients")


# ---- figures ---------------------------------------------------------------------------------------------
def test_overlay_is_grey_where_nothing_is_seen() -> None:
    image = np.full((8, 8, 3), (200, 40, 40), dtype=np.uint8)
    blank = overlay(image, np.zeros((8, 8)))
    assert (blank == blank[..., :1]).all()
    heat = np.zeros((8, 8))
    heat[:2, :2] = 5
    warm = overlay(image, heat).astype(int)
    assert np.ptp(warm[2, 2]) > 30
    assert np.ptp(warm[-1, -1]) == 0


def test_examples_are_spread_over_many_classes() -> None:
    classes = [f"c{i:02d}" for i in range(40)]
    images = pd.DataFrame({"label": np.repeat(classes, 3), "class_index": np.repeat(np.arange(40), 3)})
    shown = shown_rows(images, classes, 2)
    assert shown["label"].nunique() == 12
    assert len(shown) == 24
    assert {"c00", "c39"} <= set(shown["label"])


@pytest.mark.parametrize("n_classes", [2, 10, 100])
def test_share_figure_draws_any_number_of_classes_within_bounds(tmp_path: Path, n_classes: int) -> None:
    rng = np.random.default_rng(0)
    share = rng.random(n_classes)
    tests = pd.DataFrame(
        {
            "label": [rf"$\frac_{i}$ (no formula), a long name, {i}" for i in range(n_classes)],
            "n_images": 12,
            "area_share": 0.44,
            "share": share,
            "share_low": share - 0.05,
            "share_high": share + 0.05,
            "random_share_low": 0.35,
            "random_share_high": 0.5,
            "excess_share": share - 0.5,
            "is_flagged": share > 0.8,
        }
    )
    tests.loc[0, ["share", "share_low", "share_high", "excess_share"]] = np.nan
    drawing = plot_class_shares(tests, region="border", method="gradcam", n_random=5).drawing
    assert max(drawing.get_size_inches()) < 12
    drawing.savefig(tmp_path / "figure.png")

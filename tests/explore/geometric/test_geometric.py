"""Which poses are safe, on drawn shapes for which the answer is known, and on awkward datasets."""

import io

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_digits

from analysis.contract import Artifacts
from analysis.explore.geometric.notes import CAPTIONS
from analysis.explore.geometric.parameters import GeometricParameters
from analysis.explore.geometric.poses import POSES
from analysis.explore.geometric.stage import geometric

SETTINGS = {
    "max_images": 3000,
    "min_images": 20,
    "min_unusual_auroc": 0.67,
    "min_trusted_recall": 0.9,
    "max_recall_drop": 0.1,
    "min_passing_fraction": 0.1,
}
Y, X = np.mgrid[:32, :32]


def shape_of(name: str, rng: np.random.Generator) -> np.ndarray:
    """A light shape on dark ground, moved, scaled and blurred by noise at random."""
    x, y = X - 15.5 - rng.normal(0, 1.2), Y - 15.5 - rng.normal(0, 1.2)
    size = rng.uniform(8, 11)
    drawn = {
        "disc": np.hypot(x, y) < size,
        "up": (np.abs(x) < (y + size) / 2) & (np.abs(y) < size),
        "down": (np.abs(x) < (size - y) / 2) & (np.abs(y) < size),
        "bar": (np.abs(x) < 2.5) & (np.abs(y) < size),
        "plain": np.zeros_like(x, dtype=bool),
    }[name]
    return np.clip(0.15 + 0.7 * drawn + rng.normal(0, 0.04, drawn.shape), 0, 1)


def dataset_of(counts: dict[str, int], split: str = "train") -> tuple[pd.DataFrame, pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(0)
    labels = [label for label, n in counts.items() for _ in range(n)]
    luma = np.array([shape_of(label, rng) for label in labels]).reshape(-1, 32, 32)
    thumbnails = np.repeat((255 * luma).astype(np.uint8)[..., None], 3, axis=3)
    return tables_of(labels, list(counts), thumbnails, split)


def tables_of(
    labels: list, classes: list[str], thumbnails: np.ndarray, split: str = "train"
) -> tuple[pd.DataFrame, pd.DataFrame, np.ndarray]:
    ids = np.arange(len(labels))
    manifest = pd.DataFrame({"item_id": ids, "label": pd.Categorical(labels, categories=classes)})
    manifest["split"] = pd.Categorical([split] * len(ids), categories=["train", "validation", "test"])
    luma = thumbnails.mean(axis=3) / 255
    scan = pd.DataFrame(
        {
            "item_id": ids,
            "status": "ok",
            "edge_density": 0.1,
            "flip_difference_horizontal": np.abs(luma - luma[:, :, ::-1]).mean(axis=(1, 2)),
            "flip_difference_vertical": np.abs(luma - luma[:, ::-1]).mean(axis=(1, 2)),
        }
    )
    return manifest, scan, thumbnails


def run(dataset: tuple[pd.DataFrame, pd.DataFrame, np.ndarray], *, is_drawn: bool = False) -> Artifacts:
    artifacts = geometric(*dataset, parameters=GeometricParameters(**SETTINGS), seed=0)
    for figure in artifacts.figures if is_drawn else ():  # to the end, as the runner does
        figure.drawing.savefig(io.BytesIO(), format="png", dpi=40)
    assert set(CAPTIONS) == set(artifacts.tables)
    return artifacts


def verdicts_of(artifacts: Artifacts) -> pd.DataFrame:
    return artifacts.tables["augmentation_verdicts"].pivot(
        index="label", columns="transform", values="verdict"
    )


SHAPES = {"disc": 60, "up": 60, "down": 60, "bar": 60}


def test_shapes_survive_exactly_the_poses_that_leave_them_what_they_are() -> None:
    artifacts = run(dataset_of(SHAPES))
    verdicts = verdicts_of(artifacts)
    assert verdicts["horizontal_flip"].eq("safe").all()
    assert verdicts.loc["disc"].eq("safe").all()
    for transform in ("vertical_flip", "rotation_180"):
        assert verdicts.loc[["up", "down"], transform].eq("changes the class").all()
        assert verdicts.loc["bar", transform] == "safe"
    assert verdicts.loc["bar", "rotation_90"] == "unusual pose"
    names = artifacts.tables["augmentation_verdicts"].set_index(["label", "transform"])["passes_for"]
    assert (names["up", "vertical_flip"], names["down", "vertical_flip"]) == ("down", "up")
    advice = {transform: artifacts.metrics[f"is_{transform}_safe"] for transform in POSES}
    assert (advice["horizontal_flip"], advice["vertical_flip"], advice["rotation_90"]) == (1, 0, 0)
    assert "horizontal flip" in artifacts.summary
    assert "vertical flip" not in artifacts.summary


def test_a_class_that_comes_in_both_poses_survives_the_flip_although_each_image_changes() -> None:
    manifest, scan, thumbnails = dataset_of({"up": 100, "bar": 100})
    thumbnails[:100:2] = thumbnails[:100:2, ::-1]
    assert verdicts_of(run((manifest, scan, thumbnails))).loc["up", "vertical_flip"] == "safe"


def test_digits_are_not_mirrored_and_a_six_is_not_turned() -> None:
    digits = load_digits()
    thumbnails = np.kron(digits.images * 15.9, np.ones((4, 4))).astype(np.uint8)
    thumbnails = np.repeat(thumbnails[..., None], 3, axis=3)
    classes = [str(digit) for digit in range(10)]
    artifacts = run(tables_of([str(digit) for digit in digits.target], classes, thumbnails))
    verdicts = verdicts_of(artifacts)
    assert artifacts.metrics["is_horizontal_flip_safe"] == 0
    assert verdicts.loc[["0", "8"], "horizontal_flip"].eq("safe").all()
    assert not verdicts.loc[["2", "3", "5", "6", "7", "9"], "horizontal_flip"].eq("safe").any()
    assert verdicts.loc["6", "rotation_180"] == "changes the class"
    assert not verdicts["rotation_90"].eq("safe").any()
    assert artifacts.metrics["is_rotation_10_safe"] == 1


def test_nothing_learnt_from_labels_dealt_at_random_is_trusted() -> None:
    manifest, scan, thumbnails = dataset_of({"up": 80, "down": 80})
    manifest["label"] = pd.Categorical(manifest["label"].sample(frac=1, random_state=0))
    verdicts = verdicts_of(run((manifest, scan, thumbnails)))
    assert not verdicts.eq("changes the class").any(axis=None)


def test_means_of_a_class_do_not_depend_on_the_order_of_rows() -> None:
    manifest, scan, thumbnails = dataset_of({"up": 30, "disc": 30})
    order = np.random.default_rng(1).permutation(60)
    shuffled = [manifest.iloc[order], scan.iloc[order], thumbnails[order]]
    a = run((manifest, scan, thumbnails)).tables["class_geometry"]
    b = run(tuple(shuffled)).tables["class_geometry"]
    pd.testing.assert_frame_equal(a, b, rtol=1e-4)
    assert a.loc[0, "edge_density"] == pytest.approx(0.1)


def test_unreadable_and_unlabelled_images_count_nowhere() -> None:
    manifest, scan, thumbnails = dataset_of({"up": 30, "disc": 30})
    scan.loc[:4, "status"] = "unreadable"
    manifest.loc[30:32, "label"] = None
    geometry = run((manifest, scan, thumbnails)).tables["class_geometry"].set_index("label")
    assert geometry["n_images"].to_dict() == {"up": 25, "disc": 27}


def test_only_training_images_are_looked_at_where_there_are_any() -> None:
    manifest, scan, thumbnails = dataset_of({"up": 30, "disc": 30})
    manifest.loc[::3, "split"] = "test"
    assert run((manifest, scan, thumbnails)).metrics["n_images"] == 40
    manifest["split"] = "test"
    artifacts = run((manifest, scan, thumbnails))
    assert artifacts.metrics["n_images"] == 60
    assert "all splits" in artifacts.notes[0]


@pytest.mark.parametrize(
    "counts",
    [{"up": 40}, {"up": 1, "down": 40}, {"up": 1}, {"plain": 25, "up": 25}, {"up": 0, "down": 0}, {}],
    ids=["one class", "one image in a class", "one image", "plain pictures", "no images", "no classes"],
)
def test_awkward_datasets_keep_their_metrics_and_tables(counts: dict[str, int]) -> None:
    artifacts, usual = run(dataset_of(counts), is_drawn=True), run(dataset_of({"up": 25, "disc": 25}))
    assert artifacts.metrics.keys() == usual.metrics.keys()
    for name, table in usual.tables.items():
        assert list(artifacts.tables[name].columns) == list(table.columns)
    assert artifacts.notes
    assert artifacts.summary
    assert bool(artifacts.unjudged) == (max(counts.values(), default=0) < 20)


def test_a_class_with_few_images_is_not_judged() -> None:
    artifacts = run(dataset_of({"up": 40, "down": 19, "disc": 40}))
    assert verdicts_of(artifacts).loc["down"].eq("too few images").all()
    assert any("1 classes" in note or "1 class " in note for note in artifacts.notes)


def test_with_one_class_nothing_is_said_of_others() -> None:
    verdicts = verdicts_of(run(dataset_of({"up": 200})))
    assert verdicts.loc["up", "horizontal_flip"] == "safe"
    assert verdicts.loc["up", "vertical_flip"] == "unusual pose"


def test_many_classes_with_odd_names_are_drawn_in_part() -> None:
    names = [f"$x_{i}$ {'long name ' * 4}" for i in range(40)]
    rng = np.random.default_rng(0)
    thumbnails = rng.integers(0, 255, (80, 32, 32, 3), dtype=np.uint8)
    artifacts = run(tables_of([name for name in names for _ in range(2)], names, thumbnails), is_drawn=True)
    assert "40 classes" in artifacts.figures[0].caption


def test_two_runs_give_the_same_tables() -> None:
    a, b = (run(dataset_of({"up": 25, "disc": 25})).tables["augmentation_verdicts"] for _ in range(2))
    pd.testing.assert_frame_equal(a, b)

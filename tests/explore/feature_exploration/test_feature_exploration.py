"""Which classes are alike, on small pictures with known likenesses, and on awkward datasets."""

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from analysis.contract import Artifacts
from analysis.explore.feature_exploration.notes import CAPTIONS
from analysis.explore.feature_exploration.parameters import FeatureExplorationParameters
from analysis.explore.feature_exploration.stage import feature_exploration
from analysis.explore.visual_features.features import FEATURES
from analysis.explore.visual_features.parameters import VisualFeaturesParameters
from analysis.explore.visual_features.stage import visual_features

SETTINGS = {
    "min_images": 10,
    "max_indistinguishable_auroc": 0.6,
    "unvaried_below": 0.25,
    "n_pairs_shown": 3,
}
# label -> mean grey level and strength of the noise
LOOKS = {"dark": (60, 25), "also dark": (60, 25), "light": (190, 25), "smooth": (120, 4), "same": (120, 25)}
Dataset = tuple[pd.DataFrame, pd.DataFrame, np.ndarray, np.ndarray]


def dataset_of(folder: Path, counts: dict[str | None, int], *, split: str = "train") -> Dataset:
    rng = np.random.default_rng(0)
    labels = [label for label, n in counts.items() for _ in range(n)]
    pictures = np.empty((len(labels), 16, 16, 3), dtype=np.uint8)
    paths = []
    for i, label in enumerate(labels):
        level, noise = LOOKS.get(label, (100, 25))
        luma = level + rng.normal(0, 12) + rng.normal(0, noise, (16, 16))
        pictures[i] = luma.clip(0, 255)[..., None]
        paths.append(str(folder / f"{i} ü.png"))
        Image.fromarray(pictures[i]).save(paths[-1])
    classes = [label for label in counts if label is not None]
    manifest = pd.DataFrame({"item_id": range(len(labels)), "path": paths})
    manifest["label"] = pd.Categorical(labels, categories=classes)
    manifest["split"] = pd.Categorical([split] * len(labels), categories=["train", "validation", "test"])
    scan = pd.DataFrame({"item_id": manifest["item_id"], "status": "ok", "value_range": None})
    luma = pictures[..., 0].reshape(len(labels), 256) / 255
    measures = np.stack([luma.mean(axis=1), luma.std(axis=1), rng.normal(size=len(labels)) / 10], axis=1)
    lengths = np.linalg.norm(measures, axis=1, keepdims=True)
    return manifest, scan, pictures, (measures / lengths).astype(np.float32)


def measured(dataset: Dataset, *, max_images: int = 1000) -> pd.DataFrame:
    manifest, scan, _, embeddings = dataset
    parameters = VisualFeaturesParameters(max_images=max_images)
    artifacts = visual_features(manifest, scan, embeddings, parameters=parameters, seed=0)
    return artifacts.tables["picture_features"]


def run(dataset: Dataset, *, max_images: int = 1000, **changes: float) -> Artifacts:
    return judged(dataset, measured(dataset, max_images=max_images), **changes)


def judged(dataset: Dataset, picture_features: pd.DataFrame, **changes: float) -> Artifacts:
    parameters = FeatureExplorationParameters(**SETTINGS | changes)
    artifacts = feature_exploration(*dataset, picture_features, parameters=parameters, seed=0)
    for figure in artifacts.figures:  # drawn to the end, as the runner does
        figure.drawing.savefig(io.BytesIO(), format="png", dpi=30)
    assert set(CAPTIONS) == set(artifacts.tables)
    return artifacts


def test_two_classes_of_the_same_pictures_are_found_and_no_others(tmp_path: Path) -> None:
    counts = {"dark": 150, "light": 150, "also dark": 150}
    artifacts = run(dataset_of(tmp_path, counts), max_indistinguishable_auroc=0.65)
    assert artifacts.findings["kind"].tolist() == ["classes_indistinguishable"]
    assert artifacts.findings["label"].tolist() == ["dark"]
    assert "'also dark'" in artifacts.findings["detail"].item()
    assert artifacts.tables["class_pairs"].loc[0, ["label_a", "label_b"]].tolist() == ["dark", "also dark"]
    separability = artifacts.tables["separability"].set_index("label")
    assert separability.loc["light", "recall"] > 0.9
    assert separability.loc["also dark", "most_alike"] == "dark"


def test_few_images_of_alike_classes_accuse_nobody(tmp_path: Path) -> None:
    assert run(dataset_of(tmp_path, {"dark": 12, "also dark": 12})).findings.empty


def test_a_class_of_copies_is_found(tmp_path: Path) -> None:
    manifest, scan, pictures, embeddings = dataset_of(tmp_path, {"dark": 30, "light": 30, "same": 30})
    is_same = manifest["label"].eq("same").to_numpy()
    embeddings[is_same] = embeddings[is_same][0] + np.random.default_rng(0).normal(0, 1e-3, (30, 3))
    artifacts = run((manifest, scan, pictures, embeddings))
    assert artifacts.findings["kind"].tolist() == ["class_without_variety"]
    assert artifacts.findings["label"].tolist() == ["same"]
    assert artifacts.metrics["n_unvaried_classes"] == 1


def test_features_name_the_classes_at_their_ends(tmp_path: Path) -> None:
    table = run(dataset_of(tmp_path, {"dark": 30, "light": 30, "smooth": 30})).tables["features"]
    table = table.set_index("feature")
    assert set(table.index) == set(FEATURES)
    assert table.loc["lightness_mean", ["lowest_class", "highest_class"]].tolist() == ["dark", "light"]
    assert table.loc["contrast_scale_0", "lowest_class"] == "smooth"
    assert table["eta_squared"].is_monotonic_decreasing or table["eta_squared"].isna().any()
    assert table.loc["lightness_mean", "eta_squared"] > 0.7


def test_one_row_a_class_in_the_datasets_order(tmp_path: Path) -> None:
    table = run(dataset_of(tmp_path, {"light": 20, "dark": 30, "smooth": 25})).tables["separability"]
    assert table["label"].tolist() == ["light", "dark", "smooth"]
    assert table["n_images"].tolist() == [20, 30, 25]


def test_unreadable_unlabelled_and_unembedded_images_count_nowhere(tmp_path: Path) -> None:
    manifest, scan, pictures, embeddings = dataset_of(tmp_path, {"dark": 20, "light": 20, None: 5})
    scan.loc[:2, "status"] = "unreadable"
    embeddings[20:24] = np.nan
    assert run((manifest, scan, pictures, embeddings)).metrics["n_images"] == 17 + 16


def test_only_training_images_are_compared_where_there_are_any(tmp_path: Path) -> None:
    manifest, scan, pictures, embeddings = dataset_of(tmp_path, {"dark": 30, "light": 30})
    manifest.loc[::3, "split"] = "test"
    artifacts = run((manifest, scan, pictures, embeddings))
    assert artifacts.metrics["n_images"] == 40
    assert "of training" in artifacts.notes[0]


def test_a_rare_class_is_left_out_and_counted(tmp_path: Path) -> None:
    artifacts = run(dataset_of(tmp_path, {"dark": 30, "light": 30, "smooth": 9}))
    assert artifacts.tables["separability"]["label"].tolist() == ["dark", "light"]
    assert artifacts.notes[0].startswith("1 of the classes")


@pytest.mark.parametrize(
    "counts",
    [{"dark": 20}, {"dark": 1}, {"dark": 1, "light": 20}, {None: 5}, {}],
    ids=["one class", "one image", "one image in a class", "no labels", "no images"],
)
def test_awkward_datasets_keep_their_metrics_and_tables(tmp_path: Path, counts: dict) -> None:
    artifacts = run(dataset_of(tmp_path, counts))
    usual = run(dataset_of(tmp_path, {"dark": 15, "light": 15}))
    assert artifacts.metrics.keys() == usual.metrics.keys()
    for name, table in usual.tables.items():
        assert list(artifacts.tables[name].columns) == list(table.columns)
    assert artifacts.findings.empty
    is_judged = max(counts.values(), default=0) == 20
    assert bool(artifacts.unjudged) != is_judged
    assert artifacts.notes or not is_judged


def test_many_classes_with_odd_names_are_drawn_in_part(tmp_path: Path) -> None:
    artifacts = run(dataset_of(tmp_path, {f"$x_{i}$ {'long name ' * 4}": 10 for i in range(35)}))
    assert "35 classes" in artifacts.figures[-1].caption


def test_two_runs_give_the_same_tables(tmp_path: Path) -> None:
    dataset = dataset_of(tmp_path, {"dark": 15, "light": 15, "smooth": 15})
    a, b = (run(dataset, max_images=36).tables for _ in range(2))
    for name in a:
        pd.testing.assert_frame_equal(a[name], b[name])


def test_a_threshold_judges_what_was_measured_without_opening_a_picture(tmp_path: Path) -> None:
    dataset = dataset_of(tmp_path, {"dark": 150, "light": 150, "also dark": 150, "smooth": 12})
    features = measured(dataset)
    for path in dataset[0]["path"]:
        Path(path).unlink()
    for max_auroc, n_found in ((0.5, 0), (0.75, 1)):
        artifacts = judged(dataset, features, max_indistinguishable_auroc=max_auroc)
        assert len(artifacts.findings) == n_found
    left = judged(dataset, features, min_images=13).tables["separability"]["label"].tolist()
    assert left == ["dark", "light", "also dark"]

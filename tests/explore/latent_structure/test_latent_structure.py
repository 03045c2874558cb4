"""Purity and outliers, on points whose structure is known."""

import io

import numpy as np
import pandas as pd
import pytest

from analysis.contract import Artifacts
from analysis.explore.latent_layout.neighbours import find_neighbours
from analysis.explore.latent_layout.parameters import LatentLayoutParameters
from analysis.explore.latent_layout.stage import latent_layout
from analysis.explore.latent_structure.outliers import most_unusual, neighbourhood_similarity
from analysis.explore.latent_structure.parameters import LatentStructureParameters
from analysis.explore.latent_structure.purity import label_purity, mixed_with, purity_of_classes
from analysis.explore.latent_structure.stage import latent_structure
from analysis.explore.latent_structure.views import View
from analysis.explore.layouts import Layout

LAYOUT = {
    "n_neighbours": 10,
    "perplexity": 15,
    "max_fitted_images": 10_000,
    "n_components": 20,
    "max_component_images": 1000,
    "n_permutations": 19,
}
JUDGING = {
    "outlier_significance_level": 0.01,
    "max_unusual_shown": 8,
}
CENTRES = np.array([[60, 60, 60], [200, 60, 60], [60, 60, 200]])


def gaussian(n: int, d: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)


def dataset(
    n_per_class: int = 40, n_classes: int = 3
) -> tuple[pd.DataFrame, pd.DataFrame, np.ndarray, np.ndarray]:
    """Manifest, scan, thumbnails and embeddings of classes that differ in colour and direction."""
    rng = np.random.default_rng(0)
    n = n_per_class * n_classes
    codes = np.arange(n) % n_classes
    thumbnails = np.clip(CENTRES[codes][:, None, None] + 30 * rng.normal(size=(n, 32, 32, 3)), 0, 255).astype(
        np.uint8
    )
    embeddings = np.eye(8)[codes] + 0.15 * rng.normal(size=(n, 8))
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    names = [f"class ${i}_x" for i in range(n_classes)]
    manifest = pd.DataFrame(
        {
            "item_id": np.arange(n),
            "path": [f"{i}.png" for i in range(n)],
            "label": pd.Categorical.from_codes(codes, names),
            "split": pd.Categorical(["train"] * n),
        }
    )
    side = pd.array([64] * n, dtype="Int32")
    scan = pd.DataFrame({"item_id": np.arange(n), "status": "ok", "width_px": side, "height_px": side})
    return manifest, scan, thumbnails, embeddings.astype(np.float32)


def laid_out(*tables: object, **changes: object) -> dict[str, pd.DataFrame]:
    parameters = LatentLayoutParameters.model_validate(LAYOUT | changes)
    return dict(latent_layout(*tables, parameters=parameters, seed=0).tables)


def analyse(
    manifest: pd.DataFrame,
    scan: pd.DataFrame,
    thumbnails: np.ndarray,
    embeddings: np.ndarray,
    **changes: object,
) -> Artifacts:
    layout = laid_out(scan, thumbnails, embeddings, **changes)
    parameters = LatentStructureParameters.model_validate(JUDGING)
    artifacts = latent_structure(manifest, scan, thumbnails, **layout, parameters=parameters)
    for figure in artifacts.figures:  # drawn to the end, as the runner does
        figure.drawing.savefig(io.BytesIO(), format="png", dpi=30)
    return artifacts


# ---- neighbours ------------------------------------------------------------------------------------------


def test_label_purity_leaves_unlabelled_images_out() -> None:
    codes = np.array([0, 0, 1, -1])
    neighbours = np.array([[1, 2], [0, 3], [3, 3], [0, 1]])
    assert label_purity(codes, neighbours) == pytest.approx([0.5, 1.0, np.nan, np.nan], nan_ok=True)


def test_purity_of_classes_by_hand() -> None:
    table = purity_of_classes(np.array([0, 0, 2, -1]), np.array([0.5, 1.0, 0.0, np.nan]), 3)
    assert table["n_items"].tolist() == [2, 0, 1]
    assert table["purity"].tolist() == pytest.approx([0.75, np.nan, 0.0], nan_ok=True)
    assert (table["purity_low"][0], table["purity_high"][0]) == pytest.approx((0.1979, 0.9733), abs=1e-3)


def test_mixed_with_names_the_other_class_most_often_near() -> None:
    codes = np.array([0, 1, 2, 2])
    neighbours = np.array([[1, 2, 3], [1, 1, 1], [0, 1, 3], [0, 0, 2]])
    assert mixed_with(codes, neighbours, 3).tolist() == [2, -1, 0]


# ---- outliers --------------------------------------------------------------------------------------------


def directions(n: int, d: int, spread: float, seed: int = 0) -> np.ndarray:
    """Unit vectors about one direction."""
    points = np.eye(1, d) + spread * gaussian(n, d, seed) / np.sqrt(d)
    return (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32)


def outliers_of(points: np.ndarray, codes: np.ndarray | None = None) -> set[int]:
    own_places = np.arange(len(points))
    distances, neighbours = find_neighbours(points, points, 15, own_places=own_places)
    layout = Layout(points[:, :2], own_places >= 0, distances, neighbours, neighbours)
    codes = np.zeros(len(points), int) if codes is None else codes
    views = {"embeddings": View(own_places, layout, codes, np.zeros(len(points)), np.zeros(len(points)))}
    found = most_unusual(views, significance_level=0.01)
    return set(found.loc[found["is_outlier"], "item_id"])


def test_similarity_is_the_cosine_to_the_neighbour_that_half_the_class_reaches() -> None:
    points = directions(60, 5, 1.0)
    codes = np.r_[np.zeros(4, int), np.ones(40, int), np.full(16, -1)]
    distances, _ = find_neighbours(points, points, 15, own_places=np.arange(60))
    cosines = np.sort(points @ points.T, axis=1)[:, ::-1][:, 1:]  # the first is itself
    expected = np.r_[cosines[:4, 1], cosines[4:, 14]]
    assert neighbourhood_similarity(distances, codes) == pytest.approx(np.maximum(expected, 0.01), abs=1e-5)


@pytest.mark.parametrize("n_of_a_kind", [1, 12])
def test_strangers_are_found_and_nothing_else_though_some_are_of_one_kind(n_of_a_kind: int) -> None:
    points = directions(1000, 64, 0.6)
    points[:n_of_a_kind] = np.roll(directions(n_of_a_kind, 64, 0.1, seed=1), 9, axis=1)
    assert outliers_of(points) == set(range(n_of_a_kind))


def test_a_rare_class_that_keeps_together_is_no_stranger() -> None:
    points = directions(1000, 64, 0.6)
    points[:12] = np.roll(directions(12, 64, 0.5, seed=1), 9, axis=1)
    assert outliers_of(points) == set(range(12))
    assert not outliers_of(points, np.r_[np.ones(12, int), np.zeros(988, int)])


@pytest.mark.parametrize("d", [16, 64, 256])
@pytest.mark.parametrize("spread", [0.3, 1.0, 3.0])
def test_one_cloud_of_directions_raises_nothing(d: int, spread: float) -> None:
    assert not any(outliers_of(directions(2000, d, spread, seed)) for seed in range(3))


def test_copies_of_one_image_are_no_outliers() -> None:
    assert not outliers_of(np.ones((100, 4), np.float32) / 2)


# ---- the stage -------------------------------------------------------------------------------------------


def test_clean_dataset_is_pure_and_raises_nothing() -> None:
    artifacts = analyse(*dataset())
    assert len(artifacts.findings) == 0
    assert artifacts.notes == []
    assert artifacts.metrics["label_purity_embeddings"] == 1
    assert artifacts.metrics["label_purity_by_chance"] == pytest.approx(39 / 119)
    table = artifacts.tables["class_purity"]
    assert table["label"].tolist() == ["class $0_x", "class $1_x", "class $2_x"]
    assert table["mixed_with"].tolist() == ["", "", ""]
    assert [figure.name for figure in artifacts.figures] == [
        "maps",
        "local_purity",
        "class_purity",
        "components",
        "component_pictures",
        "unusual",
    ]


def test_stage_reports_the_image_that_does_not_belong() -> None:
    manifest, scan, thumbnails, embeddings = dataset()
    embeddings[5] = -embeddings[5]
    findings = analyse(manifest, scan, thumbnails, embeddings).findings
    assert findings["item_id"].tolist() == [5]
    assert findings["score"].between(0.5, 1).all()
    assert findings["detail"].str.contains("less similar to it than usual").all()


def test_unread_images_keep_their_row_without_a_place() -> None:
    manifest, scan, thumbnails, embeddings = dataset()
    scan.loc[[3, 8], "status"] = "unreadable"
    embeddings[[3, 8]] = np.nan
    artifacts = analyse(manifest, scan, thumbnails, embeddings)
    table = artifacts.tables["map"]
    assert len(table) == 120
    assert table.index[table["embeddings_x"].isna()].tolist() == [3, 8]
    assert table.index[table["thumbnails_y"].isna()].tolist() == [3, 8]
    assert artifacts.metrics["n_not_decoded"] == 2
    assert artifacts.tables["class_purity"]["n_items"].sum() == 118


def test_permuting_classes_permutes_rows_and_changes_no_number() -> None:
    manifest, *rest = dataset()
    renamed = manifest.assign(
        label=manifest["label"].cat.reorder_categories(manifest["label"].cat.categories[::-1])
    )
    first, second = analyse(manifest, *rest), analyse(renamed, *rest)
    pd.testing.assert_frame_equal(
        first.tables["class_purity"], second.tables["class_purity"][::-1].reset_index(drop=True)
    )


def test_sample_that_was_fitted_is_told() -> None:
    artifacts = analyse(*dataset(60), max_fitted_images=100)
    assert artifacts.metrics["n_fitted_embeddings"] == 100
    assert any("100 (a random sample) were fitted" in note for note in artifacts.notes)


def test_one_class_is_mapped_and_noted() -> None:
    artifacts = analyse(*dataset(30, n_classes=1))
    assert any("Fewer than two classes" in note for note in artifacts.notes)
    assert artifacts.metrics["label_purity_embeddings"] == 1


def test_blank_labels_are_mapped_but_count_in_no_purity() -> None:
    manifest, *rest = dataset()
    manifest["label"] = pd.Categorical([None] * len(manifest))
    artifacts = analyse(manifest, *rest)
    assert artifacts.tables["map"]["embeddings_x"].notna().all()
    assert artifacts.tables["class_purity"].empty
    assert np.isnan(artifacts.metrics["label_purity_embeddings"])
    assert any("blank label" in note for note in artifacts.notes)


@pytest.mark.parametrize("awkward", ["few", "none", "unreadable", "alike", "not embedded"])
def test_where_there_is_too_little_to_map_the_stage_says_so(awkward: str) -> None:
    manifest, scan, thumbnails, embeddings = dataset()
    n = {"few": 9, "none": 0}.get(awkward, len(manifest))
    manifest, scan, thumbnails, embeddings = (part[:n] for part in (manifest, scan, thumbnails, embeddings))
    if awkward == "unreadable":
        scan = scan.assign(status="unreadable")
        embeddings = np.full((n, 1), np.nan, np.float32)
    if awkward == "alike":
        thumbnails, embeddings = np.full_like(thumbnails, 7), np.ones_like(embeddings)
    if awkward == "not embedded":
        embeddings = np.full((n, 1), np.nan, np.float32)
    artifacts = analyse(manifest, scan, thumbnails, embeddings)
    assert len(artifacts.findings) == 0
    assert len(artifacts.tables["map"]) == n
    assert any("Nothing is said of embeddings" in note for note in artifacts.notes)
    assert np.isnan(artifacts.metrics["trustworthiness_embeddings"])
    has_thumbnails = awkward == "not embedded"
    assert bool(artifacts.unjudged) != has_thumbnails
    assert np.isfinite(artifacts.metrics["trustworthiness_thumbnails"]) == has_thumbnails


def test_hundred_classes_can_be_drawn() -> None:
    manifest, scan, thumbnails, embeddings = dataset()
    labels = [f"kind {i % 100}" for i in range(120)]
    artifacts = analyse(manifest.assign(label=pd.Categorical(labels)), scan, thumbnails, embeddings)
    assert "Named are 30 of 100 classes" in artifacts.figures[0].caption


@pytest.mark.parametrize(("level", "outliers"), [(0.01, [5]), (1e-300, [])])
def test_a_threshold_judges_what_was_measured_before(level: float, outliers: list[int]) -> None:
    """Neither embeddings nor the search for neighbours come in again, nor, but to be shown, the pictures."""
    manifest, scan, thumbnails, embeddings = dataset()
    embeddings[5] = -embeddings[5]
    layout = laid_out(scan, thumbnails, embeddings)
    parameters = LatentStructureParameters.model_validate(JUDGING | {"outlier_significance_level": level})
    blank = np.zeros_like(thumbnails)
    artifacts = latent_structure(manifest, scan, blank, **layout, parameters=parameters)
    assert artifacts.findings["item_id"].tolist() == outliers

"""Components, neighbours, maps and outliers, against scikit-learn and on points whose structure is known."""

import io

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import cdist
from sklearn.decomposition import PCA
from sklearn.manifold import trustworthiness
from sklearn.neighbors import LocalOutlierFactor, NearestNeighbors

from analysis.contract import Artifacts
from analysis.explore.latent_structure.components import as_vectors, fit_components, fit_pixels
from analysis.explore.latent_structure.layout import lay_out, map_quality
from analysis.explore.latent_structure.neighbours import (
    find_neighbours,
    kept_fraction,
    label_purity,
    mixed_with,
    purity_of_classes,
)
from analysis.explore.latent_structure.outliers import local_outlier_factor, measure_outliers, most_unusual
from analysis.explore.latent_structure.parameters import LatentStructureParameters
from analysis.explore.latent_structure.stage import latent_structure

SETTINGS = {
    "n_neighbours": 10,
    "perplexity": 15,
    "max_fitted_images": 10_000,
    "n_components": 20,
    "max_component_images": 1000,
    "n_permutations": 19,
    "outlier_significance_level": 0.01,
    "min_outlier_factor": 1.5,
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


def analyse(*tables: object, **changes: object) -> Artifacts:
    parameters = LatentStructureParameters.model_validate(SETTINGS | changes)
    artifacts = latent_structure(*tables, parameters=parameters, seed=0)
    for figure in artifacts.figures:  # drawn to the end, as the runner does
        figure.drawing.savefig(io.BytesIO(), format="png", dpi=30)
    return artifacts


# ---- components ------------------------------------------------------------------------------------------


def test_components_are_those_of_scikit_learn() -> None:
    values = gaussian(200, 12) @ gaussian(12, 12, seed=1)
    fitted = fit_components(values, n_components=5, n_permutations=19, seed=0)
    reference = PCA(n_components=5).fit(values)
    assert fitted.shares == pytest.approx(reference.explained_variance_ratio_, rel=1e-3)
    assert np.abs(fitted.scores(values)) == pytest.approx(np.abs(reference.transform(values)), abs=0.02)


def test_parallel_analysis_counts_planted_directions() -> None:
    planted = 3 * gaussian(500, 4) @ np.linalg.qr(gaussian(30, 4, seed=2))[0].T
    fitted = fit_components(planted + gaussian(500, 30, seed=1), n_components=10, n_permutations=49, seed=0)
    assert fitted.n_above_chance == 4


def test_parallel_analysis_finds_next_to_nothing_in_noise() -> None:
    counts = [
        fit_components(gaussian(300, 20, seed), n_components=5, n_permutations=19, seed=seed).n_above_chance
        for seed in range(20)
    ]
    assert np.mean([count > 0 for count in counts]) <= 0.2  # 5% asked, of 20 trials


def test_upscaled_grey_images_are_compared_at_their_own_size() -> None:
    small = np.random.default_rng(0).integers(0, 256, (50, 8, 8, 1)).astype(np.uint8)
    thumbnails = np.broadcast_to(small.repeat(4, axis=1).repeat(4, axis=2), (50, 32, 32, 3))
    scan = pd.DataFrame({"width_px": [8] * 50, "height_px": [9] * 50})
    options = {"max_images": 50, "n_components": 5, "n_permutations": 19, "seed": 0}
    pixels = fit_pixels(thumbnails, scan, np.arange(50), **options)
    assert (pixels.side, pixels.n_channels) == (8, 1)
    assert (as_vectors(thumbnails, 8, 1) * 255).round() == pytest.approx(small.reshape(50, 64))
    assert pixels.pictures(as_vectors(thumbnails, 8, 1))[..., 2] == pytest.approx(small[..., 0])


# ---- neighbours ------------------------------------------------------------------------------------------


def test_neighbours_are_those_of_scikit_learn() -> None:
    points = gaussian(300, 6)
    distances, places = find_neighbours(points, points, 7, own_places=np.arange(300))
    expected = NearestNeighbors(n_neighbors=7).fit(points).kneighbors()
    assert distances == pytest.approx(expected[0], abs=1e-3)
    assert (places == expected[1]).mean() > 0.999  # but for ties in single precision


def test_no_image_is_its_own_neighbour_even_among_copies() -> None:
    points = np.repeat(gaussian(3, 4), 20, axis=0)
    _, places = find_neighbours(points, points, 5, own_places=np.arange(60))
    assert not (places == np.arange(60)[:, None]).any()


def test_kept_fraction_by_hand() -> None:
    kept = kept_fraction(np.array([[1, 2, 3, 4], [0, 2, 5, 6]]), np.array([[4, 9, 1, 8], [7, 8, 9, 1]]))
    assert kept.tolist() == [0.5, 0.0]


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


# ---- maps ------------------------------------------------------------------------------------------------


def two_clouds(n: int) -> np.ndarray:
    return np.concatenate([gaussian(n // 2, 10), gaussian(n - n // 2, 10, seed=1) + 12])


def place(features: np.ndarray, **changes: object) -> object:
    options = {"perplexity": 10, "n_neighbours": 8, "max_fitted_images": 10_000, "seed": 0, "name": "test"}
    return lay_out(features, **options | changes)


def test_map_keeps_clouds_apart_and_is_the_same_again() -> None:
    features = two_clouds(120)
    layout, again = place(features), place(features)
    first, second = layout.positions[:60], layout.positions[60:]
    assert cdist(first, second).min() > 2 * np.median(
        NearestNeighbors(n_neighbors=1).fit(first).kneighbors()[0]
    )
    assert layout.positions.tobytes() == again.positions.tobytes()


def test_images_that_were_not_fitted_are_placed_beside_their_likes() -> None:
    features = two_clouds(200)
    layout = place(features, max_fitted_images=100)
    assert layout.is_fitted.sum() == 100
    assert layout.is_fitted[layout.neighbours].all()
    cloud = np.arange(200) >= 100
    assert (cloud[layout.neighbours] == cloud[:, None]).all()
    assert (cloud[layout.map_neighbours] == cloud[:, None]).all()


def test_map_quality_is_that_of_scikit_learn() -> None:
    features = two_clouds(150)
    layout = place(features)
    quality = map_quality(features, layout, seed=0)
    expected = trustworthiness(features, layout.positions, n_neighbors=8)
    assert quality["trustworthiness"] == pytest.approx(expected)
    assert quality["n_sampled"] == 150
    assert 0.2 < quality["neighbours_kept_fraction"] < 1


# ---- outliers --------------------------------------------------------------------------------------------


def unusual_of(points: np.ndarray) -> pd.DataFrame:
    distances, places = find_neighbours(points, points, 15, own_places=np.arange(len(points)))
    measured = {"embeddings": (np.arange(len(points)), distances, places)}
    return most_unusual(measure_outliers(measured), significance_level=0.01, min_factor=1.5)


def test_local_outlier_factor_is_that_of_scikit_learn() -> None:
    points = gaussian(400, 5)
    distances, places = find_neighbours(points, points, 15, own_places=np.arange(400))
    expected = -LocalOutlierFactor(n_neighbors=15).fit(points).negative_outlier_factor_
    assert local_outlier_factor(distances, places) == pytest.approx(expected, rel=1e-3)


def test_planted_outliers_are_found_and_nothing_else() -> None:
    points = gaussian(1000, 20)
    points[[7, 500]] *= 5
    found = unusual_of(points)
    assert set(found.loc[found["is_outlier"], "item_id"]) == {7, 500}


@pytest.mark.parametrize("d", [5, 20, 100])
def test_clean_gaussian_raises_nothing(d: int) -> None:
    assert not any(unusual_of(gaussian(2000, d, seed))["is_outlier"].any() for seed in range(5))


def test_copies_of_one_image_are_no_outliers() -> None:
    assert not unusual_of(np.ones((100, 4), np.float32))["is_outlier"].any()


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
    assert findings["detail"].str.startswith("embeddings: ").all()


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
    manifest["label"] = pd.Series([None] * len(manifest), dtype=object)
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
    assert np.isfinite(artifacts.metrics["trustworthiness_thumbnails"]) == has_thumbnails


def test_hundred_classes_can_be_drawn() -> None:
    manifest, scan, thumbnails, embeddings = dataset()
    labels = [f"kind {i % 100}" for i in range(120)]
    artifacts = analyse(manifest.assign(label=pd.Categorical(labels)), scan, thumbnails, embeddings)
    assert "Named are 30 of 100 classes" in artifacts.figures[0].caption

"""Components, neighbours and maps, against scikit-learn and on points whose structure is known."""

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import cdist
from sklearn.decomposition import PCA
from sklearn.manifold import trustworthiness
from sklearn.neighbors import NearestNeighbors

from analysis.explore.latent_layout.components import fit_components, fit_pixels
from analysis.explore.latent_layout.layout import lay_out, map_quality
from analysis.explore.latent_layout.neighbours import find_neighbours, kept_fraction
from analysis.explore.layouts import Layout, layouts_in, tabulate_layouts
from analysis.explore.pixel_components import as_vectors, pixels_in, tabulate_pixels


def gaussian(n: int, d: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)


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


# ---- tables ----------------------------------------------------------------------------------------------


def test_what_is_written_is_read_again_to_the_bit(tmp_path) -> None:
    clouds = {"embeddings": two_clouds(40), "thumbnails": two_clouds(30)}
    placed = {name: (np.arange(len(points)) + 5, place(points)) for name, points in clouds.items()}
    file = tmp_path / "layouts.parquet"
    tabulate_layouts(placed).to_parquet(file)
    read = layouts_in(pd.read_parquet(file))
    assert list(read) == ["embeddings", "thumbnails"]
    for name, (item_ids, layout) in placed.items():
        assert read[name][0].tolist() == item_ids.tolist()
        for part in Layout.__dataclass_fields__:
            here, there = getattr(layout, part), getattr(read[name][1], part)
            assert (here.dtype, here.tobytes()) == (there.dtype, np.ascontiguousarray(there).tobytes())


def test_components_that_are_written_are_read_again_to_the_bit(tmp_path) -> None:
    thumbnails = np.random.default_rng(0).integers(0, 256, (50, 32, 32, 3)).astype(np.uint8)
    scan = pd.DataFrame({"width_px": [32] * 50, "height_px": [32] * 50})
    options = {"max_images": 50, "n_components": 5, "n_permutations": 19, "seed": 0}
    pixels = fit_pixels(thumbnails, scan, np.arange(50), **options)
    tabulate_pixels(pixels).to_parquet(tmp_path / "pixels.parquet")
    read = pixels_in(pd.read_parquet(tmp_path / "pixels.parquet"))
    assert (read.side, read.n_channels) == (pixels.side, pixels.n_channels)
    for part, value in vars(pixels.components).items():
        assert np.asarray(getattr(read.components, part)).tobytes() == np.asarray(value).tobytes()


def test_nothing_to_tell_is_read_as_that(tmp_path) -> None:
    for name, table in (("layouts", tabulate_layouts({})), ("pixels", tabulate_pixels(None))):
        table.to_parquet(tmp_path / f"{name}.parquet")
    assert layouts_in(pd.read_parquet(tmp_path / "layouts.parquet")) == {}
    assert pixels_in(pd.read_parquet(tmp_path / "pixels.parquet")) is None

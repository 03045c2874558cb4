"""Unit vectors without labels: alike images are near, and what cannot be described stays a row."""

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torchvision.models import resnet18

from analysis.contract import Artifacts, InputError
from analysis.obtain.embed.comparison import comparable_sample, compare_features
from analysis.obtain.embed.notes import comparison_note
from analysis.obtain.embed.parameters import EmbedParameters
from analysis.obtain.embed.patch_features import PATCH_PX, learn_dictionary, normalised_patches
from analysis.obtain.embed.projection import fit_projection
from analysis.obtain.embed.stage import embed
from models.networks.backbones import pretrained_backbone, suited_px

SETTINGS = {
    "backbone": "patches",
    "n_filters": 16,
    "n_dimensions": 8,
    "max_fitting_images": 1000,
    "input_px": 32,
    "batch_images": 4,
    "device": "cpu",
}


def striped(n: int, *, horizontal: bool, rng: np.random.Generator) -> np.ndarray:
    """uint8 (n, 32, 32, 3): stripes of random phase, colour and noise."""
    phase = rng.integers(0, 8, (n, 1, 1))
    wave = ((np.arange(32) + phase) // 4 % 2).astype(float)  # (n, 1, 32)
    wave = np.broadcast_to(wave.transpose(0, 2, 1) if horizontal else wave, (n, 32, 32))
    colour = rng.uniform(0.5, 1, (n, 1, 1, 3))
    pixels = 200 * wave[..., None] * colour + rng.uniform(0, 40, (n, 32, 32, 3))
    return pixels.astype(np.uint8)


def tables_of(thumbnails: np.ndarray, status: list[str] | None = None) -> tuple[pd.DataFrame, pd.DataFrame]:
    n = len(thumbnails)
    status = status or ["ok"] * n
    manifest = pd.DataFrame(
        {
            "item_id": np.arange(n),
            "path": [f"{i}.png" for i in range(n)],
            "label": pd.Categorical([None] * n, categories=["a"]),
            "split": pd.Categorical(["train"] * n, categories=["train"]),
            "status": "ok",
        }
    )
    return manifest, pd.DataFrame(
        {"item_id": np.arange(n), "status": status, "value_range": None, "width_px": 32, "height_px": 32}
    )


def embedded(thumbnails: np.ndarray, status: list[str] | None = None, **changes: object) -> Artifacts:
    parameters = EmbedParameters.model_validate(SETTINGS | changes)
    artifacts = embed(*tables_of(thumbnails, status), thumbnails, parameters=parameters, seed=0)
    for figure in artifacts.figures:
        figure.drawing.savefig(io.BytesIO(), format="png", dpi=40)
    return artifacts


@pytest.fixture(scope="module")
def stripes() -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.concatenate([striped(20, horizontal=h, rng=rng) for h in (True, False)])


def test_alike_images_are_nearest_whatever_their_colour_and_phase(stripes: np.ndarray) -> None:
    embeddings = embedded(stripes).tables["embeddings"]
    similarity = embeddings @ embeddings.T
    np.fill_diagonal(similarity, -1)
    is_horizontal = np.arange(40) < 20
    assert (is_horizontal[similarity.argmax(axis=1)] == is_horizontal).all()


def test_rows_are_unit_vectors_and_missing_where_there_is_no_picture(stripes: np.ndarray) -> None:
    status = ["ok"] * 38 + ["unreadable", "truncated"]
    artifacts = embedded(stripes, status)
    embeddings = artifacts.tables["embeddings"]
    assert (embeddings.dtype, embeddings.shape) == (np.float32, (40, 8))
    assert np.isnan(embeddings).all(axis=1).tolist() == [False] * 38 + [True, False]
    assert np.linalg.norm(np.delete(embeddings, 38, axis=0), axis=1) == pytest.approx(1, abs=1e-5)
    assert artifacts.metrics["n_embedded"] == 39
    assert any("1 images could not be decoded" in note for note in artifacts.notes)


def test_an_unreadable_row_changes_nothing_for_the_others(stripes: np.ndarray) -> None:
    whole = embedded(stripes).tables["embeddings"]
    blank = np.zeros((1, 32, 32, 3), np.uint8)
    more = embedded(np.concatenate([stripes, blank]), ["ok"] * 40 + ["missing"]).tables["embeddings"]
    np.testing.assert_array_equal(more[:40], whole)


def test_two_runs_give_the_same_bytes(stripes: np.ndarray) -> None:
    first, second = (embedded(stripes).tables["embeddings"] for _ in range(2))
    assert first.tobytes() == second.tobytes()


def test_a_sample_to_learn_from_is_stated(stripes: np.ndarray) -> None:
    artifacts = embedded(stripes, max_fitting_images=10)
    assert artifacts.metrics["n_fitted"] == 10
    assert any("random sample of 10 images" in note for note in artifacts.notes)


@pytest.mark.parametrize("n", [1, 2, 5])
def test_identical_and_constant_images_have_finite_unit_vectors(n: int) -> None:
    embeddings = embedded(np.full((n, 32, 32, 3), 7, np.uint8)).tables["embeddings"]
    assert np.linalg.norm(embeddings, axis=1) == pytest.approx(1)
    assert (embeddings == embeddings[0]).all()


@pytest.mark.parametrize("n", [0, 3])
def test_nothing_decoded_leaves_rows_without_values(n: int) -> None:
    artifacts = embedded(np.zeros((n, 32, 32, 3), np.uint8), ["unreadable"] * n)
    assert np.isnan(artifacts.tables["embeddings"]).all()
    assert len(artifacts.tables["embeddings"]) == n
    assert artifacts.metrics.keys() == embedded(np.zeros((1, 32, 32, 3), np.uint8)).metrics.keys()
    assert artifacts.notes


def test_patches_are_normalised_as_written_out_by_hand() -> None:
    rng = np.random.default_rng(1)
    image = rng.integers(0, 256, (1, 8, 8, 3), dtype=np.uint8)
    patches = normalised_patches(torch.from_numpy(image), stride_px=2)
    assert patches.shape == (1, 4, 3 * PATCH_PX**2)
    window = image[0, 2:8, 0:6].astype(float)  # third of the four places, row by row
    expected = (window - window.mean()) / np.sqrt(window.var() + 10)
    np.testing.assert_allclose(patches[0, 2], expected.transpose(2, 0, 1).ravel(), rtol=1e-5, atol=1e-6)


def test_dictionary_has_unit_atoms_and_sees_no_brightness(stripes: np.ndarray) -> None:
    generator = torch.Generator().manual_seed(0)
    dictionary = learn_dictionary(torch.from_numpy(stripes), n_filters=16, generator=generator)
    assert torch.linalg.vector_norm(dictionary.atoms.flatten(1), dim=1).numpy() == pytest.approx(1, abs=1e-5)
    responses = [
        normalised_patches(torch.from_numpy(images), stride_px=2) @ dictionary.filters
        for images in (stripes[:1] // 2, stripes[:1] // 2 + 100)
    ]
    torch.testing.assert_close(*responses, atol=1e-3, rtol=1e-3)


def test_projection_keeps_the_variance_that_principal_components_keep() -> None:
    from sklearn.decomposition import PCA

    features = np.random.default_rng(0).normal(size=(60, 12)) * np.geomspace(10, 0.1, 12)
    projection = fit_projection(torch.from_numpy(features).float(), n_dimensions=4, seed=0)
    reference = PCA(4, svd_solver="full").fit(features)
    assert projection.explained_variance_fraction == pytest.approx(
        reference.explained_variance_ratio_.sum(), rel=1e-4
    )
    # half whitened: a component's standard deviation is the root of what it was
    spread = ((torch.from_numpy(features).float() - projection.mean) @ projection.axes).std(dim=0)
    np.testing.assert_allclose(spread, reference.explained_variance_**0.25, rtol=0.02)


@pytest.fixture
def weights_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """torch's cache, empty; the hub cannot be reached."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "_hub_dir", None)

    def unreachable(*_: object, **__: object) -> None:
        raise OSError("no network")

    monkeypatch.setattr("torch.hub.download_url_to_file", unreachable)
    return tmp_path / "hub" / "checkpoints"


def test_weights_that_cannot_be_had_are_an_input_error(weights_folder: Path, stripes: np.ndarray) -> None:
    with pytest.raises(InputError, match=r"'resnet34', but torchvision's weights of.*efficientnet_lite0"):
        embedded(stripes, backbone="resnet34")


def test_a_resnets_features_are_its_penultimate_ones(weights_folder: Path) -> None:
    torch.manual_seed(0)
    network = resnet18().eval()
    weights_folder.mkdir(parents=True)
    torch.save(network.state_dict(), weights_folder / "resnet18-f37072fd.pth")
    backbone = pretrained_backbone("resnet18")
    grey = torch.full((1, 3, 32, 32), 0.3)
    network.fc = torch.nn.Identity()
    with torch.inference_mode():
        torch.testing.assert_close(backbone.features(grey), [network(grey)])
    content = (weights_folder / "resnet18-f37072fd.pth").read_bytes()
    assert backbone.weights.n_bytes == len(content)


@pytest.fixture
def colours(make_dataset) -> tuple[pd.DataFrame, pd.DataFrame, np.ndarray]:
    """Images of one grey each, dark of class a and light of class b, and one that cannot be read."""
    greys = [*range(20, 60, 4), *range(160, 200, 4)]
    rows = [("a" if grey < 100 else "b", "train", grey) for grey in greys]
    manifest, scan = make_dataset([*rows, ("b", "test", None)])
    thumbnails = np.array([*greys, 0], dtype=np.uint8)[:, None, None, None] * np.ones(
        (1, 32, 32, 3), np.uint8
    )
    return manifest, scan, thumbnails


def by_lite0(dataset: tuple, **changes: object) -> Artifacts:
    settings = SETTINGS | {"backbone": "efficientnet_lite0", "input_px": "auto"} | changes
    manifest, scan, thumbnails = dataset
    return embed(manifest, scan, thumbnails, parameters=EmbedParameters.model_validate(settings), seed=0)


def test_packaged_network_describes_images_without_a_network(weights_folder: Path, colours: tuple) -> None:
    artifacts = by_lite0(colours)
    embeddings = artifacts.tables["embeddings"]
    assert np.isnan(embeddings[-1]).all()
    similarity = embeddings[:-1] @ embeddings[:-1].T
    np.fill_diagonal(similarity, -1)
    is_dark = np.arange(20) < 10
    assert (is_dark[similarity.argmax(axis=1)] == is_dark).mean() >= 0.9
    assert artifacts.metrics["input_px"] == 96  # of 8 px
    assert artifacts.metrics["weights_sha256"].startswith("579344248a93")
    assert artifacts.metrics["weights_bytes"] == 18_826_032


def test_batches_and_images_beside_it_change_nothing_of_a_description(colours: tuple) -> None:
    one, four = (by_lite0(colours, batch_images=n, input_px=64).tables["embeddings"] for n in (1, 4))
    np.testing.assert_allclose(one, four, atol=1e-4)


def test_images_beyond_the_sample_are_described_as_those_in_it(colours: tuple) -> None:
    """Two images of one picture, of which at most one is in the sample, have one embedding."""
    manifest, scan, thumbnails = (
        part[[*range(21), *range(20)]]
        if isinstance(part, np.ndarray)
        else pd.concat([part, part.head(20)], ignore_index=True)
        for part in colours
    )
    manifest["item_id"] = scan["item_id"] = np.arange(41)
    embeddings = by_lite0((manifest, scan, thumbnails), max_fitting_images=9, input_px=64).tables[
        "embeddings"
    ]
    np.testing.assert_allclose(embeddings[:20], embeddings[21:], atol=1e-5)


def test_each_depth_counts_alike_however_large_its_numbers() -> None:
    rng = np.random.default_rng(0)
    small, large = rng.normal(size=(200, 3)), 1000 * rng.normal(size=(200, 5))
    features = torch.from_numpy(np.hstack([small, large])).float()
    projection = fit_projection(features, n_dimensions=8, seed=0, depths=[3, 5])
    rescaled = fit_projection(
        features * torch.tensor([7.0] * 3 + [0.01] * 5), n_dimensions=8, seed=0, depths=[3, 5]
    )
    similarity = projection(features) @ projection(features).T
    other = rescaled(features * torch.tensor([7.0] * 3 + [0.01] * 5))
    torch.testing.assert_close(similarity, other @ other.T, atol=1e-3, rtol=0)
    # 1,000 of 3 directions and of 5: had each not the same variance, the first three would hardly count
    centred = (features - projection.mean) * torch.from_numpy(
        np.r_[[1 / small.std(axis=0).mean()] * 3, [1 / large.std(axis=0).mean()] * 5]
    )
    assert 0.2 < float(centred[:, :3].square().sum() / centred.square().sum()) < 0.5
    assert projection.explained_variance_fraction == pytest.approx(1, abs=1e-4)


def test_few_images_are_looked_at_larger() -> None:
    found = [suited_px(n, 500) for n in (10, 1_000, 1_360, 3_001, 10_000, 60_000)]
    assert found == [224, 224, 160, 128, 128, 96]


def test_small_images_are_not_blown_up() -> None:
    assert [suited_px(10, side) for side in (8, 28, 32, 40, 56, 400)] == [96, 96, 128, 160, 224, 224]


def test_features_that_tell_classes_apart_come_first() -> None:
    rng = np.random.default_rng(0)
    codes = np.repeat([0, 1, 2], 40)
    telling = np.eye(3)[codes] + rng.normal(scale=0.1, size=(120, 3))
    compared = compare_features({"noise": rng.normal(size=(120, 3)), "telling": telling}, codes, seed=0)
    assert compared["features"].tolist() == ["telling", "noise"]
    assert compared["accuracy"].iloc[0] == 1
    assert compared["accuracy"].iloc[1] == pytest.approx(1 / 3, abs=0.15)
    assert compared["log_loss"].iloc[1] == pytest.approx(np.log(3), abs=0.1)
    assert "set embed.backbone to it" in comparison_note(compared, "noise")[0]
    assert "best" in comparison_note(compared, "telling")[0]


def test_classes_too_small_to_be_held_out_are_not_compared() -> None:
    images = pd.DataFrame({"class_index": [0] * 5 + [1] * 4 + [-1] * 3 + [2] * 6})
    assert comparable_sample(images, seed=0).tolist() == [0, 1, 2, 3, 4, *range(12, 18)]


def test_model_of_timm_is_read_from_the_hubs_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, colours: tuple
) -> None:
    import timm
    from huggingface_hub import constants
    from safetensors.torch import save_file

    name, commit = "test_resnet.r160_in1k", "0" * 39 + "1"
    network = timm.create_model(name, pretrained=False).eval()
    snapshot = tmp_path / f"models--timm--{name}" / "snapshots" / commit
    snapshot.mkdir(parents=True)
    save_file(network.state_dict(), snapshot / "model.safetensors")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("socket.socket.connect", lambda *_: pytest.fail("the network was asked"))
    backbone = pretrained_backbone(f"timm:{name}@{commit}")
    images = torch.rand(2, 3, 160, 160)
    with torch.inference_mode():
        theirs = network.forward_head(network.forward_features(images), pre_logits=True)
        torch.testing.assert_close(backbone.features(images), [theirs])
    assert by_lite0(colours, backbone=f"timm:{name}@{commit}").metrics["input_px"] == 160


def test_model_that_timm_does_not_have_is_an_input_error() -> None:
    with pytest.raises(InputError, match=r"timm has no model 'resnet18\.nonesuch'\. It has .*resnet18"):
        pretrained_backbone(f"timm:resnet18.nonesuch@{'0' * 40}")

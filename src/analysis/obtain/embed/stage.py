from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import torch

from analysis.contract import PATCHES, Artifacts, Figure
from analysis.dataset.input_size import LITE, median_side_px
from analysis.dataset.readable import readable_images
from analysis.obtain.embed.comparison import CAPTION, comparable_sample, compare_features
from analysis.obtain.embed.figures import plot_atoms, plot_neighbours
from analysis.obtain.embed.network_features import describe
from analysis.obtain.embed.notes import comparison_note, notes_on
from analysis.obtain.embed.parameters import EmbedParameters
from analysis.obtain.embed.patch_features import encode, learn_dictionary
from analysis.obtain.embed.projection import fit_projection
from analysis.progress import progress
from models.networks.backbones import TIMM, pretrained_backbone, suited_px
from models.training.devices import prepare_device

PART_IMAGES = 2_000  # encoded before they are projected: 26 MB of features at 400 filters
N_QUERIES = 6


def embed(
    manifest: pd.DataFrame,
    scan: pd.DataFrame,
    thumbnails: np.ndarray,
    *,
    parameters: EmbedParameters,
    seed: int,
) -> Artifacts:
    """Describe every decoded image by a unit vector; rows of `embeddings` are those of the manifest.

    Raises
    ------
    InputError
        If the backbone's weights cannot be had, or the device does not exist.
    """
    images = readable_images(manifest, scan)
    rows = images["item_id"].to_numpy()
    found = _described(parameters.backbone, images, scan, thumbnails, parameters, seed)
    embeddings = np.full((len(manifest), found.vectors.shape[1]), np.nan, dtype=np.float32)
    embeddings[rows] = found.vectors
    compared = _compared(found, images, scan, thumbnails, parameters, seed)
    shown = (
        [plot_neighbours(embeddings, thumbnails, rows, n_queries=N_QUERIES, seed=seed)] if len(rows) else []
    )
    size = f", {found.input_px} px" if found.input_px else ""
    return Artifacts(
        summary=f"{len(rows):,} images in {found.vectors.shape[1]} dimensions ({parameters.backbone}{size})"
        if len(rows)
        else "no image to embed",
        metrics={
            "n_embedded": len(rows),
            "n_not_decoded": len(manifest) - len(rows),
            "n_dimensions": found.vectors.shape[1],
            "n_fitted": found.n_fitted,
            "explained_variance_fraction": found.explained_variance_fraction,
            "input_px": found.input_px,
            "backbone": parameters.backbone,
            **found.weights,
        },
        tables={"embeddings": embeddings, "features": compared},
        captions={"features": CAPTION},
        figures=[*shown, *found.figures],
        notes=[
            *notes_on(len(manifest) - len(rows), len(rows), found.n_fitted, found.input_px),
            *comparison_note(compared, parameters.backbone),
        ],
    )


@dataclass(frozen=True)
class _Described:
    """Unit vectors (n, d), the images they were fitted on, the share of variance kept, and what made them."""

    vectors: np.ndarray
    n_fitted: int = 0
    explained_variance_fraction: float = float("nan")
    input_px: int = 0  # none: thumbnails are looked at
    weights: dict[str, str | int] = field(default_factory=lambda: {"weights_sha256": "", "weights_bytes": 0})
    figures: tuple[Figure, ...] = ()


def _described(
    backbone: str,
    images: pd.DataFrame,
    scan: pd.DataFrame,
    thumbnails: np.ndarray,
    parameters: EmbedParameters,
    seed: int,
) -> _Described:
    if images.empty:
        return _Described(np.empty((0, 1), dtype=np.float32))
    if backbone == PATCHES:
        return _by_patches(thumbnails, images["item_id"].to_numpy(), parameters, seed)
    return _by_network(backbone, images, scan, parameters, seed)


def _by_patches(
    thumbnails: np.ndarray, rows: np.ndarray, parameters: EmbedParameters, seed: int
) -> _Described:
    device = prepare_device(parameters.device)
    torch.set_num_threads(1)  # the sums of the dictionary's k-means would depend on their number
    rng = np.random.default_rng(seed)
    n_fitted = min(len(rows), parameters.max_fitting_images)
    fitted = np.sort(rng.choice(rows, n_fitted, replace=False))
    sample = thumbnails[fitted]
    dictionary = learn_dictionary(
        torch.from_numpy(sample).to(device),
        n_filters=parameters.n_filters,
        generator=torch.Generator().manual_seed(seed),
    )
    with progress(description="embed", unit="images", total=n_fitted + len(rows)) as bar:
        features = encode(sample, dictionary, bar=bar)
        projection = fit_projection(features, n_dimensions=parameters.n_dimensions, seed=seed)
        del features
        parts = [
            projection(encode(thumbnails[part], dictionary, bar=bar)).cpu().numpy() for part in _parts(rows)
        ]
    figure = plot_atoms(dictionary.atoms.cpu().numpy())
    return _Described(
        np.concatenate(parts), n_fitted, projection.explained_variance_fraction, figures=(figure,)
    )


def _parts(rows: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, len(rows), PART_IMAGES):
        yield rows[start : start + PART_IMAGES]


def _by_network(
    name: str, images: pd.DataFrame, scan: pd.DataFrame, parameters: EmbedParameters, seed: int
) -> _Described:
    device = prepare_device(parameters.device)
    wanted = None if parameters.input_px == "auto" else parameters.input_px
    backbone = pretrained_backbone(name, input_px=wanted)
    input_px = wanted or (
        backbone.own_px if name.startswith(TIMM) else suited_px(len(images), median_side_px(scan))
    )
    vectors, projection = describe(
        backbone,
        images,
        input_px=input_px,
        batch_images=parameters.batch_images,
        n_dimensions=parameters.n_dimensions,
        max_fitting_images=parameters.max_fitting_images,
        device=device,
        seed=seed,
    )
    n_fitted = min(len(images), parameters.max_fitting_images)
    explained = projection.explained_variance_fraction
    weights = {"weights_sha256": backbone.weights.sha256, "weights_bytes": backbone.weights.n_bytes}
    return _Described(vectors, n_fitted, explained, input_px, weights)


def _compared(
    found: _Described,
    images: pd.DataFrame,
    scan: pd.DataFrame,
    thumbnails: np.ndarray,
    parameters: EmbedParameters,
    seed: int,
) -> pd.DataFrame:
    """The features made beside those that could have been, on a sample of the labelled images."""
    places = comparable_sample(images, seed=seed)
    sample = images.iloc[places]
    if sample["class_index"].nunique() < 2:
        return compare_features({}, np.empty(0), seed=seed)
    features = {parameters.backbone: found.vectors[places]}
    for other in (LITE, PATCHES):  # which need no network
        if other not in features:
            features[other] = _described(other, sample, scan, thumbnails, parameters, seed).vectors
    return compare_features(features, sample["class_index"].to_numpy(), seed=seed)

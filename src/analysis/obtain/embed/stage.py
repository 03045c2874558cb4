from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import torch

from analysis.contract import Artifacts, Figure
from analysis.dataset.readable import is_readable, readable_images
from analysis.obtain.embed.figures import plot_atoms, plot_neighbours
from analysis.obtain.embed.parameters import EmbedParameters
from analysis.obtain.embed.patch_features import encode, fit_projection, learn_dictionary
from analysis.progress import progress
from models.networks.backbones import imagenet_backbone, penultimate_features
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
        If the backbone's ImageNet weights cannot be had, or the device does not exist.
    """
    rows = np.flatnonzero(is_readable(scan))
    if not len(rows):
        return _nothing_to_embed(len(manifest))
    if parameters.backbone == "patches":
        described, n_fitted, explained, figures = _by_patches(thumbnails, rows, parameters, seed)
    else:
        described = _by_network(manifest, scan, parameters)
        n_fitted, explained, figures = 0, float("nan"), []
    embeddings = np.full((len(manifest), described.shape[1]), np.nan, dtype=np.float32)
    embeddings[rows] = described
    return Artifacts(
        summary=f"{len(rows):,} images in {described.shape[1]} dimensions ({parameters.backbone})",
        metrics={
            "n_embedded": len(rows),
            "n_not_decoded": len(manifest) - len(rows),
            "n_dimensions": described.shape[1],
            "n_fitted": n_fitted,
            "explained_variance_fraction": explained,
        },
        tables={"embeddings": embeddings},
        figures=[plot_neighbours(embeddings, thumbnails, rows, n_queries=N_QUERIES, seed=seed), *figures],
        notes=_notes(len(manifest) - len(rows), len(rows), n_fitted),
    )


def _nothing_to_embed(n: int) -> Artifacts:
    return Artifacts(
        summary="no image to embed",
        metrics={
            "n_embedded": 0,
            "n_not_decoded": n,
            "n_dimensions": 1,
            "n_fitted": 0,
            "explained_variance_fraction": float("nan"),
        },
        tables={"embeddings": np.full((n, 1), np.nan, dtype=np.float32)},
        notes=["No image could be decoded, so there are no embeddings."],
    )


def _by_patches(
    thumbnails: np.ndarray, rows: np.ndarray, parameters: EmbedParameters, seed: int
) -> tuple[np.ndarray, int, float, list[Figure]]:
    """Unit vectors of `rows`, the number of images fitted on, the share of variance kept, and a figure."""
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
    return np.concatenate(parts), n_fitted, projection.explained_variance_fraction, [figure]


def _parts(rows: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, len(rows), PART_IMAGES):
        yield rows[start : start + PART_IMAGES]


def _by_network(manifest: pd.DataFrame, scan: pd.DataFrame, parameters: EmbedParameters) -> np.ndarray:
    device = prepare_device(parameters.device)
    features = penultimate_features(
        imagenet_backbone(parameters.backbone),
        readable_images(manifest, scan),
        input_px=parameters.input_px,
        batch_images=parameters.batch_images,
        device=device,
    )
    return features / np.linalg.norm(features, axis=1, keepdims=True).clip(min=1e-12)


def _notes(n_not_decoded: int, n_embedded: int, n_fitted: int) -> list[str]:
    notes = []
    if n_not_decoded:
        notes.append(f"{n_not_decoded:,} images could not be decoded and have no embedding.")
    if 0 < n_fitted < n_embedded:
        notes.append(
            f"The features were learnt from a random sample of {n_fitted:,} images "
            "(embed.max_fitting_images) and then measured on all."
        )
    return notes

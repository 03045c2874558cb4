"""Which images are alike, by what they show rather than by their pixels?

Method: every image becomes a vector of length 1, made without labels, so that images that show like things
point in like directions. By default (`patches`) the features are learnt from this dataset's own thumbnails by
k-means on whitened patches (Coates, Lee and Ng 2011; see `patch_features`) and reduced by principal
components; they need neither a network nor an hour. Where ImageNet weights can be had, a ResNet's penultimate
layer (He et al. 2016) describes photographs better.

How the result misleads: `patches` sees textures, edges and colours in the four quarters of a 32×32 thumbnail,
so backgrounds count as much as objects, and an object moved to another quarter looks new. The features of
all splits are learnt together: a test image has had a part, if a small one and without its label, in its own
description. ImageNet's features are blind to what ImageNet does not tell apart: handwriting, X-rays, defects.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

import numpy as np
import pandas as pd
from pydantic import Field

from analysis.obtain.embedding_figures import plot_atoms, plot_neighbours
from analysis.runner import run_stage
from analysis.stage import Artifacts, Figure, StageParameters

MEASURED = ("ok", "truncated")  # of the scan's statuses, those with a picture
PART_IMAGES = 2_000  # encoded before they are projected: 26 MB of features at 400 filters
N_QUERIES = 6


class EmbedParameters(StageParameters):
    backbone: Literal["patches", "resnet18", "resnet34", "resnet50"]
    n_filters: Annotated[int, Field(ge=8, le=4096)]
    n_dimensions: Annotated[int, Field(ge=2, le=2048)]
    max_fitting_images: Annotated[int, Field(ge=2)]
    input_px: Annotated[int, Field(ge=32, le=1024)]
    batch_images: Annotated[int, Field(ge=1)]
    device: Literal["auto", "cpu", "cuda", "mps"]


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
    is_decoded = scan["status"].isin(MEASURED).to_numpy()
    rows = np.flatnonzero(is_decoded)
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
    import torch
    from tqdm import tqdm

    from analysis.obtain.patch_features import encode, fit_projection, learn_dictionary
    from models.devices import prepare_device

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
    with tqdm(total=n_fitted + len(rows), desc="embed", unit="image", leave=False) as progress:
        features = encode(sample, dictionary, progress=progress)
        projection = fit_projection(features, n_dimensions=parameters.n_dimensions, seed=seed)
        del features
        parts = [
            projection(encode(thumbnails[part], dictionary, progress=progress)).cpu().numpy()
            for part in _parts(rows)
        ]
    figure = plot_atoms(dictionary.atoms.cpu().numpy())
    return np.concatenate(parts), n_fitted, projection.explained_variance_fraction, [figure]


def _parts(rows: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, len(rows), PART_IMAGES):
        yield rows[start : start + PART_IMAGES]


def _by_network(manifest: pd.DataFrame, scan: pd.DataFrame, parameters: EmbedParameters) -> np.ndarray:
    from models.backbones import imagenet_backbone, penultimate_features
    from models.devices import prepare_device
    from models.image_data import readable_images

    device = prepare_device(parameters.device)
    features = penultimate_features(
        imagenet_backbone(parameters.backbone),
        readable_images(manifest.assign(label=manifest["label"].astype("category")), scan),
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


if __name__ == "__main__":
    run_stage(embed)

"""Features of a pretrained network, at several depths, reduced to what varies in this dataset."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch

from analysis.obtain.embed.projection import Projection, fit_projection
from models.networks.backbones import Backbone, feature_batches


def describe(
    backbone: Backbone,
    images: pd.DataFrame,
    *,
    input_px: int,
    batch_images: int,
    n_dimensions: int,
    max_fitting_images: int,
    device: torch.device,
    seed: int,
) -> tuple[np.ndarray, Projection]:
    """Unit vectors (N, d) of `images` (see `decode`), and the projection fitted on a random sample of them.

    The sample is described first, so that each image is opened once and only its features are kept.
    """
    how = {"input_px": input_px, "batch_images": batch_images, "device": device}
    shuffled = np.random.default_rng(seed).permutation(len(images))
    first, later = (np.sort(part) for part in np.split(shuffled, [max_fitting_images]))
    by_depth = zip(*feature_batches(backbone, images.iloc[first], **how), strict=True)
    depths = [torch.cat(parts) for parts in by_depth]
    sample = torch.cat(depths, dim=1)
    projection = fit_projection(
        sample, n_dimensions=n_dimensions, seed=seed, depths=[part.shape[1] for part in depths]
    )
    embeddings = np.empty((len(images), projection.axes.shape[1]), dtype=np.float32)
    embeddings[first] = projection(sample).numpy()
    if len(later):
        batches = feature_batches(backbone, images.iloc[later], **how)
        embeddings[later] = torch.cat([projection(torch.cat(batch, dim=1)) for batch in batches]).numpy()
    return embeddings, projection

"""The two spaces in which images are points, pixels and embeddings, each laid out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from joblib import Parallel, delayed, parallel_config

from analysis.cores import available_cores
from analysis.dataset.readable import is_readable
from analysis.explore.latent_layout.layout import lay_out
from analysis.explore.layouts import MIN_IMAGES, Layout
from analysis.explore.pixel_components import Pixels


@dataclass(frozen=True)
class Space:
    """One way to see images as points: `features` is (n, d), of the images in `rows` of the manifest."""

    name: str
    rows: np.ndarray
    features: np.ndarray


def make_spaces(
    scan: pd.DataFrame, thumbnails: np.ndarray, embeddings: np.ndarray, pixels: Pixels | None
) -> list[Space]:
    """The spaces in which there is something to see: enough images, and not all of them alike."""
    decoded = decoded_rows(scan)
    embedded = decoded[np.isfinite(embeddings[decoded]).all(axis=1)]
    spaces = []
    features = np.asarray(embeddings[embedded], dtype=np.float32)
    if len(embedded) >= MIN_IMAGES and (features != features[0]).any():
        spaces.append(Space("embeddings", embedded, features))
    if pixels is not None:
        spaces.append(Space("thumbnails", decoded, pixels.scores(thumbnails, decoded)))
    return spaces


def decoded_rows(scan: pd.DataFrame) -> np.ndarray:
    return is_readable(scan).nonzero()[0]


def lay_out_spaces(
    spaces: list[Space], *, n_neighbours: int, perplexity: float, max_fitted_images: int, seed: int
) -> list[Layout]:
    """Map the spaces, side by side where there are cores: one map alone hardly uses two."""
    if not spaces:
        return []
    options = {
        "perplexity": perplexity,
        "n_neighbours": n_neighbours,
        "max_fitted_images": max_fitted_images,
        "seed": seed,
    }
    # one thread each, whatever an engine grants: the sums of a layout depend on their number
    with parallel_config("loky", inner_max_num_threads=1):
        workers = Parallel(n_jobs=min(len(spaces), available_cores()), max_nbytes=None)
        return workers(delayed(lay_out)(space.features, name=space.name, **options) for space in spaces)

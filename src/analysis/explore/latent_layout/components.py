"""Principal components of pixels: how much of the variation few of them hold, and how many exceed chance."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.decomposition import PCA

from analysis.explore.pixel_components import Components, Pixels, as_vectors

PIXEL_SIDES = (16, 8)  # of the pictures compared, in pixels: fifty components hold no finer detail
CHANCE_PERCENTILE = 95


def fit_components(values: np.ndarray, *, n_components: int, n_permutations: int, seed: int) -> Components:
    """Principal components of `values` (n, d), and how many exceed chance (parallel analysis, Horn 1965).

    Chance is simulated by permuting each of the d columns among the images (Buja and Eyuboglu 1992), which
    keeps how a value is distributed and breaks what it has to do with the others.
    """
    n, d = values.shape
    k = min(n_components, n - 1, d)
    model = PCA(n_components=k, random_state=seed).fit(values)
    centred = values - model.mean_
    total = float(np.square(centred, dtype=float).sum())
    shares = _spectrum(centred) / total
    rng = np.random.default_rng(seed)
    permuted = [_spectrum(rng.permuted(centred, axis=0)) / total for _ in range(n_permutations)]
    by_chance = np.percentile(permuted, CHANCE_PERCENTILE, axis=0)
    return Components(
        mean=model.mean_.astype(np.float32),
        axes=model.components_.astype(np.float32),
        standard_deviations=np.sqrt(model.explained_variance_),
        shares=shares[:k],
        shares_by_chance=by_chance[:k],
        n_above_chance=int(np.logical_and.accumulate(shares > by_chance).sum()),
        n_items=n,
    )


def _spectrum(centred: np.ndarray) -> np.ndarray:
    """Sums of squares along the principal axes of centred (n, d) values, the largest first: min(n, d)."""
    n, d = centred.shape
    products = centred.T @ centred if d <= n else centred @ centred.T
    return np.linalg.eigvalsh(products)[::-1].clip(min=0)


def fit_pixels(
    thumbnails: np.ndarray,
    scan: pd.DataFrame,
    rows: np.ndarray,
    *,
    max_images: int,
    n_components: int,
    n_permutations: int,
    seed: int,
) -> Pixels | None:
    """Components of a sample of the images in `rows`; None if fewer than three, or all alike."""
    sample = np.sort(np.random.default_rng(seed).choice(rows, min(len(rows), max_images), replace=False))
    pictures = np.asarray(thumbnails[sample])
    if len(sample) < 3 or (pictures == pictures[0]).all():
        return None
    large, small = PIXEL_SIDES
    short_sides = scan[["width_px", "height_px"]].iloc[sample].min(axis=1)
    side = large if short_sides.median() >= large else small
    n_channels = 1 if (pictures == pictures[..., :1]).all() else 3
    components = fit_components(
        as_vectors(pictures, side, n_channels),
        n_components=n_components,
        n_permutations=n_permutations,
        seed=seed,
    )
    return Pixels(side, n_channels, components)

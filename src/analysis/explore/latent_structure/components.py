"""Principal components of pixels: how much of the variation few of them hold, and how many exceed chance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.decomposition import PCA

PIXEL_SIDES = (16, 8)  # of the pictures compared, in pixels: fifty components hold no finer detail
CHUNK_ROWS = 4096  # images read at once: 13 MB of thumbnails
CHANCE_PERCENTILE = 95


@dataclass(frozen=True)
class Components:
    """The principal components of a sample of images, the strongest first.

    Attributes
    ----------
    mean, axes
        (d,) and (k, d): an image is about `mean + scores @ axes`.
    standard_deviations
        (k,) of the scores.
    shares, shares_by_chance
        (k,) of the total variance; those by chance are what the component of this rank explains at most, in
        95 of 100 cases, where the d values of an image have nothing to do with one another.
    n_above_chance
        Components from the first on that explain more than that, of all min(n - 1, d), not only of these k.
    n_items
        Images that all this was measured on.
    """

    mean: np.ndarray
    axes: np.ndarray
    standard_deviations: np.ndarray
    shares: np.ndarray
    shares_by_chance: np.ndarray
    n_above_chance: int
    n_items: int

    def scores(self, values: np.ndarray) -> np.ndarray:
        """(n, d) -> (n, k), float32."""
        return ((values - self.mean) @ self.axes.T).astype(np.float32)


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


def tabulate_components(components: Components | None) -> pd.DataFrame:
    """One row per component, the strongest first."""
    shares = components.shares if components else np.zeros(0)
    return pd.DataFrame(
        {
            "component": np.arange(1, len(shares) + 1),
            "variance_fraction": shares,
            "cumulative_fraction": shares.cumsum(),
            "chance_fraction": components.shares_by_chance if components else shares,
        }
    )


@dataclass(frozen=True)
class Pixels:
    """Thumbnails as vectors of pixels in [0, 1], and their principal components.

    A component that upscaling or three equal channels have made out of one real value would pass for more
    than chance, so that small images are compared at their own size and grey ones in one channel.
    """

    side: int
    n_channels: int
    components: Components

    def scores(self, thumbnails: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """(rows, k) scores of thumbnails, which are read in parts."""
        starts = range(0, len(rows), CHUNK_ROWS)
        parts = [
            as_vectors(thumbnails[rows[start : start + CHUNK_ROWS]], self.side, self.n_channels)
            for start in starts
        ]
        return np.concatenate([self.components.scores(part) for part in parts])

    def pictures(self, vectors: np.ndarray) -> np.ndarray:
        """(n, side · side · channels) in about [0, 1] -> (n, side, side, 3) uint8."""
        grids = vectors.reshape(-1, self.side, self.side, self.n_channels).clip(0, 1)
        return np.broadcast_to(np.rint(255 * grids), (*grids.shape[:3], 3)).astype(np.uint8)


def as_vectors(pictures: np.ndarray, side: int, n_channels: int) -> np.ndarray:
    """(n, 32, 32, 3) uint8 -> (n, side · side · channels) float32 in [0, 1], each the mean of a block."""
    n, height = pictures.shape[:2]
    block = height // side
    blocks = pictures[..., :n_channels].reshape(n, side, block, side, block, n_channels)
    return blocks.mean(axis=(2, 4), dtype=np.float32).reshape(n, -1) / 255


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

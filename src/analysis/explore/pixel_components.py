"""Thumbnails as vectors of pixels, and what varies most among them: their principal components."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

CHUNK_ROWS = 4096  # images read at once: 13 MB of thumbnails


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


def tabulate_pixels(pixels: Pixels | None) -> pd.DataFrame:
    """One row, with lists; none where there is nothing to tell: `pixels_in` reads it."""
    if pixels is None:
        return pd.DataFrame()
    fitted = asdict(pixels.components) | {"axes": pixels.components.axes.ravel()}
    return pd.DataFrame([{"side": pixels.side, "n_channels": pixels.n_channels, **fitted}])


def pixels_in(table: pd.DataFrame) -> Pixels | None:
    if table.empty:
        return None
    (fitted,) = table.to_dict("records")
    side, n_channels = fitted.pop("side"), fitted.pop("n_channels")
    axes = fitted["axes"].reshape(-1, len(fitted["mean"]))  # (k · d,) -> (k, d)
    return Pixels(side, n_channels, Components(**fitted | {"axes": axes}))

"""Images as rows of numbers: measures of the scan and principal components of the thumbnails."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy.special import ndtri
from sklearn.decomposition import PCA

from analysis.dataset.readable import is_readable

# Colour is measured against green, so that brightness is counted once and grey images have a constant 0.
SCAN_MEASURES = (
    "brightness_mean",
    "brightness_p01",
    "brightness_p99",
    "contrast",
    "entropy_bits",
    "sharpness",
    "edge_density",
    "texture",
    "colourfulness",
    "flip_difference_horizontal",
    "flip_difference_vertical",
    "width_px",
    "height_px",
)
COLOUR_BALANCE = {
    "red_minus_green": ("mean_red", "mean_green"),
    "blue_minus_green": ("mean_blue", "mean_green"),
}
DECIMALS = 6  # of a component, in grey levels
CHUNK_ROWS = 2048  # thumbnails read at once: 50 MB as 64-bit floats
MIN_VARIANCE = 1e-6  # of a principal component, of all variance; less is rounding


def scan_measures(manifest: pd.DataFrame, scan: pd.DataFrame) -> pd.DataFrame:
    """(images) × (measures) as float, NaN where an image was not decoded; rows as in the manifest.

    `bytes_per_pixel` tells how hard a file was compressed.
    """
    columns: dict[str, np.ndarray] = {name: _floats(scan[name]) for name in SCAN_MEASURES}
    for name, (channel, reference) in COLOUR_BALANCE.items():
        columns[name] = _floats(scan[channel]) - _floats(scan[reference])
    columns["bytes_per_pixel"] = _floats(manifest["bytes"]) / (columns["width_px"] * columns["height_px"])
    return pd.DataFrame(columns)


def _floats(column: pd.Series) -> np.ndarray:
    return column.to_numpy(dtype=float, na_value=np.nan)


def thumbnail_components(
    thumbnails: np.ndarray, rows: np.ndarray, *, n_components: int, n_fitted: int, seed: int
) -> pd.DataFrame:
    """Principal components of thumbnails, the strongest first: (rows) × (`pc_01`, …), in grey levels.

    The components are found on `n_fitted` of the rows, drawn at random without a look at label or split.
    Fewer come back where images are few, or vary in fewer directions.
    """
    drawn = np.random.default_rng(seed).permutation(rows)[:n_fitted]
    n_found = min(n_components, len(drawn) - 1)
    if n_found < 1:
        return pd.DataFrame(index=rows)
    fitted = _pixels(thumbnails, np.sort(drawn))
    if (fitted == fitted[0]).all():
        return pd.DataFrame(index=rows)
    pca = PCA(n_found, svd_solver="randomized", random_state=seed).fit(fitted)
    directions = pca.components_[pca.explained_variance_ > MIN_VARIANCE * fitted.var(axis=0).sum()]
    parts = [
        (_pixels(thumbnails, rows[start : start + CHUNK_ROWS]) - pca.mean_) @ directions.T
        for start in range(0, len(rows), CHUNK_ROWS)
    ]
    names = [f"pc_{i + 1:02}" for i in range(len(directions))]
    # rounded, as ranks are taken of them: no processor's last bit puts one image before another
    return pd.DataFrame(np.concatenate(parts).round(DECIMALS), index=rows, columns=names)


def _pixels(thumbnails: np.ndarray, rows: np.ndarray) -> np.ndarray:
    return thumbnails[rows].reshape(len(rows), -1).astype(float)  # (n, 32, 32, 3) -> (n, 3072)


def image_features(
    manifest: pd.DataFrame,
    scan: pd.DataFrame,
    thumbnails: np.ndarray,
    *,
    n_components: int,
    n_fitted: int,
    seed: int,
) -> pd.DataFrame:
    """Measures and components side by side, of the images that were decoded; the index is their row.

    A measure that is the same for all of them is left out: it can tell nothing apart.
    """
    measures = scan_measures(manifest, scan)
    rows = np.flatnonzero(is_readable(scan))
    components = thumbnail_components(
        thumbnails, rows, n_components=n_components, n_fitted=n_fitted, seed=seed
    )
    features = pd.concat([measures.iloc[rows], components], axis=1)
    return features.loc[:, features.nunique() > 1]


def normal_scores(features: pd.DataFrame) -> np.ndarray:
    """Each feature by rank on a normal distribution, (n, features): no unit, no outlier; ties stay ties.

    A value that is not known counts as the median.
    """
    n = features.count()
    scores: Mapping[str, pd.Series] = {
        name: pd.Series(ndtri((values.rank() - 0.5) / n[name]), index=features.index)
        for name, values in features.items()
    }
    return pd.DataFrame(scores).fillna(0.0).to_numpy()

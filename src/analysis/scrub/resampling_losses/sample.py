"""What resizing costs a sample of the images, which are opened at full size."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.dataset.images import open_scanned
from analysis.dataset.samples import balanced_sample
from analysis.progress import progress
from analysis.scrub.resampling import MEASURES, central_part
from analysis.scrub.resampling_losses.picture_losses import measure_picture


def sample_images(manifest: pd.DataFrame, scan: pd.DataFrame, n: int, seed: int) -> pd.DataFrame:
    """At most `n` whole images, of each class (or none) the same number, by `item_id`.

    With `path`, `value_range` and size.
    """
    images = manifest[["path"]].reset_index(drop=True)
    sizes = scan[["width_px", "height_px", "value_range"]].reset_index(drop=True)
    is_whole = scan["status"].eq("ok").to_numpy()
    images = pd.concat([images, sizes], axis=1)[is_whole].astype({"width_px": int, "height_px": int})
    codes = manifest["label"].cat.codes.to_numpy()[is_whole]
    return images.iloc[balanced_sample(codes, n, seed=seed)]


def measure_sample(images: pd.DataFrame, target_px: int) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Losses (one row per image and method), summed power by frequency, and the image that loses most.

    Without an image all three are empty.

    Raises
    ------
    InputError
        If an image cannot be opened: the file changed after it was scanned.
    """
    parts, powers, example, most_stray = [], [], np.zeros((0, 0), dtype=np.float32), -1.0
    opened = progress(images["path"], description="resizing", unit="images")
    for item_id, path, value_range in zip(images.index, opened, images["value_range"], strict=True):
        picture, shape = central_part(_luma(path, value_range), target_px)
        losses, power = measure_picture(picture, shape)
        parts.append(losses.assign(path=path, item_id=item_id))
        powers.append(power)
        stray = losses["stray_fraction"].max()
        if stray > most_stray:
            example, most_stray = picture, stray
    if not parts:
        return pd.DataFrame(columns=["method", *MEASURES, "path", "item_id"]), np.zeros((0, 3, 1)), example
    return pd.concat(parts, ignore_index=True), np.sum(powers, axis=0), example


def _luma(path: str, value_range: str | None) -> np.ndarray:
    return np.asarray(open_scanned(path, value_range=value_range).convert("L"), dtype=np.float32) / 255

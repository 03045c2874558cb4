"""Where the attribution lies, class by class, beside that of networks with random weights."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.interpret.gradcam.explained_images import Explained
from analysis.interpret.gradcam.object_masks import common_folder, masks_of
from analysis.interpret.gradcam.parameters import GradcamParameters
from analysis.interpret.gradcam.shares import (
    border_weights,
    compare_with_random,
    mean_of_present,
    share_inside,
)

CLASS_COLUMNS = [
    "label",
    "region",
    "n_images",
    "share",
    "enrichment",
    "random_share_high",
    "effect_size",
    "p_value",
    "is_flagged",
]


def regions_of(
    explained: Explained, paths: pd.Series, parameters: GradcamParameters
) -> dict[str, np.ndarray]:
    """How much of each pixel lies in a region, (N, H, W); NaN for images without a mask."""
    n, side_px = len(explained.images), explained.classifier.input_px
    border = border_weights(side_px, parameters.border_fraction)
    image_root = common_folder(paths)
    masks = masks_of(explained.images, parameters.masks, image_root=image_root, side_px=side_px)
    return {"border": np.broadcast_to(border, (n, side_px, side_px)), "background": 1 - masks}


def compare_classes(
    explained: Explained,
    classes: list[str],
    regions: dict[str, np.ndarray],
    shares: dict[str, np.ndarray],
    of_random: dict[str, np.ndarray],
    *,
    seed: int,
) -> pd.DataFrame:
    """One row per region and class: the shares of its right predictions beside those of random networks.

    The background has rows if there are masks.
    """
    codes = explained.images["class_index"].to_numpy()[explained.right]
    rows = []
    for name, region in regions.items():
        areas = region.mean(axis=(1, 2))
        if not np.isfinite(areas).any():
            continue
        for code, label in enumerate(classes):
            is_of_class = codes == code
            of_class = explained.right[is_of_class]
            area = mean_of_present(areas[of_class])
            result = compare_with_random(shares[name][of_class], of_random[name][:, is_of_class], seed=seed)
            described = {"region": name, "label": label, "area_share": area}
            rows.append(described | result | {"enrichment": result["share"] / area})
    return pd.DataFrame(rows)


def tabulate_shares(explained: Explained, regions: dict[str, np.ndarray]) -> pd.DataFrame:
    """One row per image and method: the shares of its map, NaN where it is zero or there is no mask."""
    columns = ["item_id", "label", "predicted_label", "is_right"]
    parts = [
        explained.images[columns].assign(
            method=method,
            border_share=share_inside(maps, regions["border"]),
            background_share=share_inside(maps, regions["background"]),
        )
        for method, maps in explained.maps.items()
    ]
    return pd.concat(parts, ignore_index=True)


def tabulate_steps(cascade: pd.DataFrame) -> pd.DataFrame:
    """Means over the random networks."""
    columns = ["rank_correlation", "ssim"]
    means = cascade.groupby(["method", "down_to"], sort=False)[columns].mean().reset_index()
    return means.rename(columns={"down_to": "random_down_to"})

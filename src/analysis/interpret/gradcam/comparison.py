"""Where the attribution lies, class by class, beside that of networks with random weights."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.interpret.attributed_images import Attributed
from analysis.interpret.gradcam.object_masks import common_folder, masks_of
from analysis.interpret.gradcam.parameters import GradcamParameters
from analysis.interpret.gradcam.shares import (
    border_weights,
    compare_with_random,
    share_inside,
)
from analysis.statistics.missing import mean_of_present

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
    attributed: Attributed, paths: pd.Series, parameters: GradcamParameters
) -> dict[str, np.ndarray]:
    """How much of each pixel lies in a region, (N, H, W); NaN for images without a mask."""
    n, side_px = len(attributed.images), attributed.side_px
    border = border_weights(side_px, parameters.border_fraction)
    image_root = common_folder(paths)
    masks = masks_of(attributed.images, parameters.masks, image_root=image_root, side_px=side_px)
    return {"border": np.broadcast_to(border, (n, side_px, side_px)), "background": 1 - masks}


def compare_classes(
    attributed: Attributed,
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
    codes = attributed.images["class_index"].to_numpy()[attributed.right]
    rows = []
    for name, region in regions.items():
        areas = region.mean(axis=(1, 2))
        if not np.isfinite(areas).any():
            continue
        for code, label in enumerate(classes):
            is_of_class = codes == code
            of_class = attributed.right[is_of_class]
            area = mean_of_present(areas[of_class])
            result = compare_with_random(shares[name][of_class], of_random[name][:, is_of_class], seed=seed)
            described = {"region": name, "label": label, "area_share": area}
            rows.append(described | result | {"enrichment": result["share"] / area})
    return pd.DataFrame(rows)


def tabulate_shares(attributed: Attributed, regions: dict[str, np.ndarray]) -> pd.DataFrame:
    """One row per image and method: the shares of its map, NaN where it is zero or there is no mask."""
    columns = ["item_id", "label", "predicted_label", "is_right"]
    parts = [
        attributed.images[columns].assign(
            method=method,
            border_share=share_inside(maps, regions["border"]),
            background_share=share_inside(maps, regions["background"]),
        )
        for method, maps in attributed.maps.items()
    ]
    return pd.concat(parts, ignore_index=True)


def shares_of_random(
    random_maps: np.ndarray, regions: dict[str, np.ndarray], right: np.ndarray
) -> dict[str, np.ndarray]:
    """By region, (n_networks, R): shares of the right predictions' pictures under random networks.

    Parameters
    ----------
    random_maps
        (n_networks, R, H, W)
    regions
        (N, H, W) for all pictures, of which those in the rows `right` are the R.
    """
    return {
        name: np.stack([share_inside(np.asarray(maps), region[right]) for maps in random_maps])
        for name, region in regions.items()
    }


def tabulate_steps(cascade: pd.DataFrame) -> pd.DataFrame:
    """Means over the random networks."""
    columns = ["rank_correlation", "ssim"]
    means = cascade.groupby(["method", "down_to"], sort=False)[columns].mean().reset_index()
    return means.rename(columns={"down_to": "random_down_to"})


def is_surely_better(areas: pd.DataFrame) -> pd.Series:
    """Which rows of `areas` are better than random order: deletion surely lower, insertion surely higher."""
    is_deletion = areas["measure"] == "deletion"
    return (areas["difference_high"] < 0).where(is_deletion, areas["difference_low"] > 0)

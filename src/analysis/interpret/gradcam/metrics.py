"""The stage's figures, of the first method."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.interpret.attributed_images import Attributed
from analysis.statistics.missing import mean_of_present


def metrics_of(
    attributed: Attributed,
    regions: dict[str, np.ndarray],
    shares: dict[str, np.ndarray],
    tests: pd.DataFrame,
    areas: pd.DataFrame,
    cascade: pd.DataFrame,
) -> dict[str, float]:
    """Of the first method."""
    is_right = attributed.images["is_right"].to_numpy()
    of_region = {}
    for name, region in regions.items():
        area = mean_of_present(region.mean(axis=(1, 2))[is_right])
        share = mean_of_present(shares[name][is_right])
        random_shares = tests.loc[tests["region"] == name, "random_share"].to_numpy()
        of_region[name] = {
            f"{name}_share": share,
            f"{name}_enrichment": share / area if area else np.nan,
            f"{name}_area_share": area,
            f"{name}_share_of_random_networks": mean_of_present(random_shares),
            f"{name}_share_of_mistakes": mean_of_present(shares[name][~is_right]),
        }
    areas = areas[areas["method"] == attributed.method].set_index("measure")
    return {
        "n_classes_flagged": tests.loc[tests["is_flagged"], "label"].nunique(),
        **of_region["border"],
        "deletion_auc": areas.loc["deletion", "auc"],
        "deletion_auc_random": areas.loc["deletion", "auc_random"],
        "insertion_auc": areas.loc["insertion", "auc"],
        "insertion_auc_random": areas.loc["insertion", "auc_random"],
        **similarity_to_random(cascade, attributed.method),
        "n_right": int(is_right.sum()),
        "n_wrong": int((~is_right).sum()),
        "n_without_attribution": count_blank(attributed),
        "n_with_mask": count_masked(regions),
        **of_region["background"],
    }


def count_blank(attributed: Attributed) -> int:
    return int((attributed.maps[attributed.method].max(axis=(1, 2)) == 0).sum())


def count_masked(regions: dict[str, np.ndarray]) -> int:
    return int(np.isfinite(regions["background"]).all(axis=(1, 2)).sum())


def similarity_to_random(cascade: pd.DataFrame, method: str) -> dict[str, float]:
    """Of the method's maps to those of networks with nothing learnt."""
    last = cascade[(cascade["method"] == method) & (cascade["down_to"] == "stem")]
    return {
        "rank_correlation_with_random": mean_of_present(last["rank_correlation"].to_numpy()),
        "ssim_with_random": mean_of_present(last["ssim"].to_numpy()),
    }

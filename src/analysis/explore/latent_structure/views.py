"""The two spaces with their maps, and what labels say of them, as tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.explore.latent_structure.purity import label_purity, mixed_with, purity_of_classes
from analysis.explore.layouts import SPACES, Layout, Placed
from analysis.explore.pixel_components import Components

TRUST_COLUMNS = [
    "space",
    "n_items",
    "n_fitted",
    "n_sampled",
    "trustworthiness",
    "neighbours_kept_fraction",
    "distance_correlation",
    "label_purity",
    "map_label_purity",
]
CLASS_COLUMNS = [
    "label",
    "n_items",
    "purity_by_chance",
    "purity_embeddings",
    "purity_embeddings_low",
    "purity_embeddings_high",
    "map_purity_embeddings",
    "purity_thumbnails",
    "map_purity_thumbnails",
    "mixed_with",
]


@dataclass(frozen=True)
class View:
    """A space with its map, and how pure neighbourhoods are in both.

    `item_ids` is (n,) which images these are; `codes` is (n,) the class of each, -1 for none; `purity` and
    `map_purity` are (n,), see `label_purity`.
    """

    item_ids: np.ndarray
    layout: Layout
    codes: np.ndarray
    purity: np.ndarray
    map_purity: np.ndarray


def view_spaces(placed: Mapping[str, Placed], labels: pd.Series) -> dict[str, View]:
    """By space; `labels` are those of all images, by `item_id`."""
    views = {}
    for name, (item_ids, layout) in placed.items():
        codes = labels.cat.codes.to_numpy()[item_ids].astype(int)
        purity = label_purity(codes, layout.neighbours)
        map_purity = label_purity(codes, layout.map_neighbours)
        views[name] = View(item_ids, layout, codes, purity, map_purity)
    return views


def tabulate_map(manifest: pd.DataFrame, views: Mapping[str, View]) -> pd.DataFrame:
    """One row per image of the manifest: `item_id`, and by space `…_x`, `…_y` and `…_is_fitted`."""
    table = pd.DataFrame({"item_id": manifest["item_id"].to_numpy()})
    for name in SPACES:
        positions = np.full((len(manifest), 2), np.nan, np.float32)
        is_fitted = np.zeros(len(manifest), bool)
        if name in views:
            positions[views[name].item_ids] = views[name].layout.positions
            is_fitted[views[name].item_ids] = views[name].layout.is_fitted
        table[f"{name}_x"], table[f"{name}_y"] = positions.T
        table[f"{name}_is_fitted"] = is_fitted
    return table


def tabulate_trust(map_quality: pd.DataFrame, views: Mapping[str, View]) -> pd.DataFrame:
    """One row per space: how far its map can be trusted."""
    purity = {
        "label_purity": [_mean(view.purity) for view in views.values()],
        "map_label_purity": [_mean(view.map_purity) for view in views.values()],
    }
    return map_quality.assign(**purity).reindex(columns=TRUST_COLUMNS)


def _mean(values: np.ndarray) -> float:
    """Of those that are not NaN."""
    values = values[np.isfinite(values)]
    return float(values.mean()) if len(values) else np.nan


def tabulate_class_purity(classes: pd.Index, views: Mapping[str, View]) -> pd.DataFrame:
    """One row per class, in the dataset's order; columns of a space that there is not are empty."""
    table = pd.DataFrame({"label": classes.astype(str), "n_items": 0, "mixed_with": ""})
    for name in SPACES[::-1]:  # the embeddings have the last word on what both tell
        view = views.get(name)
        codes, purity, map_purity = (
            (view.codes, view.purity, view.map_purity)
            if view
            else (np.zeros(0, int), np.zeros(0), np.zeros(0))
        )
        of_class = purity_of_classes(codes, purity, len(classes))
        table[f"purity_{name}"] = of_class["purity"]
        table[f"purity_{name}_low"], table[f"purity_{name}_high"] = (
            of_class["purity_low"],
            of_class["purity_high"],
        )
        table[f"map_purity_{name}"] = purity_of_classes(codes, map_purity, len(classes))["purity"]
        if view and len(classes):
            table["n_items"] = of_class["n_items"]
            others = mixed_with(codes, view.layout.neighbours, len(classes))
            table["mixed_with"] = ["" if other < 0 else str(classes[other]) for other in others]
    n_items = table["n_items"]
    table["purity_by_chance"] = (n_items - 1).clip(lower=0) / max(n_items.sum() - 1, 1)
    return table[CLASS_COLUMNS]


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

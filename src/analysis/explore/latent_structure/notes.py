from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from analysis.explore.latent_structure.views import View
from analysis.explore.layouts import MIN_IMAGES, SPACES
from analysis.explore.pixel_components import Pixels

CAPTIONS = {
    "map": "One row per image: its place on the map of each space, and whether t-SNE fitted it itself or "
    "placed it by its nearest neighbours. Missing where there was no picture.",
    "trust": "One row per space. trustworthiness: 1 where no stranger became a neighbour on the map, about "
    "0.5 by chance; on a sample of n_sampled images. neighbours_kept is the share of each image's nearest "
    "neighbours that are so on the map. label_purity is the share of neighbours with the image's label.",
    "pca": "One row per principal component of the thumbnails. chance_fraction is what the component of this "
    "rank explains at most (95 of 100 cases) where an image's pixels have nothing to do with one another.",
    "class_purity": "One row per class: the share of its images' nearest neighbours that bear its label, "
    "among embeddings with its 95% Wilson interval, and among thumbnails; map_… is the same on the "
    "map. By chance it is the class's share of all. mixed_with is the class of most other neighbours.",
}


def metrics_of(
    tables: Mapping[str, pd.DataFrame],
    views: Mapping[str, View],
    pixels: Pixels | None,
    unusual: pd.DataFrame,
    *,
    n_not_decoded: int,
) -> dict[str, float]:
    trust = tables["trust"].set_index("space").reindex(list(SPACES))
    n_items = tables["class_purity"]["n_items"]
    metrics: dict[str, float] = {
        "n_outliers": int(unusual["is_outlier"].sum()),
        **{f"label_purity_{name}": trust.loc[name, "label_purity"] for name in SPACES},
        "label_purity_by_chance": _weighted_mean(tables["class_purity"]["purity_by_chance"], n_items),
        **{f"trustworthiness_{name}": trust.loc[name, "trustworthiness"] for name in SPACES},
    }
    for name in SPACES:
        for measure in ("map_label_purity", "distance_correlation", "n_items", "n_fitted"):
            metrics[f"{measure}_{name}"] = trust.loc[name, measure]
        metrics[f"neighbours_kept_{name}_fraction"] = trust.loc[name, "neighbours_kept_fraction"]
    metrics["n_components_above_chance"] = pixels.components.n_above_chance if pixels else np.nan
    metrics["explained_variance_fraction"] = pixels.components.shares.sum() if pixels else np.nan
    metrics["n_not_decoded"] = n_not_decoded
    return metrics


def _weighted_mean(values: pd.Series, weights: pd.Series) -> float:
    return float((values * weights).sum() / weights.sum()) if weights.sum() else np.nan


def summary_of(trust: pd.DataFrame, unusual: pd.DataFrame) -> str:
    if trust.empty:
        return "too few images, or all alike: nothing to map"
    first = trust.iloc[0]
    parts = [f"{first['n_items']:,} images mapped"]
    if np.isfinite(first["label_purity"]):
        parts.append(f"{first['label_purity']:.0%} of nearest neighbours bear the image's label")
    parts.append(f"{int(unusual['is_outlier'].sum())} unlike all others")
    return ", ".join(parts)


def notes_on(labels: pd.Series, views: Mapping[str, View]) -> list[str]:
    notes = [
        f"Nothing is said of {name}: fewer than {MIN_IMAGES} images have any, or all are the same."
        for name in SPACES
        if name not in views
    ]
    for name, view in views.items():
        n, n_fitted = len(view.item_ids), int(view.layout.is_fitted.sum())
        if n_fitted < n:
            notes.append(
                f"Of {n:,} images on the map of {name}, {n_fitted:,} (a random sample) were fitted by t-SNE "
                f"and {n - n_fitted:,} placed at the median of their five nearest among those, which keeps "
                "fewer neighbours. Neighbours were searched among the sample."
            )
        if len(np.unique(view.layout.distances)) == 1:
            notes.append(f"The distances between {name} are all the same, so that no outlier can be told.")
    if labels.nunique() < 2:
        notes.append("Fewer than two classes have images, so that label purity says nothing.")
    if n_blank := int(labels.isna().sum()):
        notes.append(f"{n_blank:,} images have a blank label: they are mapped, but count in no purity.")
    return notes

"""Which images lie near one another, are they of one class, and which lie apart from all?

Method: each image is a point in two spaces: its embedding, and the first principal components of its
thumbnail's pixels, of which parallel analysis (Horn 1965, by permutation after Buja and Eyuboglu 1992) says
how many are more than chance. The k nearest neighbours of each image, found exactly, give label purity (how
many bear its label, with Wilson intervals per class) and outliers: images farther from their neighbours than
chance allows after Bonferroni's correction, and by the local outlier factor (Breunig et al. 2000) farther
than those are from theirs. Maps are made by t-SNE (van der Maaten and Hinton 2008) with openTSNE from the
same neighbours; of more than `max_fitted_images`, the others are placed by their nearest fitted ones.

How the result misleads: t-SNE keeps neighbours, not distances. Gaps, the sizes of islands and the order in
which they lie mean little, and clusters can appear in noise: read purity in the space, not on the map, and
see in the table of trust how many neighbours the map keeps. Pixels see background, pose and brightness first.
Noise, or a drawing among photographs, may have near neighbours in both spaces and so is no outlier here.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from pydantic import Field

from analysis.explore.latent_charts import (
    plot_class_purity,
    plot_component_pictures,
    plot_components,
    plot_local_purity,
    plot_maps,
    plot_unusual,
)
from analysis.explore.latent_components import Pixels, fit_pixels, tabulate_components
from analysis.explore.latent_outliers import OUTLIER, find_outliers, measure_outliers, most_unusual
from analysis.explore.latent_spaces import (
    MIN_IMAGES,
    SPACES,
    View,
    decoded_rows,
    make_spaces,
    tabulate_classes,
    tabulate_map,
    tabulate_trust,
    view_spaces,
)
from analysis.runner import run_stage
from analysis.stage import Artifacts, Figure, StageParameters

CAPTIONS = {
    "map": "One row an image: its place on the map of each space, and whether t-SNE fitted it itself or "
    "placed it by its nearest neighbours. Missing where there was no picture.",
    "trust": "One row a space. trustworthiness: 1 where no stranger became a neighbour on the map, about 0.5 "
    "by chance; on a sample of n_sampled images. neighbours_kept is the share of each image's nearest "
    "neighbours that are so on the map. label_purity is the share of neighbours with the image's label.",
    "pca": "One row a principal component of the thumbnails. chance_fraction is what the component of this "
    "rank explains at most (95 of 100 cases) where an image's pixels have nothing to do with one another.",
    "class_purity": "One row a class: the share of its images' nearest neighbours that bear its label, among "
    "embeddings with its 95% Wilson interval, and among thumbnails; map_… is the same on the "
    "map. By chance it is the class's share of all. mixed_with is the class of most other neighbours.",
}


class LatentStructureParameters(StageParameters):
    """Sizes of samples and neighbourhoods; see params.yaml."""

    n_neighbours: int = Field(ge=2, le=90)
    perplexity: float = Field(ge=2, le=500)
    max_fitted_images: int = Field(ge=100)
    n_components: int = Field(ge=2, le=200)
    max_component_images: int = Field(ge=20)
    n_permutations: int = Field(ge=19)
    outlier_significance_level: float = Field(gt=0, lt=1)
    min_outlier_factor: float = Field(ge=1)
    max_unusual_shown: int = Field(ge=0, le=60)


def latent_structure(
    manifest: pd.DataFrame,
    scan: pd.DataFrame,
    thumbnails: np.ndarray,
    embeddings: np.ndarray,
    *,
    parameters: LatentStructureParameters,
    seed: int,
) -> Artifacts:
    """Find components, neighbours, maps and outliers in the space of embeddings and in that of thumbnails.

    Parameters
    ----------
    thumbnails
        (n, 32, 32, 3) uint8, row by row the images of manifest and scan; read in parts.
    embeddings
        (n, d), NaN where the image was not decoded.
    """
    labels = manifest["label"].astype("category")  # Parquet forgets the type of a column of blanks
    decoded = decoded_rows(scan)
    pixels = None
    if len(decoded) >= MIN_IMAGES:
        pixels = fit_pixels(
            thumbnails,
            scan,
            decoded,
            max_images=parameters.max_component_images,
            n_components=parameters.n_components,
            n_permutations=parameters.n_permutations,
            seed=seed,
        )
    spaces = make_spaces(scan, thumbnails, embeddings, pixels)
    views = view_spaces(
        spaces,
        labels,
        n_neighbours=parameters.n_neighbours,
        perplexity=parameters.perplexity,
        max_fitted_images=parameters.max_fitted_images,
        seed=seed,
    )
    unusual = most_unusual(
        measure_outliers(_neighbourhoods(views)),
        significance_level=parameters.outlier_significance_level,
        min_factor=parameters.min_outlier_factor,
    )
    tables = {
        "map": tabulate_map(manifest, views),
        "trust": tabulate_trust(views, seed=seed),
        "class_purity": tabulate_classes(labels.cat.categories, views),
        "pca": tabulate_components(pixels.components if pixels else None),
    }
    return Artifacts(
        summary=_summary(tables["trust"], unusual),
        metrics=_metrics(tables, views, pixels, unusual, n_not_decoded=len(manifest) - len(decoded)),
        tables=tables,
        captions=CAPTIONS,
        figures=_figures(
            manifest, thumbnails, views, pixels, tables, unusual.head(parameters.max_unusual_shown)
        ),
        findings=find_outliers(unusual),
        kinds=(OUTLIER,),
        notes=_notes(labels, views),
    )


def _neighbourhoods(views: Mapping[str, View]) -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    return {
        name: (view.space.rows, view.layout.distances, view.layout.neighbours) for name, view in views.items()
    }


def _figures(
    manifest: pd.DataFrame,
    thumbnails: np.ndarray,
    views: Mapping[str, View],
    pixels: Pixels | None,
    tables: Mapping[str, pd.DataFrame],
    unusual: pd.DataFrame,
) -> list[Figure]:
    if not views:
        return []
    classes = [str(label) for label in manifest["label"].astype("category").cat.categories]
    figures = [plot_maps(views, classes)]
    if tables["class_purity"]["n_images"].any():
        by_chance = tables["class_purity"].set_index("label")["purity_by_chance"]
        figures += [plot_local_purity(views), plot_class_purity(views, classes, by_chance)]
    if pixels:
        figures += [plot_components(tables["pca"], pixels.components), plot_component_pictures(pixels)]
    if len(unusual):
        figures.append(plot_unusual(unusual, manifest, thumbnails))
    return figures


def _metrics(
    tables: Mapping[str, pd.DataFrame],
    views: Mapping[str, View],
    pixels: Pixels | None,
    unusual: pd.DataFrame,
    *,
    n_not_decoded: int,
) -> dict[str, float]:
    trust = tables["trust"].set_index("space").reindex(list(SPACES))
    n_images = tables["class_purity"]["n_images"]
    metrics: dict[str, float] = {
        "n_outliers": int(unusual["is_outlier"].sum()),
        **{f"label_purity_{name}": trust.loc[name, "label_purity"] for name in SPACES},
        "label_purity_by_chance": _weighted_mean(tables["class_purity"]["purity_by_chance"], n_images),
        **{f"trustworthiness_{name}": trust.loc[name, "trustworthiness"] for name in SPACES},
    }
    for name in SPACES:
        for measure in ("map_label_purity", "distance_correlation", "n_images", "n_fitted"):
            metrics[f"{measure}_{name}"] = trust.loc[name, measure]
        metrics[f"neighbours_kept_{name}_fraction"] = trust.loc[name, "neighbours_kept_fraction"]
    metrics["n_components_above_chance"] = pixels.components.n_above_chance if pixels else np.nan
    metrics["explained_variance_fraction"] = pixels.components.shares.sum() if pixels else np.nan
    metrics["n_not_decoded"] = n_not_decoded
    return metrics


def _weighted_mean(values: pd.Series, weights: pd.Series) -> float:
    return float((values * weights).sum() / weights.sum()) if weights.sum() else np.nan


def _summary(trust: pd.DataFrame, unusual: pd.DataFrame) -> str:
    if trust.empty:
        return "too few images, or all alike: nothing to map"
    first = trust.iloc[0]
    parts = [f"{first['n_images']:,} images mapped"]
    if np.isfinite(first["label_purity"]):
        parts.append(f"{first['label_purity']:.0%} of nearest neighbours bear the image's label")
    parts.append(f"{int(unusual['is_outlier'].sum())} unlike all others")
    return ", ".join(parts)


def _notes(labels: pd.Series, views: Mapping[str, View]) -> list[str]:
    notes = [
        f"Nothing is said of {name}: fewer than {MIN_IMAGES} images have any, or all are the same."
        for name in SPACES
        if name not in views
    ]
    for name, view in views.items():
        n, n_fitted = len(view.space.rows), int(view.layout.is_fitted.sum())
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


if __name__ == "__main__":
    run_stage(latent_structure)

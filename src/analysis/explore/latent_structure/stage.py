from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from analysis.contract import Artifacts, Figure
from analysis.explore.latent_structure.components import Pixels, fit_pixels, tabulate_components
from analysis.explore.latent_structure.figures import (
    plot_class_purity,
    plot_component_pictures,
    plot_components,
    plot_local_purity,
    plot_maps,
    plot_unusual,
)
from analysis.explore.latent_structure.findings import OUTLIER, find_outliers
from analysis.explore.latent_structure.notes import CAPTIONS, metrics_of, notes_on, summary_of
from analysis.explore.latent_structure.outliers import measure_outliers, most_unusual
from analysis.explore.latent_structure.parameters import LatentStructureParameters
from analysis.explore.latent_structure.spaces import (
    MIN_IMAGES,
    View,
    decoded_rows,
    make_spaces,
    tabulate_class_purity,
    tabulate_map,
    tabulate_trust,
    view_spaces,
)


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
    labels = manifest["label"]
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
        "class_purity": tabulate_class_purity(labels.cat.categories, views),
        "pca": tabulate_components(pixels.components if pixels else None),
    }
    return Artifacts(
        summary=summary_of(tables["trust"], unusual),
        metrics=metrics_of(tables, views, pixels, unusual, n_not_decoded=len(manifest) - len(decoded)),
        tables=tables,
        captions=CAPTIONS,
        figures=_figures(
            manifest, thumbnails, views, pixels, tables, unusual.head(parameters.max_unusual_shown)
        ),
        findings=find_outliers(unusual),
        kinds=(OUTLIER,),
        notes=notes_on(labels, views),
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
    classes = [str(label) for label in manifest["label"].cat.categories]
    figures = [plot_maps(views, classes)]
    if tables["class_purity"]["n_items"].any():
        by_chance = tables["class_purity"].set_index("label")["purity_by_chance"]
        figures += [plot_local_purity(views), plot_class_purity(views, classes, by_chance)]
    if pixels:
        figures += [plot_components(tables["pca"], pixels.components), plot_component_pictures(pixels)]
    if len(unusual):
        figures.append(plot_unusual(unusual, manifest, thumbnails))
    return figures

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from analysis.contract import Artifacts, Figure
from analysis.dataset.readable import is_readable
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
from analysis.explore.latent_structure.outliers import most_unusual
from analysis.explore.latent_structure.parameters import LatentStructureParameters
from analysis.explore.latent_structure.views import (
    View,
    tabulate_class_purity,
    tabulate_components,
    tabulate_map,
    tabulate_trust,
    view_spaces,
)
from analysis.explore.layouts import layouts_in
from analysis.explore.pixel_components import Pixels, pixels_in


def latent_structure(
    manifest: pd.DataFrame,
    scan: pd.DataFrame,
    thumbnails: np.ndarray,
    layouts: pd.DataFrame,
    map_quality: pd.DataFrame,
    pixels: pd.DataFrame,
    *,
    parameters: LatentStructureParameters,
) -> Artifacts:
    """Judge from where images lie whether classes keep together, and which images lie apart from all.

    `thumbnails` are those of all images, by `item_id`, for the pictures shown; the tables after them are
    of the stage `latent_layout`.
    """
    labels = manifest["label"]
    fitted = pixels_in(pixels)
    views = view_spaces(layouts_in(layouts), labels)
    unusual = most_unusual(views, significance_level=parameters.outlier_significance_level)
    tables = {
        "map": tabulate_map(manifest, views),
        "trust": tabulate_trust(map_quality, views),
        "class_purity": tabulate_class_purity(labels.cat.categories, views),
        "pca": tabulate_components(fitted.components if fitted else None),
    }
    return Artifacts(
        summary=summary_of(tables["trust"], unusual),
        metrics=metrics_of(tables, views, fitted, unusual, n_not_decoded=int((~is_readable(scan)).sum())),
        tables=tables,
        captions=CAPTIONS,
        figures=_figures(
            manifest, thumbnails, views, fitted, tables, unusual.head(parameters.max_unusual_shown)
        ),
        findings=find_outliers(unusual),
        kinds=(OUTLIER,),
        notes=notes_on(labels, views),
        unjudged="" if views else "there are fewer images than a map needs, or all are alike",
    )


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

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.contract import Artifacts, Figure
from analysis.dataset.readable import readable_images
from analysis.interpret.attributed_images import Attributed
from analysis.interpret.gradcam.comparison import (
    CLASS_COLUMNS,
    compare_classes,
    is_surely_better,
    regions_of,
    shares_of_random,
    tabulate_shares,
    tabulate_steps,
)
from analysis.interpret.gradcam.figures import (
    plot_cascade,
    plot_class_shares,
    plot_mean_maps,
    plot_methods,
    plot_removal,
    plot_right,
    plot_wrong,
)
from analysis.interpret.gradcam.findings import CONTEXT, find_context
from analysis.interpret.gradcam.metrics import metrics_of
from analysis.interpret.gradcam.notes import CAPTIONS, notes_on, summary_of
from analysis.interpret.gradcam.parameters import GradcamParameters
from analysis.interpret.gradcam.shares import flag_shares, share_inside


def gradcam(
    cleaned_manifest: pd.DataFrame,
    scan: pd.DataFrame,
    attributed_images: pd.DataFrame,
    attributed_pixels: np.ndarray,
    *,
    attribution_maps: np.ndarray,
    actual_class_maps: np.ndarray,
    random_maps: np.ndarray,
    removal_curves: pd.DataFrame,
    removal_areas: pd.DataFrame,
    cascade: pd.DataFrame,
    parameters: GradcamParameters,
    seed: int,
) -> Artifacts:
    """Test where the maps of `attributions` lie, and say what they are worth.

    Raises
    ------
    InputError
        If a mask cannot be read or leads out of its folder.
    """
    classes = list(cleaned_manifest["label"].cat.categories)
    rows = cleaned_manifest.set_index("item_id").loc[attributed_images["item_id"]]
    split = rows["split"].iloc[0]
    attributed = Attributed(
        images=attributed_images.assign(path=rows["path"].to_numpy()),
        pixels=attributed_pixels,
        maps=dict(zip(removal_areas["method"].unique(), attribution_maps, strict=True)),
        actual_maps=actual_class_maps,
        layer=attributed_images["layer"].iloc[0],
        layer_cells=attributed_images["layer_cells"].iloc[0],
    )
    regions = regions_of(attributed, readable_images(cleaned_manifest, scan)["path"], parameters)
    maps = attributed.maps[attributed.method]
    shares = {name: share_inside(maps, region) for name, region in regions.items()}
    areas = removal_areas.assign(is_surely_better=is_surely_better(removal_areas))
    of_random = shares_of_random(random_maps, regions, attributed.right)
    tests = flag_shares(
        compare_classes(attributed, classes, regions, shares, of_random, seed=seed),
        is_faithful=areas.loc[areas["method"] == attributed.method, "is_surely_better"].any(),
        significance_level=parameters.significance_level,
        min_excess_share=parameters.min_excess_share,
    )
    shown = {"n_random": len(random_maps), "n_per_class": parameters.shown_per_class}
    return Artifacts(
        summary=summary_of(attributed, tests),
        metrics=metrics_of(attributed, regions, shares, tests, areas, cascade),
        tables={
            "class_shares": tests[CLASS_COLUMNS].round(4),
            "image_shares": tabulate_shares(attributed, regions),
            "faithfulness": areas.round(4),
            "randomisation": tabulate_steps(cascade).round(4),
        },
        captions=CAPTIONS,
        figures=_figures(attributed, classes, split, tests, removal_curves, cascade, **shown),
        findings=find_context(attributed, shares, tests),
        kinds=(CONTEXT,),
        notes=notes_on(attributed, regions, tests, areas, cascade, split, parameters),
    )


def _figures(
    attributed: Attributed,
    classes: list[str],
    split: str,
    tests: pd.DataFrame,
    curves: pd.DataFrame,
    cascade: pd.DataFrame,
    *,
    n_random: int,
    n_per_class: int,
) -> list[Figure]:
    images, pixels, method = attributed.images, attributed.pixels, attributed.method
    maps = attributed.maps[method]
    shown = {"classes": classes, "n_per_class": n_per_class}
    figures = []
    if len(attributed.right):
        figures.append(plot_right(images, pixels, maps, method=method, split=split, **shown))
    if len(attributed.right) < len(images):
        figures.append(
            plot_wrong(images, pixels, maps, attributed.actual_maps, method=method, split=split, **shown)
        )
    if len(attributed.right) == 0:
        return figures
    if len(attributed.maps) > 1:
        figures.append(plot_methods(images, pixels, attributed.maps, **shown))
    figures.append(plot_mean_maps(images, maps, classes=classes, method=method))
    for region, rows in tests.groupby("region", sort=False):
        figures.append(plot_class_shares(rows, region=region, method=method, n_random=n_random))
    n_checked = int(curves["n_images"].max())
    return [*figures, plot_removal(curves), plot_cascade(cascade, n_images=n_checked)]

from __future__ import annotations

from pathlib import Path

import pandas as pd

from analysis.contract import Artifacts, Figure
from analysis.dataset.readable import readable_images
from analysis.interpret.gradcam.comparison import (
    CLASS_COLUMNS,
    compare_classes,
    regions_of,
    tabulate_shares,
    tabulate_steps,
)
from analysis.interpret.gradcam.explained_images import Explained, explain_predictions, sample_predictions
from analysis.interpret.gradcam.faithfulness import check_removal, is_surely_better
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
from analysis.interpret.gradcam.randomisation import cascade_likeness, random_shares
from analysis.interpret.gradcam.shares import flag_shares, share_inside


def gradcam(
    cleaned_manifest: pd.DataFrame,
    scan: pd.DataFrame,
    predictions: pd.DataFrame,
    model: Path,
    *,
    parameters: GradcamParameters,
    seed: int,
) -> Artifacts:
    """Attribute a sample of predictions, check the maps, and test where they lie.

    Raises
    ------
    InputError
        If no image has both a picture and a label, the classifier is of other classes than the manifest, or
        a mask cannot be read or leads out of its folder.
    """
    readable = readable_images(cleaned_manifest, scan)
    classes = list(cleaned_manifest["label"].cat.categories)
    explained, split = _explain_sample(readable, predictions, model, classes, parameters, seed=seed)
    regions = regions_of(explained, readable["path"], parameters)
    maps = explained.maps[explained.method]
    shares = {name: share_inside(maps, region) for name, region in regions.items()}
    checked = explained.right_sample(parameters.n_checked_images, seed=seed)
    curves, areas = check_removal(explained, checked, n_steps=parameters.n_removal_steps, seed=seed)
    areas = areas.assign(is_surely_better=is_surely_better(areas))
    of_random = random_shares(explained, regions, n_networks=parameters.n_random_networks, seed=seed)
    tests = flag_shares(
        compare_classes(explained, classes, regions, shares, of_random, seed=seed),
        is_faithful=areas.loc[areas["method"] == explained.method, "is_surely_better"].any(),
        significance_level=parameters.significance_level,
        min_excess_share=parameters.min_excess_share,
    )
    cascade = cascade_likeness(explained, checked, seed=seed)
    return Artifacts(
        summary=summary_of(explained, tests),
        metrics=metrics_of(explained, regions, shares, tests, areas, cascade),
        tables={
            "class_shares": tests[CLASS_COLUMNS].round(4),
            "image_shares": tabulate_shares(explained, regions),
            "faithfulness": areas.round(4),
            "randomisation": tabulate_steps(cascade).round(4),
        },
        captions=CAPTIONS,
        figures=_figures(explained, classes, split, tests, curves, cascade, parameters),
        findings=find_context(explained, shares, tests),
        kinds=(CONTEXT,),
        notes=notes_on(explained, regions, tests, areas, cascade, split, parameters),
    )


def _explain_sample(
    readable: pd.DataFrame,
    predictions: pd.DataFrame,
    model: Path,
    classes: list[str],
    parameters: GradcamParameters,
    *,
    seed: int,
) -> tuple[Explained, str]:
    """Maps of a sample of the judged split's predictions, and that split's name."""
    images, split = sample_predictions(
        readable,
        predictions,
        right_per_class=parameters.right_per_class,
        wrong_per_class=parameters.wrong_per_class,
        seed=seed,
    )
    explained = explain_predictions(
        model,
        images,
        classes,
        methods=parameters.methods,
        layer=parameters.layer,
        batch_images=parameters.batch_images,
        device=parameters.device,
    )
    return explained, split


def _figures(
    explained: Explained,
    classes: list[str],
    split: str,
    tests: pd.DataFrame,
    curves: pd.DataFrame,
    cascade: pd.DataFrame,
    parameters: GradcamParameters,
) -> list[Figure]:
    pixels = explained.pixels.permute(0, 2, 3, 1).numpy()  # (N, 3, H, W) -> (N, H, W, 3)
    images, maps, method = explained.images, explained.maps[explained.method], explained.method
    shown = {"classes": classes, "n_per_class": parameters.shown_per_class}
    figures = []
    if len(explained.right):
        figures.append(plot_right(images, pixels, maps, method=method, split=split, **shown))
    if len(explained.right) < len(images):
        figures.append(
            plot_wrong(images, pixels, maps, explained.actual_maps, method=method, split=split, **shown)
        )
    if len(explained.right) == 0:
        return figures
    if len(explained.maps) > 1:
        figures.append(plot_methods(images, pixels, explained.maps, **shown))
    figures.append(plot_mean_maps(images, maps, classes=classes, method=method))
    for region, rows in tests.groupby("region", sort=False):
        figures.append(
            plot_class_shares(rows, region=region, method=method, n_random=parameters.n_random_networks)
        )
    n_checked = int(curves["n_images"].max())
    return [*figures, plot_removal(curves), plot_cascade(cascade, n_images=n_checked)]

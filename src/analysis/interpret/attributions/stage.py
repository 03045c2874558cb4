from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.contract import Artifacts
from analysis.dataset.readable import readable_images
from analysis.interpret.attributions.explained_images import (
    Explained,
    explain_predictions,
    sample_predictions,
)
from analysis.interpret.attributions.faithfulness import check_removal
from analysis.interpret.attributions.parameters import AttributionsParameters
from analysis.interpret.attributions.randomisation import cascade_likeness, maps_of_random_networks


def attributions(
    cleaned_manifest: pd.DataFrame,
    scan: pd.DataFrame,
    predictions: pd.DataFrame,
    model: Path,
    *,
    parameters: AttributionsParameters,
    seed: int,
) -> Iterator[dict[str, np.ndarray]]:
    """Attribute a sample of predictions, check the maps, and yield those of each random network.

    Raises
    ------
    NothingToJudgeError
        If no image has both a picture and a label.
    InputError
        If the classifier is of other classes than the manifest.
    """
    images, split = sample_predictions(
        readable_images(cleaned_manifest, scan),
        predictions,
        right_per_class=parameters.right_per_class,
        wrong_per_class=parameters.wrong_per_class,
        seed=seed,
    )
    explained = explain_predictions(
        model,
        images,
        list(cleaned_manifest["label"].cat.categories),
        methods=parameters.methods,
        layer=parameters.layer,
        batch_images=parameters.batch_images,
        device=parameters.device,
    )
    checked = explained.right_sample(parameters.n_checked_images, seed=seed)
    curves, areas = check_removal(explained, checked, n_steps=parameters.n_removal_steps, seed=seed)
    for maps in maps_of_random_networks(explained, n_networks=parameters.n_random_networks, seed=seed):
        yield {"random_maps": maps[np.newaxis]}  # (R, H, W) -> (1, R, H, W)
    n_right, n_wrong = len(explained.right), len(images) - len(explained.right)
    return Artifacts(
        summary=f"{n_right:,} right and {n_wrong:,} wrong predictions of the {split} split attributed at "
        f"{explained.layer}, beside {parameters.n_random_networks} random networks",
        metrics={"n_right": n_right, "n_wrong": n_wrong, "n_checked": len(checked)},
        tables={
            **_arrays(explained),
            "attributed_images": _table(explained),
            "removal_curves": curves,
            "removal_areas": areas,
            "cascade": cascade_likeness(explained, checked, seed=seed),
        },
    )


def _arrays(explained: Explained) -> dict[str, np.ndarray]:
    return {
        "attributed_pixels": explained.pixels,
        "attribution_maps": np.stack([*explained.maps.values()]),  # (M, N, H, W), by method
        "actual_class_maps": explained.actual_maps,
    }


def _table(explained: Explained) -> pd.DataFrame:
    """One row per picture: the prediction that is explained, and at which layer."""
    table = explained.images.drop(columns=["path", "value_range", "is_truncated", "split"])
    return table.assign(layer=explained.layer, layer_cells=explained.layer_cells)

"""How does one recipe do with one seed?

Method: `baseline_resnet`'s training with the recipe's changes; the seed draws the weights, the sample of
training images and their order. Validation and test are predicted with the weights that validation chose.
FLOPs are those of one image's forward pass, a multiplication and an addition counted as two; torch counts
convolutions and matrix products, which are nearly all.

How the result misleads: see `compare_models`. The time is of one training on this machine, with whatever else
ran on it, and of what was left of it if it was resumed.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analysis.runner import run_stage
from analysis.stage import Artifacts
from models.baseline_resnet import BaselineResnetParameters
from models.recipes import CompareModelsParameters, recipe_parameters

if TYPE_CHECKING:
    from models.fitting import FittedClassifier
    from models.networks import ImageClassifier


def train_recipe(
    cleaned_manifest: pd.DataFrame,
    scan: pd.DataFrame,
    normalisation: pd.DataFrame,
    methods: pd.DataFrame,
    augmentations: pd.DataFrame,
    thumbnails: np.ndarray,
    *,
    compare_models: CompareModelsParameters,
    baseline_resnet: BaselineResnetParameters,
    arguments: list[str],
    dvclive: Path,
) -> Artifacts:
    """Train the recipe with the seed that `arguments` names.

    Raises
    ------
    InputError
        If a recipe that is to be compared changes a key that there is not, so that the first training stops
        rather than the last; and where `fit_classifier` does.
    """
    from models.devices import prepare_device
    from models.fitting import fit_classifier
    from models.inference import predict_held_out

    recipe, seed = arguments[0], int(arguments[1])
    parameters = {
        name: recipe_parameters(name, compare_models, baseline_resnet) for name in compare_models.compared
    }[recipe]
    started = time.perf_counter()
    fitted = fit_classifier(
        cleaned_manifest,
        scan,
        normalisation,
        methods,
        augmentations,
        thumbnails,
        parameters=parameters,
        seed=seed,
        dvclive=dvclive,
        checkpoints=dvclive.parent / "checkpoints",
    )
    seconds = time.perf_counter() - started
    predictions = predict_held_out(
        fitted.classifier,
        cleaned_manifest,
        scan,
        batch_images=parameters.batch_images,
        device=prepare_device(parameters.device),
    )
    is_right = predictions["label"].astype(str) == predictions["predicted_label"].astype(str)
    return Artifacts(
        summary=f"{recipe}, seed {seed}: {is_right.mean():.1%} of {len(predictions):,} held-out images right",
        metrics=_metrics(fitted),
        tables={"predictions": predictions, "timing": _timing(fitted, seconds, parameters.device)},
    )


def _metrics(fitted: FittedClassifier) -> dict[str, float]:
    return {
        "n_training_images": len(fitted.images["train"]),
        "n_epochs": len(fitted.run.curves),
        "best_epoch": fitted.run.best_epoch,
        "n_parameters": sum(weights.numel() for weights in fitted.classifier.parameters()),
        "n_flops": count_flops(fitted.classifier),
    }


def count_flops(classifier: ImageClassifier) -> int:
    """Of one image's forward pass, a multiplication and an addition counted as two."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    device = next(classifier.parameters()).device
    image = torch.zeros(1, 3, classifier.input_px, classifier.input_px, device=device)
    classifier.eval()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        classifier(image)
    return counter.get_total_flops()


def _timing(fitted: FittedClassifier, seconds: float, device: str) -> pd.DataFrame:
    """Apart from all else, because no two runs take the same time."""
    from analysis.cores import available_cores
    from models.devices import prepare_device

    n_seen = len(fitted.images["train"]) * len(fitted.run.curves)
    return pd.DataFrame(
        {
            "seconds": [round(seconds, 2)],
            "images_per_second": [round(n_seen / seconds, 1)],
            "device": [prepare_device(device).type],
            "n_cores": [available_cores()],
        }
    )


if __name__ == "__main__":
    run_stage(train_recipe)

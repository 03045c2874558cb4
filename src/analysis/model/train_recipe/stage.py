from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.contract import Artifacts
from analysis.cores import available_cores
from analysis.model.compare_models.parameters import CompareModelsParameters
from analysis.model.recipes import recipe_parameters
from models.inference import PREDICTED_TOGETHER, predict_held_out
from models.networks.classifier import count_flops
from models.training.devices import prepare_device
from models.training.fitting import FittedClassifier, fit_classifier
from models.training.inputs import TrainingInputs, advice_of
from models.training.parameters import TrainingParameters


def train_recipe(
    cleaned_manifest: pd.DataFrame,
    scan: pd.DataFrame,
    thumbnails: np.ndarray,
    *,
    channel_statistics: pd.DataFrame,
    interpolation_methods: pd.DataFrame,
    augmentation_verdicts: pd.DataFrame,
    compare_models: CompareModelsParameters,
    baseline_resnet: TrainingParameters,
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
    recipe, seed = arguments[0], int(arguments[1])
    parameters = {
        name: recipe_parameters(name, compare_models, baseline_resnet) for name in compare_models.compared
    }[recipe]
    started = time.perf_counter()
    advice = advice_of(channel_statistics, interpolation_methods, augmentation_verdicts)
    fitted = fit_classifier(
        TrainingInputs(cleaned_manifest, scan, thumbnails, advice),
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
        batch_images=PREDICTED_TOGETHER,
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


def _timing(fitted: FittedClassifier, seconds: float, device: str) -> pd.DataFrame:
    """Apart from all else, because no two runs take the same time."""
    n_seen = len(fitted.images["train"]) * len(fitted.run.curves)
    return pd.DataFrame(
        {
            "seconds": [round(seconds, 2)],
            "images_per_second": [round(n_seen / seconds, 1)],
            "device": [prepare_device(device).type],
            "n_cores": [available_cores()],
        }
    )

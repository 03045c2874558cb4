"""Hard-example mining: train again on hard images more often, and see whom it helps and whom it harms.

Two networks are trained from the same start, for the same number of epochs, on the same number of images. To
the training images of one, the hard ones are added once more as often as asked; to those of the other, as
many drawn at random, so that what more steps do is not mistaken for what the hard images do.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

from analysis.statistics.paired import mcnemar_p_value, newcombe_interval
from analysis.statistics.proportions import proportion_of
from analysis.statistics.rank_tests import holm
from models.inference import PREDICTED_TOGETHER, predict_held_out
from models.training.devices import prepare_device
from models.training.fitting import fit_classifier
from models.training.inputs import TrainingInputs
from models.training.parameters import TrainingParameters

GROUPS = ("confused classes", "other classes", "all classes")


def compare_training(
    inputs: TrainingInputs,
    *,
    trained_on: pd.Series,
    repeated: pd.Series,
    n_repeats: int,
    baseline: TrainingParameters,
    seed: int,
) -> pd.DataFrame:
    """Train twice; what either network predicts of the held-out images.

    Parameters
    ----------
    trained_on, repeated
        item_ids of the training images, and of those that are added `n_repeats` times.

    Returns
    -------
    DataFrame
        `item_id`, `split`, `label`, `predicted_random`, `predicted_hard`.
    """
    rng = np.random.default_rng(seed)
    extra = {
        "hard": np.tile(repeated.to_numpy(), n_repeats),
        "random": rng.choice(trained_on.to_numpy(), len(repeated) * n_repeats),
    }
    manifest, tables = inputs.manifest, {}
    for name, item_ids in extra.items():
        rows = np.concatenate([trained_on.to_numpy(), item_ids])
        parts = [manifest[manifest["split"] == "train"].set_index("item_id").loc[rows].reset_index()]
        parts.append(manifest[manifest["split"] != "train"])
        tables[name] = _predict_after_training(
            replace(inputs, manifest=pd.concat(parts, ignore_index=True)), baseline=baseline, seed=seed
        ).rename(columns={"predicted_label": f"predicted_{name}"})
    return tables["random"].merge(tables["hard"][["item_id", "predicted_hard"]], on="item_id", validate="1:1")


def _predict_after_training(
    inputs: TrainingInputs, *, baseline: TrainingParameters, seed: int
) -> pd.DataFrame:
    """Train on a manifest in which images may stand several times; predict what is held out."""
    manifest = inputs.manifest
    aligned = inputs.scan.set_index("item_id").loc[manifest["item_id"]].reset_index()
    with TemporaryDirectory() as folder:
        fitted = fit_classifier(
            replace(inputs, scan=aligned),
            parameters=baseline.model_copy(update={"max_training_images": None}),
            seed=seed,
            dvclive=Path(folder, "dvclive"),
            checkpoints=Path(folder, "checkpoints"),
        )
    return predict_held_out(
        fitted.classifier,
        manifest,
        aligned,
        batch_images=PREDICTED_TOGETHER,
        device=prepare_device(baseline.device),
    )


def tabulate_gains(predictions: pd.DataFrame, confused: set[str]) -> pd.DataFrame:
    """Accuracy with hard images repeated against random ones, on the same images.

    Parameters
    ----------
    predictions
        As `compare_training` gives them.
    confused
        Labels of the confused pairs.

    Returns
    -------
    DataFrame
        One row per split and group of classes: `split`, `classes`, `n_items`, `accuracy_random`,
        `accuracy_hard`, `gain` with the 95% interval of Newcombe (1998, method 10), `p_value_holm` of
        McNemar's exact test, corrected for the number of rows.
    """
    labels = predictions["label"].astype(str)
    is_confused = labels.isin(confused)
    masks = dict(zip(GROUPS, (is_confused, ~is_confused, is_confused | True), strict=True))
    rows = []
    for split in ("validation", "test"):
        for classes, mask in masks.items():
            group = predictions[mask & (predictions["split"] == split)]
            rows.append({"split": split, "classes": classes, **_paired(group)})
    table = pd.DataFrame(rows)
    return table.assign(p_value_holm=holm(table.pop("p_value").to_numpy()))


def _paired(group: pd.DataFrame) -> dict[str, float]:
    labels = group["label"].astype(str)
    random, hard = (labels == group[f"predicted_{name}"].astype(str) for name in ("random", "hard"))
    n = np.array([len(group)])
    n_gained, n_lost = np.array([(~random & hard).sum()]), np.array([(random & ~hard).sum()])
    (low,), (high,) = newcombe_interval(n_gained, n_lost, n, n_both=np.array([(random & hard).sum()]))
    return {
        "n_items": len(group),
        "accuracy_random": float(proportion_of(random.sum(), len(group))),
        "accuracy_hard": float(proportion_of(hard.sum(), len(group))),
        "gain": float(proportion_of(n_gained - n_lost, n)[0]),
        "gain_low": float(low),
        "gain_high": float(high),
        "p_value": float(mcnemar_p_value(n_gained, n_lost, n)[0]),
    }

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.contract import Artifacts
from analysis.interpret.retrain_on_hard.mining import compare_training, tabulate_gains
from analysis.interpret.retrain_on_hard.parameters import RetrainOnHardParameters
from models.training.inputs import TrainingInputs, advice_of
from models.training.parameters import TrainingParameters

CAPTION = (
    "One row per split and group of classes: accuracy of a network that saw the hard images "
    "{n_repeats} times more often, and of its control, which saw as many more images at random; gain is the "
    "difference on the same images, with its 95% interval (Newcombe 1998), p_value_holm that of McNemar's "
    "test. Validation chose the pairs and the epochs: believe test."
)


def retrain_on_hard(
    hard_examples: pd.DataFrame,
    cleaned_manifest: pd.DataFrame,
    scan: pd.DataFrame,
    thumbnails: np.ndarray,
    *,
    channel_statistics: pd.DataFrame,
    interpolation_methods: pd.DataFrame,
    augmentation_verdicts: pd.DataFrame,
    parameters: RetrainOnHardParameters,
    baseline_resnet: TrainingParameters,
    seed: int,
) -> Artifacts:
    """Train twice more, if that is asked for, on images that `hard_examples` names and on random ones."""
    trained_on = hard_examples.loc[hard_examples["was_trained_on"], "item_id"]
    if not parameters.retrain or trained_on.empty:
        return _no_training(parameters)
    repeated = hard_examples.loc[hard_examples["is_worth_repeating"], "item_id"]
    advice = advice_of(channel_statistics, interpolation_methods, augmentation_verdicts)
    predictions = compare_training(
        TrainingInputs(cleaned_manifest, scan, thumbnails, advice),
        trained_on=trained_on,
        repeated=repeated,
        n_repeats=parameters.n_repeats,
        baseline=baseline_resnet,
        seed=seed,
    )
    confused = hard_examples.loc[hard_examples["pair"].notna(), "label"]
    gains = tabulate_gains(predictions, {*confused.astype(str)})
    gain = gains.set_index(["split", "classes"])["gain"]["test", "all classes"]
    return Artifacts(
        summary=f"{len(repeated):,} hard images shown {parameters.n_repeats} times more often change the "
        f"accuracy on test by {100 * gain:+.1f} points",
        metrics={"n_repeated": len(repeated), "test_gain": gain},
        tables={"mining": gains.round(4)},
        captions={"mining": CAPTION.format(n_repeats=parameters.n_repeats)},
    )


def _no_training(parameters: RetrainOnHardParameters) -> Artifacts:
    """Without a caption the report shows no empty table."""
    reason = "nothing is known of how training went" if parameters.retrain else "not asked for"
    return Artifacts(
        summary=f"no second training: {reason}",
        metrics={"n_repeated": 0, "test_gain": np.nan},
        tables={"mining": pd.DataFrame(columns=["split"])},
    )

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.contract import Artifacts
from analysis.scrub.label_probabilities.out_of_sample import predict_out_of_sample
from analysis.scrub.label_probabilities.parameters import LabelProbabilitiesParameters

CAPTION = (
    "One row per model and round, asked about images that it had not seen: how sure it was of the given "
    "labels (log_loss, 0 is perfect), how often it agreed, and its weight in the mixture that judges them. "
    "In the second round the labels that the first doubted most were not taught."
)


def label_probabilities(
    manifest: pd.DataFrame,
    scan: pd.DataFrame,
    thumbnails: np.ndarray,
    embeddings: np.ndarray,
    duplicate_pairs: pd.DataFrame,
    *,
    parameters: LabelProbabilitiesParameters,
    seed: int,
) -> Artifacts:
    """Predict the class of every labelled image of every split by models that have not seen it."""
    predicted = predict_out_of_sample(
        manifest, scan, thumbnails, embeddings, duplicate_pairs, parameters=parameters, seed=seed
    )
    n_predicted = int(np.isfinite(predicted.probabilities).any(axis=1).sum())
    final = predicted.models.tail(1)
    return Artifacts(
        summary=f"{n_predicted:,} images predicted in {parameters.n_folds} folds"
        + "".join(f", {row.accuracy:.1%} as labelled" for row in final.itertuples()),
        metrics={
            "n_predicted": n_predicted,
            "n_classes": predicted.probabilities.shape[1],
            "log_loss": float(final["log_loss"].iloc[0]) if len(final) else np.nan,
        },
        tables={"class_probabilities": predicted.probabilities, "label_models": predicted.models},
        captions={"label_models": CAPTION},
        notes=_notes(predicted.models),
    )


def _notes(models: pd.DataFrame) -> list[str]:
    last = models[models["round"].eq(models["round"].iloc[-1])] if len(models) else models
    weighed = last[last["model"] != "mixture"].sort_values("weight", ascending=False, kind="stable")
    if len(weighed) < 2:
        return []
    shares = ", ".join(f"{row.model.replace('_', ' ')} {row.weight:.0%}" for row in weighed.itertuples())
    return [
        "Labels are judged by a mixture of models, weighed so that it is least surprised by the labels of "
        f"images that it has not seen: {shares}."
    ]

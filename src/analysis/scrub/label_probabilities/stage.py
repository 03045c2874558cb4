from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.contract import Artifacts
from analysis.scrub.label_probabilities.out_of_sample import probabilities_out_of_sample
from analysis.scrub.label_probabilities.parameters import LabelProbabilitiesParameters


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
    """Predict the class of every labelled image of every split by a model that has not seen it."""
    probabilities = probabilities_out_of_sample(
        manifest, scan, thumbnails, embeddings, duplicate_pairs, parameters=parameters, seed=seed
    )
    n_predicted = int(np.isfinite(probabilities).any(axis=1).sum())
    return Artifacts(
        summary=f"{n_predicted:,} images predicted by {parameters.model.replace('_', ' ')}, "
        f"in {parameters.n_folds} folds",
        metrics={"n_predicted": n_predicted, "n_classes": probabilities.shape[1]},
        tables={"class_probabilities": probabilities},
    )

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.contract import Artifacts
from analysis.dataset.readable import is_usable
from analysis.dataset.samples import sample_of_training
from analysis.explore.visual_features.features import measure_images
from analysis.explore.visual_features.parameters import VisualFeaturesParameters


def visual_features(
    manifest: pd.DataFrame,
    scan: pd.DataFrame,
    embeddings: np.ndarray,
    *,
    parameters: VisualFeaturesParameters,
    seed: int,
) -> Artifacts:
    """Measure a balanced sample of the labelled training images that have an embedding to compare with.

    Without a training split the sample is of all splits.
    """
    images = manifest.assign(value_range=scan["value_range"].to_numpy(object))
    images = images[is_usable(manifest, scan) & ~np.isnan(embeddings[:, 0])]
    images = sample_of_training(images, parameters.max_images, seed=seed)
    features = measure_images(images)
    n_classes = images["label"].nunique()
    return Artifacts(
        summary=f"{len(images):,} images of {n_classes:,} classes measured",
        metrics={"n_images": len(images), "n_classes": n_classes},
        tables={"picture_features": features.assign(item_id=images["item_id"].to_numpy())},
    )

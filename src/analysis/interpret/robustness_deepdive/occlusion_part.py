"""Which part of a picture the prediction hangs on."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.contract import Artifacts
from analysis.dataset.samples import balanced_sample
from analysis.interpret.robustness_deepdive.figures import plot_occlusion
from analysis.interpret.robustness_deepdive.trials import Trials


def show_occlusion(trials: Trials, n: int, *, seed: int) -> Artifacts:
    """Maps of some right and some wrong predictions, the same number of each class."""
    codes = trials.trial_images["class_index"].to_numpy()
    places = [np.flatnonzero(mask) for mask in (trials.is_right, ~trials.is_right)]
    shown = np.concatenate([rows[balanced_sample(codes[rows], n, seed=seed)] for rows in places])
    if len(shown) == 0:
        return Artifacts()
    chosen = trials.trial_images.iloc[shown].reset_index(drop=True)
    kept = pd.Index(trials.occluded_images["item_id"]).get_indexer(chosen["item_id"])
    maps = trials.occlusion_maps[kept]
    table = pd.DataFrame(
        {
            "item_id": chosen["item_id"],
            "label": chosen["label"].astype(str),
            "predicted_label": chosen["predicted_label"].astype(str),
            "probability": trials.occluded_images["probability"].to_numpy()[kept],
            "largest_drop": maps.max(axis=(1, 2)),
        }
    )
    pictures, patch_px = trials.pictures(chosen["item_id"]), trials.occluded_images["patch_px"].iloc[0]
    return Artifacts(figures=[plot_occlusion(pictures, maps, table, patch_px=patch_px, split=trials.split)])

"""The pairs of classes that are confused most, and each image's place between them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.interpret.hard_examples.hardness import (
    confused_pairs,
    log_probabilities,
    nearest_pair,
    tabulate_pairs,
)
from analysis.interpret.judged_images import split_to_judge


@dataclass(frozen=True)
class Pairs:
    """The confused pairs, the split they were chosen on and the one they are described on."""

    table: pd.DataFrame
    chosen_on: str
    judged: str


def with_pairs(images: pd.DataFrame, predictions: pd.DataFrame, n_pairs: int) -> tuple[Pairs, pd.DataFrame]:
    """The most confused pairs, chosen without the test split, and each image's place between them."""
    judged = predictions.set_index("item_id").loc[images["item_id"]]
    held_out = judged[judged["split"] == "validation"]
    chosen_on = "validation" if len(held_out) else split_to_judge(judged)
    chosen = judged[judged["split"] == chosen_on]
    pairs = confused_pairs(
        np.exp(log_probabilities(chosen)),
        chosen["label"].cat.codes.to_numpy(),
        list(judged["label"].cat.categories),
        n_pairs=n_pairs,
    )
    split = split_to_judge(judged)
    described = tabulate_pairs(pairs, judged[judged["split"] == split])
    near = nearest_pair(judged, pairs).set_axis(images.index)
    images = images.assign(pair=near["pair"], pair_log_odds=near["pair_log_odds"])
    table = described.assign(first=pairs["first"], second=pairs["second"])
    return Pairs(table, chosen_on, split), images

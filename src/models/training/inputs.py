"""What a training starts from: the images, and what other stages advise about them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from models.augmentation.flips import safe_flips

CHANNELS = ["red", "green", "blue"]
DEFAULT_INTERPOLATION = "bilinear"  # where the stage `interpolation` could recommend none


@dataclass(frozen=True)
class Advice:
    """What training needs of other stages' tables.

    Attributes
    ----------
    mean, std
        Of the channels over the training images, in [0, 1].
    interpolation
        The one to resize with.
    safe_flips
        By the name of the flip, the labels whose images it leaves in their class.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    interpolation: str
    safe_flips: Mapping[str, frozenset[str]]


def advice_of(
    channel_statistics: pd.DataFrame, interpolation_methods: pd.DataFrame, augmentation_verdicts: pd.DataFrame
) -> Advice:
    """The advice in the tables of `image_stats`, `interpolation` and `geometric`."""
    channels = channel_statistics.set_index("channel").loc[CHANNELS]
    methods = interpolation_methods
    recommended = methods.loc[methods["is_recommended"].eq(True), "method"]
    return Advice(
        mean=tuple(channels["mean"]),
        std=tuple(channels["std"]),
        interpolation=recommended.iloc[0] if len(recommended) else DEFAULT_INTERPOLATION,
        safe_flips=safe_flips(augmentation_verdicts),
    )


@dataclass(frozen=True)
class TrainingInputs:
    """The images to train on and to validate on, and what is advised.

    Attributes
    ----------
    manifest, scan
        Rows in the same order.
    thumbnails
        uint8 (N, 32, 32, 3) of all items: by them a training image is found that validation or test hold too.
    """

    manifest: pd.DataFrame
    scan: pd.DataFrame
    thumbnails: np.ndarray
    advice: Advice

    @property
    def classes(self) -> list[str]:
        """In the order of the network's outputs."""
        return list(self.manifest["label"].cat.categories)

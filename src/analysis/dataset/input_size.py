"""Which network is trained, where it starts, and the side of the square that it brings every image to.

Free of torch, as the stages that judge resizing ask too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd

from analysis.contract import NO_FILE
from analysis.dataset.readable import is_readable

SCRATCH_SIZES_PX = (16, 32, 64)  # chosen from where a person names none
PRETRAINED_SIZES_PX = (96, 128)  # weights of photographs tell little at less; more costs more than it brings
TINY_PX = 16  # up to this input, the stem for photographs would leave the first block fewer than 5×5 pixels
LITE = "efficientnet_lite0"


class NetworkChoice(NamedTuple):
    """What `auto` stands for on a dataset: no value is `auto` any more."""

    architecture: str
    weights: str
    input_px: int


def choose_network(
    scan: pd.DataFrame,
    *,
    architecture: str,
    weights: str,
    checkpoint: str = NO_FILE,
    input_px: Literal["auto"] | int,
) -> NetworkChoice:
    """What is trained: photographs on installed weights, what is tiny or asks for others a ResNet18.

    It depends on the images and the parameters alone, never on what this machine's network answers.
    """
    own_px = suited_input_px(scan) if input_px == "auto" else input_px
    if architecture == "auto":
        suits = weights == "auto" and checkpoint == NO_FILE and own_px > TINY_PX
        architecture = LITE if suits else "resnet18"
    if weights == "auto":
        weights = "imagenet" if architecture == LITE else "scratch"
    if input_px == "auto" and weights != "scratch" and checkpoint == NO_FILE:
        own_px = suited_input_px(scan, PRETRAINED_SIZES_PX)
    return NetworkChoice(architecture, weights, own_px)


def suited_input_px(scan: pd.DataFrame, sizes_px: Sequence[int] = SCRATCH_SIZES_PX) -> int:
    """The smallest of `sizes_px`, which rise, that holds `median_side_px`, else the largest."""
    median_side = median_side_px(scan)
    return next((px for px in sizes_px if median_side <= px), sizes_px[-1])


def median_side_px(scan: pd.DataFrame) -> float:
    """Of the readable images; a side is that of a square of the same area."""
    sizes = scan.loc[is_readable(scan), ["width_px", "height_px"]].astype(float)
    return float(np.sqrt(sizes.prod(axis=1)).median())

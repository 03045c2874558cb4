"""How training images are changed at random. Free of torch, as every stage reads every stage's parameters."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from analysis.contract import StageParameters

Flip = Literal["auto"] | bool
Fraction = Annotated[float, Field(ge=0, le=1)]


class AugmentationParameters(StageParameters):
    """`baseline_resnet.augmentation` in params.yaml, where each key is explained; 0 turns a change off."""

    horizontal_flip: Flip
    vertical_flip: Flip
    shift_fraction: Annotated[float, Field(ge=0, le=0.5)]
    min_crop_area: Annotated[float, Field(gt=0, le=1)]
    colour_jitter: Fraction
    rand_augment_operations: Annotated[int, Field(ge=0, le=14)]
    rand_augment_magnitude: Annotated[int, Field(ge=0, le=30)]
    erasing_probability: Fraction
    mixup_alpha: Annotated[float, Field(ge=0)]
    cutmix_alpha: Annotated[float, Field(ge=0)]

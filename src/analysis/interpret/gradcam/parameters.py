from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from analysis.contract import Device, StageParameters


class GradcamParameters(StageParameters):
    """What is attributed, how, and when a class is flagged; see params.yaml."""

    methods: Annotated[
        tuple[Literal["gradcam", "guided_gradcam", "integrated_gradients"], ...], Field(min_length=1)
    ]
    layer: Literal["auto", "layer1", "layer2", "layer3", "layer4"]
    right_per_class: Annotated[int, Field(ge=1)]
    wrong_per_class: Annotated[int, Field(ge=0)]
    border_fraction: Annotated[float, Field(gt=0, lt=0.5)]
    masks: Path
    n_random_networks: Annotated[int, Field(ge=1)]
    significance_level: Annotated[float, Field(gt=0, lt=1)]
    min_excess_share: Annotated[float, Field(ge=0, le=1)]
    n_checked_images: Annotated[int, Field(ge=1)]
    n_removal_steps: Annotated[int, Field(ge=2)]
    shown_per_class: Annotated[int, Field(ge=1)]
    batch_images: Annotated[int, Field(ge=1)]
    device: Device

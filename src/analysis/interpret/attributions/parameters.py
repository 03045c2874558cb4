from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from analysis.contract import Device, StageParameters


class AttributionsParameters(StageParameters):
    """What is attributed, and how; see params.yaml."""

    methods: Annotated[
        tuple[Literal["gradcam", "guided_gradcam", "integrated_gradients"], ...], Field(min_length=1)
    ]
    layer: Literal["auto", "layer1", "layer2", "layer3", "layer4"]
    right_per_class: Annotated[int, Field(ge=1)]
    wrong_per_class: Annotated[int, Field(ge=0)]
    n_random_networks: Annotated[int, Field(ge=1)]
    n_checked_images: Annotated[int, Field(ge=1)]
    n_removal_steps: Annotated[int, Field(ge=2)]
    batch_images: Annotated[int, Field(ge=1)]
    device: Device

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from analysis.contract import Device, StageParameters


class EmbedParameters(StageParameters):
    backbone: Literal["patches", "resnet18", "resnet34", "resnet50"]
    n_filters: Annotated[int, Field(ge=8, le=4096)]
    n_dimensions: Annotated[int, Field(ge=2, le=2048)]
    max_fitting_images: Annotated[int, Field(ge=2)]
    input_px: Annotated[int, Field(ge=32, le=1024)]
    batch_images: Annotated[int, Field(ge=1)]
    device: Device

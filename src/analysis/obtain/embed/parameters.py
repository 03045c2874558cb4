from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from analysis.contract import Device, StageParameters

# of timm's, a model and the commit of its repository on the Hugging Face hub, so that weights stay the same
Timms = Annotated[str, Field(pattern=r"^timm:[\w.-]+@[0-9a-f]{40}$")]


class EmbedParameters(StageParameters):
    backbone: Literal["efficientnet_lite0", "patches", "resnet18", "resnet34", "resnet50"] | Timms
    n_filters: Annotated[int, Field(ge=8, le=4096)]
    n_dimensions: Annotated[int, Field(ge=2, le=2048)]
    max_fitting_images: Annotated[int, Field(ge=2)]
    input_px: Literal["auto"] | Annotated[int, Field(ge=32, le=1024)]
    batch_images: Annotated[int, Field(ge=1)]
    device: Device

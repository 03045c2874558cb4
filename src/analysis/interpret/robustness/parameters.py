from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from analysis.contract import Device, StageParameters


class RobustnessParameters(StageParameters):
    """Size of the sample and what is flagged; see params.yaml."""

    max_images: Literal["auto"] | Annotated[int, Field(ge=1)]
    max_mild_drop: float = Field(ge=0, lt=1)
    class_margin: float = Field(ge=0, le=1)
    significance_level: float = Field(gt=0, lt=1)
    batch_images: int = Field(ge=1)
    device: Device

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from analysis.contract import Device, StageParameters


class CorruptionTrialsParameters(StageParameters):
    """Size of the sample and how the work is done; see params.yaml."""

    max_images: Literal["auto"] | Annotated[int, Field(ge=1)]
    batch_images: Annotated[int, Field(ge=1)]
    device: Device

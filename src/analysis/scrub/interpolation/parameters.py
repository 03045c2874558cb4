from __future__ import annotations

from typing import Annotated

from pydantic import Field

from analysis.contract import StageParameters


class InterpolationParameters(StageParameters):
    """Size of the sample and what a recommendation asks for; see params.yaml."""

    sample_images: Annotated[int, Field(ge=2)]
    min_ssim_gain: Annotated[float, Field(ge=0, le=1)]

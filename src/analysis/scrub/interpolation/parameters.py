from __future__ import annotations

from typing import Annotated

from pydantic import Field

from analysis.contract import StageParameters


class InterpolationParameters(StageParameters):
    min_ssim_gain: Annotated[float, Field(ge=0, le=1)]

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from analysis.contract import StageParameters


class LinearProbeParameters(StageParameters):
    max_training_images: Annotated[int, Field(ge=2)]

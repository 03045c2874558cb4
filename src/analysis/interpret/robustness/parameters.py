from __future__ import annotations

from typing import Annotated

from pydantic import Field

from analysis.contract import StageParameters


class RobustnessParameters(StageParameters):
    """What is flagged; see params.yaml."""

    max_mild_drop: Annotated[float, Field(ge=0, lt=1)]
    class_margin: Annotated[float, Field(ge=0, le=1)]
    significance_level: Annotated[float, Field(gt=0, lt=1)]

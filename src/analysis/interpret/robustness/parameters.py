from __future__ import annotations

from pydantic import Field

from analysis.contract import StageParameters


class RobustnessParameters(StageParameters):
    """What is flagged; see params.yaml."""

    max_mild_drop: float = Field(ge=0, lt=1)
    class_margin: float = Field(ge=0, le=1)
    significance_level: float = Field(gt=0, lt=1)

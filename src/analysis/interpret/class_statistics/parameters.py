from __future__ import annotations

from pydantic import Field

from analysis.contract import StageParameters


class ClassStatisticsParameters(StageParameters):
    """When a class stands out; see params.yaml."""

    odd_beyond: float = Field(gt=0)

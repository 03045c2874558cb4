from __future__ import annotations

from typing import Annotated

from pydantic import Field

from analysis.contract import StageParameters


class ClassStatisticsParameters(StageParameters):
    """When a class stands out; see params.yaml."""

    odd_beyond: Annotated[float, Field(gt=0)]

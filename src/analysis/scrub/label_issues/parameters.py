from __future__ import annotations

from typing import Annotated

from pydantic import Field

from analysis.contract import StageParameters


class LabelIssuesParameters(StageParameters):
    min_score: Annotated[float, Field(ge=0, le=1)]
    anchor_fraction: Annotated[float, Field(gt=0, le=0.5)]
    max_class_noise: Annotated[float, Field(ge=0, le=1)]
    max_suspects_shown: Annotated[int, Field(ge=1, le=200)]

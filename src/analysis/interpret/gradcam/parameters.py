from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from analysis.contract import StageParameters


class GradcamParameters(StageParameters):
    """What is counted, when a class is flagged, and what is shown; see params.yaml."""

    border_fraction: Annotated[float, Field(gt=0, lt=0.5)]
    masks: Path
    significance_level: Annotated[float, Field(gt=0, lt=1)]
    min_excess_share: Annotated[float, Field(ge=0, le=1)]
    shown_per_class: Annotated[int, Field(ge=1)]

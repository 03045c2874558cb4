from __future__ import annotations

from typing import Annotated

from pydantic import Field

from analysis.contract import StageParameters


class LatentStructureParameters(StageParameters):
    outlier_significance_level: Annotated[float, Field(gt=0, lt=1)]
    max_unusual_shown: Annotated[int, Field(ge=0, le=60)]

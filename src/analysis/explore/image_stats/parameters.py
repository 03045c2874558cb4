from __future__ import annotations

from typing import Annotated

from pydantic import Field

from analysis.contract import StageParameters


class ImageStatsParameters(StageParameters):
    """Thresholds on differences and the number of extreme images; see params.yaml."""

    significance_level: Annotated[float, Field(gt=0, lt=1)]
    min_shortcut_auroc: Annotated[float, Field(ge=0.5, le=1)]
    min_split_difference: Annotated[float, Field(ge=0, le=1)]
    n_extremes: Annotated[int, Field(ge=1, le=12)]

from __future__ import annotations

from pydantic import Field

from analysis.contract import StageParameters


class ImageStatsParameters(StageParameters):
    """Thresholds on differences and the number of extreme images; see params.yaml."""

    significance_level: float = Field(gt=0, lt=1)
    min_shortcut_auroc: float = Field(ge=0.5, le=1)
    min_split_difference: float = Field(ge=0, le=1)
    n_extremes: int = Field(ge=1, le=12)

from __future__ import annotations

from pydantic import Field

from analysis.contract import StageParameters


class ClassImbalanceParameters(StageParameters):
    """Sizes of sample and model, and the threshold; see params.yaml."""

    max_images: int = Field(ge=50)
    n_components: int = Field(ge=1, le=500)
    alpha: float = Field(gt=0)
    significance_level: float = Field(gt=0, lt=1)
    min_recall_lost: float = Field(ge=0, le=1)

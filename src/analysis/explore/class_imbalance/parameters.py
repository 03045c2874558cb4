from __future__ import annotations

from typing import Annotated

from pydantic import Field

from analysis.contract import StageParameters


class ClassImbalanceParameters(StageParameters):
    """Sizes of sample and model, and the threshold; see params.yaml."""

    max_images: Annotated[int, Field(ge=50)]
    n_components: Annotated[int, Field(ge=1, le=500)]
    alpha: Annotated[float, Field(gt=0)]
    significance_level: Annotated[float, Field(gt=0, lt=1)]
    min_recall_lost: Annotated[float, Field(ge=0, le=1)]

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from analysis.contract import StageParameters


class LabelAnalysisParameters(StageParameters):
    """Thresholds on counts and shifts; see params.yaml."""

    head_above: Annotated[int, Field(ge=1)]
    tail_below: Annotated[int, Field(ge=1)]
    min_training_images: Annotated[int, Field(ge=1)]
    min_evaluation_images: Annotated[int, Field(ge=1)]
    max_imbalance_ratio: Annotated[float, Field(ge=1)]
    significance_level: Annotated[float, Field(gt=0, lt=1)]
    min_label_shift: Annotated[float, Field(ge=0, le=1)]
    n_permutations: Annotated[int, Field(ge=99)]

    @model_validator(mode="after")
    def tail_ends_where_head_begins(self) -> LabelAnalysisParameters:
        if self.tail_below > self.head_above + 1:
            raise ValueError(f"tail_below ({self.tail_below}) overlaps head_above ({self.head_above})")
        return self

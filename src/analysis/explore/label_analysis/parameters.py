from __future__ import annotations

from pydantic import Field, model_validator

from analysis.contract import StageParameters


class LabelAnalysisParameters(StageParameters):
    """Thresholds on counts and shifts; see params.yaml."""

    head_above: int = Field(ge=1)
    tail_below: int = Field(ge=1)
    min_training_images: int = Field(ge=1)
    min_evaluation_images: int = Field(ge=1)
    max_imbalance_ratio: float = Field(ge=1)
    significance_level: float = Field(gt=0, lt=1)
    min_label_shift: float = Field(ge=0, le=1)
    n_permutations: int = Field(ge=99)

    @model_validator(mode="after")
    def tail_ends_where_head_begins(self) -> LabelAnalysisParameters:
        if self.tail_below > self.head_above + 1:
            raise ValueError(f"tail_below ({self.tail_below}) overlaps head_above ({self.head_above})")
        return self

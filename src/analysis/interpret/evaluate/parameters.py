from __future__ import annotations

from typing import Annotated

from pydantic import Field

from analysis.contract import StageParameters
from analysis.interpret.predict.parameters import MAX_MISTAKES, MAX_PAIRS

ClassName = Annotated[str, Field(coerce_numbers_to_str=True)]  # YAML reads the class "7" as a number


class EvaluateParameters(StageParameters):
    """Thresholds and sizes; see params.yaml."""

    minimum_accuracy: Annotated[float, Field(ge=0, le=1)]
    fail_below_minimum: bool
    recall_margin: Annotated[float, Field(ge=0, le=1)]
    max_overconfidence: Annotated[float, Field(ge=0, le=1)]
    class_groups: dict[ClassName, Annotated[list[ClassName], Field(min_length=1)]]
    n_mistakes: Annotated[int, Field(ge=0, le=MAX_MISTAKES)]
    n_pairs_shown: Annotated[int, Field(ge=0, le=MAX_PAIRS)]
    n_calibration_bins: Annotated[int, Field(ge=2, le=100)]
    n_resamples: Annotated[int, Field(ge=100, le=100_000)]

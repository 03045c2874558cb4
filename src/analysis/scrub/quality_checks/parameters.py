from __future__ import annotations

from typing import Annotated

from pydantic import Field

from analysis.contract import StageParameters

Fraction = Annotated[float, Field(ge=0, le=1)]
Factor = Annotated[float, Field(gt=1)]
Count = Annotated[int, Field(ge=1)]


class QualityChecksParameters(StageParameters):
    dataset_fault_fraction: Annotated[float, Field(gt=0, le=1)]
    nearly_black_below: Fraction
    nearly_blank_below: Fraction
    cut_short_above: Fraction
    too_dark_below: Fraction
    too_bright_above: Fraction
    blurry_below: Annotated[float, Field(ge=0)]
    low_information_below: Fraction
    unusual_fraction: Fraction
    unusual_false_share: Annotated[float, Field(gt=0, lt=1)]
    odd_size_factor: Factor
    odd_aspect_ratio_factor: Factor
    minority_fraction: Annotated[float, Field(ge=0, lt=0.5)]
    min_images: Annotated[int, Field(ge=2)]
    samples_per_class: Count
    max_classes_shown: Count
    max_flagged_shown: Count

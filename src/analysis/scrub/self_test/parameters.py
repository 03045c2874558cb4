from __future__ import annotations

from typing import Annotated

from pydantic import Field

from analysis.contract import StageParameters


class SelfTestParameters(StageParameters):
    n_images: Annotated[int, Field(ge=50)]
    n_planted: Annotated[int, Field(ge=5)]
    target_false_positive_rate: Annotated[float, Field(gt=0, lt=0.5)]
    n_examples_shown: Annotated[int, Field(ge=1, le=10)]

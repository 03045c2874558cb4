from __future__ import annotations

from typing import Annotated

from pydantic import Field

from analysis.contract import StageParameters


class HardExamplesParameters(StageParameters):
    hardest_fraction: Annotated[float, Field(gt=0, le=0.5)]
    n_pairs: Annotated[int, Field(ge=1, le=20)]
    n_listed: Annotated[int, Field(ge=1, le=10_000)]
    n_shown: Annotated[int, Field(ge=1, le=200)]

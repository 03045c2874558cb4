from __future__ import annotations

from typing import Annotated

from pydantic import Field

from analysis.contract import StageParameters
from analysis.scrub.duplicate_search.parameters import LOWEST_SCORE


class DuplicatesParameters(StageParameters):
    min_score: Annotated[float, Field(ge=LOWEST_SCORE, le=1)]
    max_pairs_shown: Annotated[int, Field(ge=1)]

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from analysis.contract import StageParameters

LOWEST_SCORE = 0.1  # of the near pairs that are kept; whoever judges them can ask for no less


class DuplicateSearchParameters(StageParameters):
    n_neighbours: Annotated[int, Field(ge=1, le=100)]
    max_hamming_distance: Annotated[int, Field(ge=0, le=5)]

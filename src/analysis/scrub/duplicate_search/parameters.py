from __future__ import annotations

from typing import Annotated

from pydantic import Field

from analysis.contract import StageParameters


class DuplicateSearchParameters(StageParameters):
    n_neighbours: Annotated[int, Field(ge=1, le=100)]
    max_hamming_distance: Annotated[int, Field(ge=0, le=5)]

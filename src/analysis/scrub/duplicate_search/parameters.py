from __future__ import annotations

from typing import Annotated

from pydantic import Field

from analysis.contract import StageParameters

# of the table of possible copies
LOWEST_SCORE = 0.1  # of the near pairs that are kept; whoever judges them can ask for no less
SURE_SCORE = 0.99  # from which a pair is a copy to act upon without looking, where the self-test bears it out
DETAIL_COLUMNS = [
    "detail_agreement",
    "coarse_agreement",
    "weakest_tiles_agreement",
    "self_agreement",
    "distortion",
    "detail_band_px",
]


class DuplicateSearchParameters(StageParameters):
    n_neighbours: Annotated[int, Field(ge=1, le=100)]
    max_hamming_distance: Annotated[int, Field(ge=0, le=5)]

"""What the table of possible copies holds."""

from __future__ import annotations

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

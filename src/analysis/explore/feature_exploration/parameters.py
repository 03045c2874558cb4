from __future__ import annotations

from typing import Annotated

from pydantic import Field

from analysis.contract import StageParameters

N_FOLDS = 5


class FeatureExplorationParameters(StageParameters):
    """Thresholds of the findings, and what is shown; see params.yaml."""

    min_images: Annotated[int, Field(ge=2 * N_FOLDS)]
    max_indistinguishable_auroc: Annotated[float, Field(ge=0.5, le=1)]
    unvaried_below: Annotated[float, Field(ge=0, le=1)]
    n_pairs_shown: Annotated[int, Field(ge=1, le=12)]

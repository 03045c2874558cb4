from __future__ import annotations

from typing import Annotated

from pydantic import Field

from analysis.contract import StageParameters

N_FOLDS = 5


class GeometricParameters(StageParameters):
    """Size of the sample and what counts as safe; see params.yaml."""

    max_images: Annotated[int, Field(ge=100)]
    min_images: Annotated[int, Field(ge=2 * N_FOLDS)]
    min_unusual_auroc: Annotated[float, Field(ge=0.5, lt=1)]
    min_trusted_recall: Annotated[float, Field(ge=0.5, le=1)]
    max_recall_drop: Annotated[float, Field(ge=0, le=1)]
    min_passing_fraction: Annotated[float, Field(ge=0, le=1)]

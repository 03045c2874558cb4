from __future__ import annotations

from pydantic import Field

from analysis.contract import StageParameters

N_FOLDS = 5


class GeometricParameters(StageParameters):
    """Size of the sample and what counts as safe; see params.yaml."""

    max_images: int = Field(ge=100)
    min_images: int = Field(ge=2 * N_FOLDS)
    min_unusual_auroc: float = Field(ge=0.5, lt=1)
    min_trusted_recall: float = Field(ge=0.5, le=1)
    max_recall_drop: float = Field(ge=0, le=1)
    min_passing_fraction: float = Field(ge=0, le=1)

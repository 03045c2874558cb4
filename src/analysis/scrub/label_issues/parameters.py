from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from analysis.contract import StageParameters


class LabelIssuesParameters(StageParameters):
    model: Literal["perceptron", "logistic_regression", "nearest_neighbours", "random_forest", "networks"]
    n_folds: Annotated[int, Field(ge=2, le=50)]
    min_score: Annotated[float, Field(ge=0, le=1)]
    anchor_fraction: Annotated[float, Field(gt=0, le=0.5)]
    max_class_noise: Annotated[float, Field(ge=0, le=1)]
    network_epochs: Annotated[int, Field(ge=1)]
    max_network_images: Annotated[int, Field(ge=100)]
    max_suspects_shown: Annotated[int, Field(ge=1, le=200)]

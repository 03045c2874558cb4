from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from analysis.contract import StageParameters


class LabelProbabilitiesParameters(StageParameters):
    model: Literal[
        "auto", "perceptron", "logistic_regression", "nearest_neighbours", "random_forest", "networks"
    ]
    n_folds: Annotated[int, Field(ge=2, le=50)]
    network_epochs: Annotated[int, Field(ge=1)]
    max_network_images: Annotated[int, Field(ge=100)]

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from analysis.contract import StageParameters


class LatentLayoutParameters(StageParameters):
    """Sizes of samples and neighbourhoods; see params.yaml."""

    n_neighbours: Annotated[int, Field(ge=2, le=90)]
    perplexity: Annotated[float, Field(ge=2, le=500)]
    max_fitted_images: Annotated[int, Field(ge=100)]
    n_components: Annotated[int, Field(ge=2, le=200)]
    max_component_images: Annotated[int, Field(ge=20)]
    n_permutations: Annotated[int, Field(ge=19)]

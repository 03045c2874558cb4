from __future__ import annotations

from typing import Annotated

from pydantic import Field

from analysis.contract import StageParameters


class RetrainOnHardParameters(StageParameters):
    """Whether to train, and on what; see params.yaml."""

    retrain: bool
    n_repeats: Annotated[int, Field(ge=1, le=20)]

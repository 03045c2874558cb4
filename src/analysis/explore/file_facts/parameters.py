from __future__ import annotations

from typing import Annotated

from pydantic import Field

from analysis.contract import StageParameters


class FileFactsParameters(StageParameters):
    """When a fact tells a class or a split; see params.yaml."""

    min_balanced_accuracy: Annotated[float, Field(gt=0.5, le=1)]
    significance_level: Annotated[float, Field(gt=0, lt=1)]

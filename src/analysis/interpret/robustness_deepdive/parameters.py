from __future__ import annotations

from typing import Annotated

from pydantic import Field

from analysis.contract import StageParameters
from analysis.interpret.attack_trials.parameters import MAX_EXAMPLES


class RobustnessDeepdiveParameters(StageParameters):
    """Thresholds, and what is shown; see params.yaml."""

    n_examples: Annotated[int, Field(ge=0, le=MAX_EXAMPLES)]
    invisible_epsilon: Annotated[float, Field(gt=0)]
    max_noise_errors: Annotated[float, Field(ge=0, le=1)]
    significance_level: Annotated[float, Field(gt=0, lt=1)]

from __future__ import annotations

from itertools import combinations
from typing import Annotated

from pydantic import Field, model_validator

from analysis.contract import StageParameters
from analysis.dataset.splits import SPLITS

MIN_IMAGES = 20  # of a split; fewer cannot tell a difference from chance
N_METHODS = 4  # features one by one, and the three tests above


class SplitComparisonParameters(StageParameters):
    """Sizes of samples and thresholds; see params.yaml."""

    __test__ = False  # pytest looks for tests in what is called so

    significance_level: Annotated[float, Field(gt=0, lt=1)]
    min_feature_shift: Annotated[float, Field(ge=0)]
    min_auc_gain: Annotated[float, Field(ge=0, le=0.5)]
    min_anomaly_ratio: Annotated[float, Field(ge=1)]
    max_images_per_split: Annotated[int, Field(ge=MIN_IMAGES)]
    n_permutations: Annotated[int, Field(ge=99)]
    n_components: Annotated[int, Field(ge=1, le=100)]
    n_images_shown: Annotated[int, Field(ge=1, le=48)]

    @model_validator(mode="after")
    def permutations_can_be_significant(self) -> SplitComparisonParameters:
        n_tests = N_METHODS * len(list(combinations(SPLITS, 2)))
        if n_tests >= self.significance_level * (self.n_permutations + 1):
            needed = int(n_tests / self.significance_level)
            raise ValueError(f"at this significance_level n_permutations must be at least {needed:,}")
        return self

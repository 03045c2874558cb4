from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from analysis.contract import StageParameters

# Of links that lead out of the dataset's folder: those to files that are images, all, none.
FollowLinks = Literal["images", "all", "none"]
Fraction = Annotated[float, Field(ge=0, lt=1)]


def _as_pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"no regular expression: {error}") from error
    return text


LabelText = Annotated[str, Field(coerce_numbers_to_str=True)]  # YAML reads the class "7" as a number


class DatasetParameters(StageParameters):
    """The dataset, and what to do where it brings no splits."""

    source: Literal["digits", "folder", "csv", "torchvision"]
    path: Path
    image_root: Path
    name: str
    label_level: Literal["auto", "last", "all"] | Annotated[int, Field(ge=1)]
    exclude: tuple[str, ...]
    follow_links: FollowLinks
    path_column: str
    label_column: str
    split_column: str
    group_column: str
    group_pattern: Annotated[str, AfterValidator(_as_pattern)]
    rename_labels: dict[LabelText, LabelText]
    combine_labels: bool
    validation_fraction: Fraction
    test_fraction: Fraction
    max_per_class: Annotated[int, Field(ge=1)] | None
    imbalance_ratio: Annotated[float, Field(ge=1, allow_inf_nan=False)]

    @model_validator(mode="after")
    def _leaves_images_for_training(self) -> DatasetParameters:
        if self.validation_fraction + self.test_fraction >= 1:
            raise ValueError("validation_fraction and test_fraction must sum to less than 1")
        return self

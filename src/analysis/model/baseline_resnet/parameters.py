from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from models.training.parameters import TrainingParameters


class BaselineResnetParameters(TrainingParameters):
    """How the baseline is trained, or which checkpoint stands in its place."""

    checkpoint: Annotated[str, Field(min_length=1)]
    checkpoint_classes: Literal["auto"] | tuple[str, ...]

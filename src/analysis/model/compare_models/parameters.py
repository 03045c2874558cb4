from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, ValidationInfo, field_validator

from analysis.contract import StageParameters, nearest

RecipeName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_]*$")]  # it names folders and stages


class CompareModelsParameters(StageParameters):
    recipes: dict[RecipeName, dict[str, Any]]
    compared: tuple[RecipeName, ...]
    seeds: Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1)]
    epochs: Annotated[int, Field(ge=1)]
    max_training_images: Annotated[int, Field(ge=2)] | None

    @field_validator("compared")
    @classmethod
    def _are_recipes(cls, compared: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        recipes = list(info.data.get("recipes", compared))
        for name in compared:
            if name not in recipes:
                raise ValueError(f"there is no recipe '{name}'{nearest(name, recipes)}")
        return compared

    @field_validator("compared", "seeds")
    @classmethod
    def _are_named_once(cls, values: tuple[Any, ...]) -> tuple[Any, ...]:
        if len(set(values)) < len(values):
            raise ValueError("name each only once")
        return values

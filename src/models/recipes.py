"""The recipes that `compare_models` compares: what each changes of `baseline_resnet`'s parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, ValidationError, ValidationInfo, field_validator

from analysis.parameters import explain, nearest
from analysis.stage import InputError, StageParameters
from models.baseline_resnet import BaselineResnetParameters

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


def recipe_parameters(
    name: str, comparison: CompareModelsParameters, baseline: BaselineResnetParameters
) -> BaselineResnetParameters:
    """The baseline's parameters with the comparison's size of training, and the changes of the recipe `name`.

    Raises
    ------
    InputError
        Naming each key of the recipe that `baseline_resnet` does not have, or whose value is out of range.
    """
    size = {"epochs": comparison.epochs, "max_training_images": comparison.max_training_images}
    content = _changed(_changed(baseline.model_dump(), size), comparison.recipes[name])
    try:
        return BaselineResnetParameters.model_validate(content)
    except ValidationError as error:
        section = f"compare_models.recipes.{name}"
        problems = [explain(section, BaselineResnetParameters, item) for item in error.errors()]
        raise InputError(f"params.yaml: {'; '.join(problems)}.") from error


def _changed(content: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """`content` with the values of `changes`; of a section within, only the keys named there change."""
    changed = dict(content)
    for key, value in changes.items():
        is_section = isinstance(value, Mapping) and isinstance(changed.get(key), Mapping)
        changed[key] = _changed(changed[key], value) if is_section else value
    return changed

"""The recipes that `compare_models` compares: what each changes of `baseline_resnet`'s parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from analysis.contract import InputError, explain_error
from analysis.model.compare_models.parameters import CompareModelsParameters
from models.training.parameters import TrainingParameters


def recipe_parameters(
    name: str, comparison: CompareModelsParameters, baseline: TrainingParameters
) -> TrainingParameters:
    """The baseline's parameters with the comparison's size of training, and the changes of the recipe `name`.

    Raises
    ------
    InputError
        Naming each key of the recipe that `baseline_resnet` does not have, or whose value is out of range.
    """
    size = {"epochs": comparison.epochs, "max_training_images": comparison.max_training_images}
    given = baseline.model_dump(include=set(TrainingParameters.model_fields))  # without the checkpoint
    content = _changed(_changed(given, size), comparison.recipes[name])
    try:
        return TrainingParameters.model_validate(content)
    except ValidationError as error:
        section = f"compare_models.recipes.{name}"
        problems = [explain_error(section, TrainingParameters, item) for item in error.errors()]
        raise InputError(f"params.yaml: {'; '.join(problems)}.") from error


def _changed(content: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """`content` with the values of `changes`; of a section within, only the keys named there change."""
    changed = dict(content)
    for key, value in changes.items():
        is_section = isinstance(value, Mapping) and isinstance(changed.get(key), Mapping)
        changed[key] = _changed(changed[key], value) if is_section else value
    return changed

"""Reads params.yaml and holds every section against the model of the stage that uses it, before any work."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from analysis.contract import InputError, StageParameters, explain_error, nearest
from analysis.pipeline.dag import Stage

PARAMETERS_FILE = Path("params.yaml")


def read_parameters(workspace: Path = Path()) -> dict[str, Any]:
    """The raw content of the workspace's params.yaml."""
    path = workspace / PARAMETERS_FILE
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(
            f"No {PARAMETERS_FILE} in {workspace.resolve()}: run this in a workspace."
        ) from error
    except yaml.YAMLError as error:
        raise InputError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict):
        raise InputError(f"{path} should hold one section a stage, but holds {type(content).__name__}.")
    return content


def models_of(stage: Stage) -> dict[str, type[StageParameters]]:
    """Section of params.yaml -> model, for the sections that the stage's own `parameters` module describes.

    The model of section `baseline_resnet` is the class `BaselineResnetParameters`. Models of no section that
    the stage's block names are parts of others.
    """
    module_name = f"{stage.module_name}.parameters"
    if importlib.util.find_spec(module_name) is None:
        return {}
    module = importlib.import_module(module_name)
    sections = {key.split(".")[0] for key in stage.parameters}
    models = {section: getattr(module, class_name_of(section), None) for section in sections}
    return {section: model for section, model in models.items() if model is not None}


def class_name_of(section: str) -> str:
    return "".join(word.capitalize() for word in section.split("_")) + "Parameters"


def validate(content: dict[str, Any], stages: Iterable[Stage]) -> dict[str, StageParameters]:
    """Every section, validated. All of them are read, so that a slip in a late stage stops the first one.

    Raises
    ------
    InputError
        Naming each unknown, missing or out-of-range key, and for an unknown one the nearest valid key.
    """
    models: dict[str, type[StageParameters]] = {}
    scalars: set[str] = set()
    for stage in stages:
        models.update(models_of(stage))
        scalars.update(key for key in stage.parameters if "." not in key)
    problems = [
        f"unknown section '{name}'{nearest(name, [*models, *scalars])}"
        for name in content
        if name not in models and name not in scalars
    ]
    sections: dict[str, StageParameters] = {}
    for name, model in models.items():
        if name not in content:
            problems.append(f"section '{name}' is missing")
            continue
        try:
            sections[name] = model.model_validate(content[name])
        except ValidationError as error:
            problems += dict.fromkeys(explain_error(name, model, item) for item in error.errors())
    if problems:
        raise InputError(f"{PARAMETERS_FILE}: " + "; ".join(problems) + ".")
    return sections

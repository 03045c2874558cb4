"""Reads params.yaml and holds every section against the model of the stage that uses it, before any work."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Iterable
from pathlib import Path
from typing import Any, get_type_hints

import yaml
from pydantic import ValidationError

from analysis.pipeline import Stage
from analysis.stage import InputError, StageParameters

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
    """Section of params.yaml -> model, as the stage's function asks for them in its signature.

    An argument `parameters` asks for the section of the stage's own name, any other for the section
    that bears the argument's name.
    """
    function = stage_function(stage)
    hints = get_type_hints(function)
    return {
        (stage.name.split("@")[0] if name == "parameters" else name): hint
        for name, hint in hints.items()
        if inspect.isclass(hint) and issubclass(hint, StageParameters)
    }


def stage_function(stage: Stage) -> Any:
    """The public function of the module's name."""
    module = stage.import_module()
    return getattr(module, stage.module_name.rsplit(".", 1)[-1])


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
            problems += [explain(name, model, item) for item in error.errors()]
    if problems:
        raise InputError(f"{PARAMETERS_FILE}: " + "; ".join(problems) + ".")
    return sections


def explain(section: str, model: type[StageParameters], item: Any) -> str:
    """In words, what is wrong with a key of a section, given an item of `ValidationError.errors()`."""
    key = ".".join([section, *(str(part) for part in item["loc"])])
    if item["type"] == "extra_forbidden":
        return f"unknown key '{key}'{nearest(str(item['loc'][-1]), list(model.model_fields))}"
    if item["type"] == "missing":
        return f"key '{key}' is missing"
    message = item["msg"][0].lower() + item["msg"][1:]
    return f"'{key}' is {item['input']!r}: {message.removeprefix('value error, ')}"


def nearest(name: str, valid: list[str]) -> str:
    """The end of a sentence on a wrong name: the valid one most like it, or all of them."""
    matches = difflib.get_close_matches(name, valid, n=1, cutoff=0.5)
    return f", did you mean '{matches[0]}'?" if matches else f" (there are: {', '.join(sorted(valid))})"

"""Fills a stage function's arguments by their names; see `analysis.pipeline.runner`."""

from __future__ import annotations

import inspect
import json
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, reduce
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from analysis.contract import InputError, NothingToJudgeError
from analysis.pipeline.dag import STATE_DIR, Stage
from analysis.pipeline.outputs import OutputWriter
from analysis.pipeline.run_records import digest_of, read_run_records, recipe_of
from analysis.pipeline.unjudged import reason_in

PREVIOUS = "previous_"


@dataclass(frozen=True)
class Arguments:
    """Fills a stage function's arguments by name."""

    stage: Stage
    stages: dict[str, Stage]
    content: dict[str, Any]
    sections: dict[str, Any]
    writer: OutputWriter

    @property
    def inputs(self) -> dict[str, Path]:
        data = [dep for dep in self.stage.deps if not self.stage.is_code(dep)]
        files = [dep for dep in data if dep.suffix]
        n_of_stem = Counter(file.stem for file in files)
        return {dep.stem: dep for dep in data if not dep.suffix} | {  # files before folders of the same name
            file.stem if n_of_stem[file.stem] == 1 else f"{file.parent.name}_{file.stem}": file
            for file in files
        }

    @property
    def outputs(self) -> dict[str, Path]:
        return {out.stem: out for out in self.stage.outs}

    @property
    def declared(self) -> set[str]:
        """The top-level keys of params.yaml that the stage's block names."""
        return {key.split(".")[0] for key in self.stage.parameters}

    @property
    def dotted(self) -> dict[str, Any]:
        """The values of keys such as `baseline_resnet.input_px`, validated, by their last part."""
        keys = [key.split(".") for key in self.stage.parameters if "." in key]
        return {
            parts[-1]: reduce(getattr, parts[1:], self.sections[parts[0]])
            for parts in keys
            if parts[0] in self.sections
        }

    def fill(self, function: Callable[..., Any]) -> dict[str, Any]:
        parameters = inspect.signature(function).parameters.values()
        return {
            parameter.name: None if self._is_lacking(parameter) else self.value(parameter.name)
            for parameter in parameters
        }

    def _is_lacking(self, parameter: inspect.Parameter) -> bool:
        """Whether the input of that name was not made, which the function must take for None.

        Raises
        ------
        NothingToJudgeError
            If it does not.
        """
        reason = self._reason(parameter.name)
        if reason and parameter.default is not None:
            raise NothingToJudgeError(reason)
        return bool(reason)

    def _reason(self, name: str) -> str:
        """Why an input, or something in a folder that several stages fill, was not made; "" if it was."""
        if name not in self.inputs:
            return ""
        path = self.inputs[name]
        within = [out for stage in self.stages.values() for out in stage.outs if path in out.parents]
        return next(filter(None, map(reason_in, within or [path])), "")

    def value(self, name: str) -> Any:
        if name == "stages":
            return self.stages
        if name == "arguments":
            return sys.argv[1:]
        if name == "inputs":
            return dict(self.inputs)
        if name == "outputs":
            return dict(self.outputs)
        if name == "tables":
            return {stem: read_input(path) for stem, path in self.inputs.items() if not reason_in(path)}
        if name == "root":
            return self.writer.root
        if name == "memory":
            return STATE_DIR
        if name == "run_records":
            return read_run_records()
        if name in self.outputs and not self.outputs[name].suffix:
            # A folder to write to comes first: a section, or the folder of a dataset, may have the same name.
            return self.writer.path_for(self.outputs[name])
        section = self.stage.name.split("@")[0] if name == "parameters" else name
        if section in self.declared:
            return self.sections.get(section, self.content[section])
        if name in self.inputs:
            return read_input(self.inputs[name])
        if name in self.dotted:
            return self.dotted[name]
        if name.startswith(PREVIOUS):
            return self.previous(name.removeprefix(PREVIOUS))
        if name in self.outputs:
            return self.writer.path_for(self.outputs[name])
        raise InputError(
            f"stage '{self.stage.name}' asks for '{name}', which its block in dvc.yaml does not declare "
            f"(inputs: {', '.join(self.inputs) or 'none'}; parameters: {', '.join(self.declared) or 'none'})"
        )

    def reusable(self, function: Callable[..., Any]) -> list[Path]:
        """The outputs that the next run asks for as `previous_<stem>`."""
        names = inspect.signature(function).parameters
        return [out for stem, out in self.outputs.items() if f"{PREVIOUS}{stem}" in names]

    @cached_property
    def left_by_last_run(self) -> set[str]:
        """Reusable outputs, if all are whole and came from the same code and parameters; else none."""
        record = read_run_records().get(self.stage.name, {})
        contents = record.get("contents", {})
        is_whole = all(
            Path(out).exists() and digest_of(Path(out)) == digest for out, digest in contents.items()
        )
        return set(contents) if is_whole and record.get("recipe") == recipe_of(self.stage) else set()

    def previous(self, stem: str) -> Any:
        out = self.outputs[stem]
        return read_input(out) if out.as_posix() in self.left_by_last_run else None


def read_input(path: Path) -> Any:
    """What a file holds, as its suffix says; its path where that says nothing."""
    match path.suffix:
        case ".parquet":
            return _read_parquet(path)
        case ".csv":
            return pd.read_csv(path, converters={"label": str})  # "01" and "NA" are labels
        case ".npy":
            return np.load(path, mmap_mode="r", allow_pickle=False)
        case ".json":
            return json.loads(path.read_text(encoding="utf-8"))
        case _:
            return path


def _read_parquet(path: Path) -> pd.DataFrame:
    """A categorical column of blanks alone, whose type Parquet forgets, is categorical again."""
    table = pd.read_parquet(path)
    kept = pq.read_schema(path).pandas_metadata or {"columns": []}
    classes = [column["name"] for column in kept["columns"] if column["pandas_type"] == "categorical"]
    forgotten = [name for name in classes if table[name].dtype != "category"]
    return table.astype(dict.fromkeys(forgotten, "category"))

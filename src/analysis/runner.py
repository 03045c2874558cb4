"""Runs one stage: `python -m analysis.<chapter>.<stage>` in a workspace.

The runner looks the stage up in `dvc.yaml` by its command and fills the function's arguments by name:

- the stem of a declared input: the table (`.parquet`, `.csv`), array (`.npy`) or `metrics.json` content;
  for any other kind of file and for a folder, its path. Where several files share a stem, the name of their
  folder comes before it: `quality_checks_findings`;
- `parameters`: the stage's own section of params.yaml; any other section or key by its name;
- the stem of a declared output that is a folder or a file that the runner cannot write (such as `.pt`): a
  path to write to, moved into place when the stage has succeeded;
- `previous_<stem>`: what the stage's last run with the same code and parameters left in that output, or
  None;
- `arguments`: the words after the module in the stage's command, by which stages of one `matrix` differ;
- `inputs`: every declared input that is data, as paths by stem; `stages`: the DAG; `run_records`: what each
  stage's last run here took; for the report.

It writes what the returned `Artifacts` hold to the declared outputs, all of them to temporary names first.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from analysis.outputs import OutputWriter, write_json
from analysis.parameters import read_parameters, validate
from analysis.pipeline import Stage, load_stages
from analysis.stage import Artifacts, InputError

PREVIOUS = "previous_"
STATE_DIR = Path(".deepsight")  # memory of past runs that no result depends on; safe to delete


def run_stage(function: Callable[..., Any]) -> None:
    """The main program of a stage module. Exits with 1 and one sentence if the input needs mending."""
    try:
        _run(function)
    except InputError as error:
        sys.exit(f"{function.__name__}: {error}")
    except OSError as error:
        place = f" {error.filename}" if error.filename else ""
        sys.exit(
            f"{function.__name__}: cannot read or write{place}: {error.strerror or error}. Earlier outputs "
            "are as they were; make room or give access, then run again."
        )


def _run(function: Callable[..., Any]) -> None:
    started = time.perf_counter()
    stages = load_stages()
    stage = _find(function, stages)
    content = read_parameters()
    sections = validate(content, stages.values())
    writer = OutputWriter(stage)
    arguments = _Arguments(stage, stages, content, sections, writer)
    result = function(**arguments.fill(function))
    artifacts = writer.drain(result) if inspect.isgenerator(result) else result
    writer.write(artifacts)
    seconds = time.perf_counter() - started
    _record(stage, artifacts, seconds, reusable=arguments.reusable(function))
    print(f"{stage.name}: {artifacts.summary}, {seconds:.1f} s", flush=True)
    if artifacts.failure:
        raise InputError(artifacts.failure)


def _find(function: Callable[..., Any], stages: dict[str, Stage]) -> Stage:
    module = inspect.getmodule(function)
    if module is None or module.__spec__ is None:
        raise InputError("a stage runs as a module: python -m analysis.<chapter>.<stage>")
    arguments = sys.argv[1:]
    wanted = [module.__spec__.name, *arguments]
    for stage in stages.values():
        words = stage.command.split()
        if words[words.index("-m") + 1 :] == wanted:
            return stage
    raise InputError(
        f"no stage in dvc.yaml runs 'python -m {' '.join(wanted)}' (stages: {', '.join(stages)})"
    )


@dataclass(frozen=True)
class _Arguments:
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

    def fill(self, function: Callable[..., Any]) -> dict[str, Any]:
        return {name: self.value(name) for name in inspect.signature(function).parameters}

    def value(self, name: str) -> Any:
        if name == "stages":
            return self.stages
        if name == "arguments":
            return sys.argv[1:]
        if name == "inputs":
            return dict(self.inputs)
        if name == "run_records":
            return read_run_records()
        if name in self.outputs and not self.outputs[name].suffix:
            # A folder to write to comes first: a section, or the folder of a dataset, may have the same name.
            return self.writer.path_for(self.outputs[name])
        section = self.stage.name.split("@")[0] if name == "parameters" else name
        if section in self.declared:
            return self.sections.get(section, self.content[section])
        if name in self.inputs:
            return _read(self.inputs[name])
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
            Path(out).exists() and _digest_of(Path(out)) == digest for out, digest in contents.items()
        )
        return set(contents) if is_whole and record.get("recipe") == _recipe_of(self.stage) else set()

    def previous(self, stem: str) -> Any:
        out = self.outputs[stem]
        return _read(out) if out.as_posix() in self.left_by_last_run else None


def _read(path: Path) -> Any:
    match path.suffix:
        case ".parquet":
            return pd.read_parquet(path)
        case ".csv":
            return pd.read_csv(path, converters={"label": str})  # "01" and "NA" are labels
        case ".npy":
            return np.load(path, mmap_mode="r", allow_pickle=False)
        case ".json":
            return json.loads(path.read_text(encoding="utf-8"))
        case _:
            return path


def _recipe_of(stage: Stage) -> str:
    """Digest of everything but the data that decides a stage's result: its code and its parameters."""
    digest = hashlib.blake2b(digest_size=16)
    for dep in sorted(dep for dep in stage.deps if stage.is_code(dep)):
        files = sorted(dep.rglob("*")) if dep.is_dir() else [dep]
        for file in files:
            digest.update(file.as_posix().encode() + b"\0" + (file.read_bytes() if file.is_file() else b""))
    digest.update(json.dumps(stage.parameters, sort_keys=True, default=str).encode())
    return digest.hexdigest()


def _digest_of(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "blake2b").hexdigest()


def _record(stage: Stage, artifacts: Artifacts, seconds: float, *, reusable: list[Path]) -> None:
    """Remember a run outside its outputs: were the code's digest in them, a new comment would change them."""
    folder = STATE_DIR / "runs"
    folder.mkdir(parents=True, exist_ok=True)
    record = {
        "seconds": round(seconds, 2),
        "finished": time.strftime("%Y-%m-%d %H:%M:%S"),
        "summary": artifacts.summary,
        "recipe": _recipe_of(stage),
        "contents": {out.as_posix(): _digest_of(out) for out in reusable},
    }
    partial = folder / f"{stage.name}.partial"
    write_json(partial, record)
    partial.replace(folder / f"{stage.name}.json")


def read_run_records() -> dict[str, dict[str, Any]]:
    """What each stage's last run in this workspace took, by stage name."""
    files = sorted((STATE_DIR / "runs").glob("*.json"))
    return {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in files}

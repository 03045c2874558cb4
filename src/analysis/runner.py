"""Runs one stage: `python -m analysis.<chapter>.<stage>` in a workspace.

The runner looks the stage up in `dvc.yaml` by its command and fills the function's arguments by name:

- the stem of a declared input: the table (`.parquet`, `.csv`), array (`.npy`) or `metrics.json` content;
  for any other kind of file and for a folder, its path;
- `parameters`: the stage's own section of params.yaml; any other section or key by its name;
- the stem of a declared output that is a folder or a file that the runner cannot write (such as `.pt`): a
  path to write to, moved into place when the stage has succeeded;
- `previous_<stem>`: what the stage's last run with the same code and parameters left in that output, or
  None;
- `inputs`: every declared input that is data, as paths by stem; `stages`: the DAG; `run_records`: what each
  stage's last run here took; for the report.

It writes what the returned `Artifacts` hold to the declared outputs, all of them to temporary names first.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import math
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from analysis.parameters import read_parameters, validate
from analysis.pipeline import Stage, load_stages
from analysis.stage import FINDING_COLUMNS, Artifacts, InputError, no_findings

STATE_DIR = Path(".deepsight")  # memory of past runs that no result depends on; safe to delete
PARTIAL_DIR = ".partial"  # beside each output: what a run is still writing
RECIPE_KEY = b"deepsight.recipe"


def run_stage(function: Callable[..., Any]) -> None:
    """The main program of a stage module. Exits with 1 and one sentence if the input needs mending."""
    try:
        _run(function)
    except InputError as error:
        sys.exit(f"{function.__name__}: {error}")
    except OSError as error:
        place = f" {error.filename}" if error.filename else ""
        sys.exit(
            f"{function.__name__}: cannot read or write{place}: {error.strerror or error}. Earlier outputs are "
            "as they were; make room or give access, then run again."
        )


def _run(function: Callable[..., Any]) -> None:
    started = time.perf_counter()
    stages = load_stages()
    stage = _find(function, stages)
    content = read_parameters()
    sections = validate(content, stages.values())
    recipe = _recipe_of(stage)
    arguments = _Arguments(stage, stages, content, sections, recipe)
    writer = _Writer(stage, recipe)
    result = function(**arguments.fill(function, writer))
    artifacts = writer.drain(result) if inspect.isgenerator(result) else result
    writer.write(artifacts)
    seconds = time.perf_counter() - started
    _record(stage, artifacts, seconds)
    print(f"{stage.name}: {artifacts.summary}, {seconds:.1f} s", flush=True)


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


class _Arguments:
    """Fills a stage function's arguments by name."""

    def __init__(
        self,
        stage: Stage,
        stages: dict[str, Stage],
        content: dict[str, Any],
        sections: dict[str, Any],
        recipe: str,
    ) -> None:
        self.stage, self.stages, self.content, self.sections, self.recipe = (
            stage,
            stages,
            content,
            sections,
            recipe,
        )
        self.inputs = {dep.stem: dep for dep in stage.deps if not stage.is_code(dep)}
        self.outputs = {out.stem: out for out in stage.outs}
        self.declared = {key.split(".")[0] for key in stage.parameters}

    def fill(self, function: Callable[..., Any], writer: _Writer) -> dict[str, Any]:
        return {name: self.value(name, writer) for name in inspect.signature(function).parameters}

    def value(self, name: str, writer: _Writer) -> Any:
        if name == "stages":
            return self.stages
        if name == "inputs":
            return dict(self.inputs)
        if name == "run_records":
            return read_run_records()
        if name == "parameters":
            name = self.stage.name.split("@")[0]
        if name in self.declared:
            return self.sections.get(name, self.content[name])
        if name in self.inputs:
            return _read(self.inputs[name])
        if name.removeprefix("previous_") != name:
            return self.previous(name.removeprefix("previous_"))
        if name in self.outputs:
            return writer.path_for(self.outputs[name])
        raise InputError(
            f"stage '{self.stage.name}' asks for '{name}', which its block in dvc.yaml does not declare "
            f"(inputs: {', '.join(self.inputs) or 'none'}; parameters: {', '.join(self.declared) or 'none'})"
        )

    def previous(self, stem: str) -> Any:
        tables = [out for out in self.stage.outs if out.suffix == ".parquet"]
        same = bool(tables) and all(_recipe_in(table) == self.recipe for table in tables)
        out = self.outputs[stem]
        return _read(out) if same and out.exists() else None


def _read(path: Path) -> Any:
    match path.suffix:
        case ".parquet":
            return pd.read_parquet(path)
        case ".csv":
            return pd.read_csv(path)
        case ".npy":
            return np.load(path, mmap_mode="r", allow_pickle=False)
        case ".json":
            return json.loads(path.read_text(encoding="utf-8"))
        case _:
            return path


class _Writer:
    """Writes a stage's outputs under temporary names and moves them into place together."""

    def __init__(self, stage: Stage, recipe: str) -> None:
        self.stage = stage
        self.recipe = recipe
        self.partials: dict[Path, Path] = {}
        self.open_tables: dict[str, pq.ParquetWriter | _ArrayFile] = {}

    def path_for(self, out: Path) -> Path:
        """A fresh temporary path for a declared output; a folder is made where the output is one."""
        partial = out.parent / PARTIAL_DIR / out.name
        if partial.is_dir():
            shutil.rmtree(partial)
        partial.unlink(missing_ok=True)
        (partial if not out.suffix else partial.parent).mkdir(parents=True, exist_ok=True)
        self.partials[out] = partial
        return partial

    def drain(self, parts: Iterator[dict[str, Any]]) -> Artifacts:
        """Append the parts of a stage that yields its tables piece by piece; its return value is the rest."""
        outs = {out.stem: out for out in self.stage.outs}
        while True:
            try:
                part = next(parts)
            except StopIteration as end:
                for table in self.open_tables.values():
                    table.close()
                return end.value
            for name, rows in part.items():
                self._append(outs[name], rows)

    def _append(self, out: Path, rows: pd.DataFrame | np.ndarray) -> None:
        if isinstance(rows, np.ndarray):
            if out.stem not in self.open_tables:
                self.open_tables[out.stem] = _ArrayFile(self.path_for(out), rows)
            self.open_tables[out.stem].append(rows)
            return
        table = _stamped(rows, self.recipe)
        if out.stem not in self.open_tables:
            self.open_tables[out.stem] = pq.ParquetWriter(self.path_for(out), table.schema)
        self.open_tables[out.stem].write_table(table.cast(self.open_tables[out.stem].schema))

    def write(self, artifacts: Artifacts) -> None:
        for out in self.stage.outs:
            if out not in self.partials:
                self._write_one(out, artifacts)
        self._check_all_used(artifacts)
        # A table carries the recipe by which the next run trusts what lies beside it, so it goes first and
        # comes last: a run killed in between leaves nothing that looks whole.
        last = [out for out in self.partials if out.suffix == ".parquet"]
        for out in last:
            out.unlink(missing_ok=True)
        for out in sorted(self.partials, key=lambda out: out in last):
            _replace(self.partials[out], out)

    def _write_one(self, out: Path, artifacts: Artifacts) -> None:
        if out.name == "metrics.json":
            _write_json(self.path_for(out), {key: _number(v) for key, v in artifacts.metrics.items()})
        elif out.name == "section.json":
            _write_json(self.path_for(out), _section(self.stage, artifacts))
        elif out.name == "figures":
            _write_figures(self.path_for(out), artifacts)
        elif out.name == "findings.parquet":
            findings = no_findings() if artifacts.findings is None else artifacts.findings
            rows = findings.assign(stage=self.stage.name)[FINDING_COLUMNS]
            pq.write_table(_stamped(rows, self.recipe), self.path_for(out))
        else:
            self._write_table(out, artifacts)

    def _write_table(self, out: Path, artifacts: Artifacts) -> None:
        rows = artifacts.tables[out.stem]
        partial = self.path_for(out)
        if isinstance(rows, np.ndarray):
            np.save(partial, rows, allow_pickle=False)
        elif out.suffix == ".csv":
            rows.to_csv(partial, index=False)
        else:
            pq.write_table(_stamped(rows, self.recipe), partial)

    def _check_all_used(self, artifacts: Artifacts) -> None:
        stems = {out.stem for out in self.partials}
        unused = set(artifacts.tables) - stems
        unused |= {"findings"} if artifacts.findings is not None and "findings" not in stems else set()
        unused |= {"figures"} if artifacts.figures and "figures" not in stems else set()
        if unused:
            raise InputError(
                f"stage '{self.stage.name}' makes {sorted(unused)}, which dvc.yaml does not declare"
            )


class _ArrayFile:
    """A `.npy` file that grows along its first axis."""

    def __init__(self, path: Path, first: np.ndarray) -> None:
        self.dtype, self.shape, self.n = first.dtype, first.shape[1:], 0
        self.file = path.open("wb")
        self._header()

    def _header(self) -> None:
        # the header's length is rounded up to 64 bytes; room for 20 digits of n keeps it one length
        header = {
            "descr": np.lib.format.dtype_to_descr(self.dtype),
            "fortran_order": False,
            "shape": (self.n, *self.shape),
        }
        self.file.seek(0)
        np.lib.format.write_array_header_1_0(self.file, header)

    def append(self, rows: np.ndarray) -> None:
        self.file.write(np.ascontiguousarray(rows, dtype=self.dtype).data)
        self.n += len(rows)

    def close(self) -> None:
        self._header()
        self.file.close()


def _stamped(rows: pd.DataFrame, recipe: str) -> pa.Table:
    table = pa.Table.from_pandas(rows, preserve_index=False)
    return table.replace_schema_metadata({**(table.schema.metadata or {}), RECIPE_KEY: recipe.encode()})


def _recipe_of(stage: Stage) -> str:
    """Digest of everything but the data that decides a stage's result: its code and its parameters."""
    digest = hashlib.blake2b(digest_size=16)
    for dep in sorted(dep for dep in stage.deps if stage.is_code(dep)):
        files = sorted(dep.rglob("*")) if dep.is_dir() else [dep]
        for file in files:
            digest.update(file.as_posix().encode() + b"\0" + (file.read_bytes() if file.is_file() else b""))
    digest.update(json.dumps(stage.parameters, sort_keys=True, default=str).encode())
    return digest.hexdigest()


def _recipe_in(table: Path) -> str | None:
    try:
        metadata = pq.read_schema(table).metadata or {}
    except (OSError, pa.ArrowInvalid):  # absent, or not whole: as good as no previous run
        return None
    return metadata.get(RECIPE_KEY, b"").decode()


def _number(value: Any) -> float | int | None:
    number = value.item() if hasattr(value, "item") else value
    return None if isinstance(number, float) and not math.isfinite(number) else number


def _section(stage: Stage, artifacts: Artifacts) -> dict[str, Any]:
    """What the report says of a stage, beyond what the files themselves hold."""
    return {
        "summary": artifacts.summary,
        "parameters": stage.parameters,
        "notes": list(artifacts.notes),
        "figures": [
            {"name": f.name, "title": f.title, "caption": f.caption, "has_table": f.table is not None}
            for f in artifacts.figures
        ],
        "captions": dict(artifacts.captions),
        "kinds": [vars(kind) for kind in artifacts.kinds],
    }


def _write_figures(folder: Path, artifacts: Artifacts) -> None:
    for figure in artifacts.figures:
        # no software version or date in the file: two runs give the same bytes
        figure.drawing.savefig(folder / f"{figure.name}.png", metadata={"Software": None})
        if figure.table is not None:
            figure.table.to_csv(folder / f"{figure.name}.csv", index=False)


def _write_json(path: Path, content: Any) -> None:
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")


def _replace(partial: Path, out: Path) -> None:
    if out.is_dir() and not out.is_symlink():
        shutil.rmtree(out)
    partial.replace(out)
    try:
        partial.parent.rmdir()
    except OSError:  # another output of this folder is still being written
        return


def _record(stage: Stage, artifacts: Artifacts, seconds: float) -> None:
    folder = STATE_DIR / "runs"
    folder.mkdir(parents=True, exist_ok=True)
    finished = time.strftime("%Y-%m-%d %H:%M:%S")
    record = {"seconds": round(seconds, 2), "finished": finished, "summary": artifacts.summary}
    _write_json(folder / f"{stage.name}.json", record)


def read_run_records() -> dict[str, dict[str, Any]]:
    """What each stage's last run in this workspace took, by stage name."""
    files = sorted((STATE_DIR / "runs").glob("*.json"))
    return {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in files}

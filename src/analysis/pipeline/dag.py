"""The DAG as `dvc.yaml` declares it, resolved by DVC itself (`vars`, templating, `foreach`, `matrix`).

Everything that needs to know a stage, its inputs or its outputs (the runner, the Snakefile, the command
line, the report) asks here; nothing else reads `dvc.yaml`.
"""

from __future__ import annotations

import hashlib
import importlib
import inspect
import json
import os
import re
import shlex
import time
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import yaml

from analysis.contract import InputError
from analysis.pipeline.dvc_repo import open_repo

# folder of the package that a stage's command names -> chapter of the report
CHAPTERS = {
    "obtain": "Obtain",
    "scrub": "Scrub",
    "explore": "Explore",
    "model": "Model",
    "interpret": "Interpret",
    "report": "Report",
}
STATE_DIR = Path(".deepsight")  # memory of past runs that no result depends on; safe to delete
N_LOCK_READS, SECONDS_BETWEEN_READS = 20, 0.1  # DVC writes its lock file in place, in a few milliseconds


@dataclass(frozen=True)
class Stage:
    """One resolved stage of dvc.yaml. Paths are as written there: relative to the workspace, or absolute."""

    name: str
    command: str
    description: str
    deps: tuple[Path, ...]
    outs: tuple[Path, ...]
    metrics: tuple[Path, ...]
    parameters: dict[str, Any]  # dotted key of params.yaml -> its present value

    @cached_property
    def folders_made(self) -> tuple[str, ...]:
        """The outputs as text that ends with a slash, so that one within another begins with it."""
        return tuple(f"{out.as_posix()}/" for out in self.outs)

    @property
    def module_name(self) -> str:
        """The package that the command runs: `analysis.obtain.scan` for `python -m analysis.obtain.scan`."""
        words = shlex.split(self.command)
        return words[words.index("-m") + 1]

    @property
    def rule_name(self) -> str:
        """Snakemake allows neither `@` nor `-`: the stage `train@focal-loss` is rule `train_focal_loss`."""
        return re.sub(r"\W", "_", self.name)

    @property
    def chapter(self) -> str:
        parts = self.module_name.split(".")
        return CHAPTERS[parts[-2]]

    @property
    def words(self) -> str:
        """The question that the stage answers, its method, and how the result misleads."""
        return inspect.getdoc(importlib.import_module(self.module_name)) or ""

    def is_code(self, dep: Path) -> bool:
        """Whether a dependency is our own source rather than data that another stage made or a user owns."""
        return dep.suffix == ".py" or "src" in dep.parts[:1]


def load_stages(workspace: Path = Path()) -> dict[str, Stage]:
    """Every stage of the workspace's `dvc.yaml`, by name, upstream before downstream.

    DVC takes half a second to resolve them, for which every stage would wait: what it found is remembered
    beside the contents of the files that it read.

    Raises
    ------
    InputError
        If the folder is no workspace, or `dvc.yaml` or `params.yaml` cannot be read.
    """
    memo, digest = workspace / STATE_DIR / "dag.json", _digest_of_sources(workspace)
    stages = _remembered(memo, digest)
    if stages is None:
        stages = _in_order(_resolved(workspace))
        _remember(memo, digest, stages)
    return stages


def _digest_of_sources(workspace: Path) -> str | None:
    """Of all that decides the DAG; None if one is not there, or the DAG takes variables from elsewhere."""
    sources = [workspace / name for name in ("dvc.yaml", "params.yaml")]
    if not all(source.is_file() for source in sources):
        return None
    contents = [source.read_bytes() for source in (*sources, Path(__file__))]
    if re.search(rb"(?m)^vars:", contents[0]):
        return None
    return hashlib.blake2b(b"\0".join(contents), digest_size=16).hexdigest()


def _remembered(memo: Path, digest: str | None) -> dict[str, Stage] | None:
    if digest is None or not memo.is_file():
        return None
    content = json.loads(memo.read_text(encoding="utf-8"))
    if content["digest"] != digest:
        return None
    return {fields["name"]: Stage(**_with_paths(fields)) for fields in content["stages"]}


def _with_paths(fields: dict[str, Any]) -> dict[str, Any]:
    return fields | {name: tuple(map(Path, fields[name])) for name in ("deps", "outs", "metrics")}


def _remember(memo: Path, digest: str | None, stages: dict[str, Stage]) -> None:
    if digest is None:
        return
    memo.parent.mkdir(exist_ok=True)
    content = {"digest": digest, "stages": [asdict(stage) for stage in stages.values()]}
    partial = memo.with_suffix(f".{os.getpid()}")  # stages that run side by side may write it at once
    partial.write_text(json.dumps(content, default=str), encoding="utf-8")
    partial.replace(memo)


def _resolved(workspace: Path) -> dict[str, Stage]:
    from dvc.exceptions import DvcException
    from dvc.stage import PipelineStage

    try:
        resolved = [stage for stage in _indexed(workspace) if isinstance(stage, PipelineStage)]
        read = cache(_read_yaml)  # DVC would read params.yaml anew for each stage
        return {stage.name: _stage_of(stage, read) for stage in resolved}
    except DvcException as error:
        details = f": {' '.join(str(error.__cause__).split())}" if error.__cause__ else ""
        raise InputError(f"{workspace.resolve()}: {error}{details}") from error


def _indexed(workspace: Path) -> list[Any]:
    """All stages, as DVC has them. DVC reads `dvc.lock` too, which a stage beside this one may be writing."""
    from dvc.exceptions import DvcException

    for _ in range(N_LOCK_READS - 1):
        try:
            return open_repo(workspace).index.stages
        except DvcException as error:
            if "dvc.lock" not in str(error):
                raise
            time.sleep(SECONDS_BETWEEN_READS)
    return open_repo(workspace).index.stages


def _read_yaml(file: str) -> Any:
    return yaml.safe_load(Path(file).read_text(encoding="utf-8"))


def _stage_of(stage: Any, read: Callable[[str], Any]) -> Stage:
    from dvc.dependency.param import ParamsDependency

    parameters: dict[str, Any] = {}
    deps: list[Path] = []
    for dep in stage.deps:
        if isinstance(dep, ParamsDependency):
            parameters.update({key: _value_at(read(dep.fs_path), key) for key in dep.params})
        else:
            deps.append(Path(dep.def_path))
    return Stage(
        name=stage.name,
        command=stage.cmd,
        description=stage.desc or "",
        deps=tuple(dict.fromkeys(deps)),
        outs=tuple(Path(out.def_path) for out in stage.outs),
        metrics=tuple(Path(out.def_path) for out in stage.outs if out.metric),
        parameters=parameters,
    )


def _value_at(content: Any, key: str) -> Any:
    """The value under a dotted key; None where there is none, of which `parameters.validate` says more."""
    for part in key.split("."):
        content = content.get(part) if isinstance(content, dict) else None
    return content


def producers(stages: dict[str, Stage], path: Path) -> list[str]:
    """The stages that make `path`, something in it, or the folder it lies in."""
    wanted = f"{path.as_posix()}/"  # compared as text, as this is asked for every input of every stage
    return [
        name
        for name, stage in stages.items()
        if any(wanted.startswith(made) or made.startswith(wanted) for made in stage.folders_made)
    ]


def user_data(stages: dict[str, Stage], stage: Stage) -> list[Path]:
    """The inputs that nobody here makes: the dataset."""
    return [dep for dep in stage.deps if not stage.is_code(dep) and not producers(stages, dep)]


def and_after(stages: dict[str, Stage], names: Collection[str]) -> set[str]:
    """The stages named and all that depend on them."""
    found: set[str] = set()
    for stage in stages.values():  # upstream comes first
        makers = {maker for dep in stage.deps for maker in producers(stages, dep)}
        if stage.name in names or makers & found:
            found.add(stage.name)
    return found


def _in_order(stages: dict[str, Stage]) -> dict[str, Stage]:
    """Upstream before downstream, otherwise in the order of dvc.yaml."""
    ordered: dict[str, Stage] = {}

    def visit(name: str) -> None:
        if name in ordered:
            return
        for dep in stages[name].deps:
            if not stages[name].is_code(dep):
                for producer in producers(stages, dep):
                    visit(producer)
        ordered[name] = stages[name]

    for name in stages:
        visit(name)
    return ordered

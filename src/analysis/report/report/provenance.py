"""Where the results come from: code, libraries, machine, and how long each stage took."""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from analysis.pipeline.dag import Stage
from analysis.report.report.pages.dag_drawing import DagDrawing, draw_dag
from analysis.report.report.results import StageResult
from analysis.report.report.tables import read_as_text
from analysis.report.report.wording import ABSENT, title_of, write_duration

PACKAGE = "deepsight"


@dataclass(frozen=True)
class StageTime:
    """When a stage last ran; `share` is its time as a share of the longest stage's."""

    name: str
    duration: str
    share: float
    finished: str
    summary: str


@dataclass(frozen=True)
class Provenance:
    facts: dict[str, str]
    dag: DagDrawing
    times: list[StageTime]
    parameters: dict[str, dict[str, str]]  # by stage, as it used them
    versions: dict[str, str]


def provenance_of(
    own: Stage,
    stages: Mapping[str, Stage],
    results: Sequence[StageResult],
    run_records: Mapping[str, Mapping[str, Any]],
) -> Provenance:
    """All but the time of the report's `own` stage, which is not known while it is being written."""
    others = [name for name in stages if name != own.name]
    return Provenance(
        facts={**_dataset_facts(results), "Code": code_version(), "Machine": machine()},
        dag=draw_dag(stages),
        times=stage_times(others, run_records),
        parameters={result.name: flatten(result.parameters) for result in results},
        versions=versions(),
    )


def _dataset_facts(results: Sequence[StageResult]) -> dict[str, str]:
    """What the stages wrote of the dataset's identity: tables `dataset` of `property` and `value`."""
    tables = [read_as_text(r.folder / "dataset.csv") for r in results if "dataset" in r.captions]
    return {
        title_of(name): value
        for table in tables
        for name, value in zip(table["property"], table["value"], strict=True)
    }


def stage_times(names: Sequence[str], run_records: Mapping[str, Mapping[str, Any]]) -> list[StageTime]:
    """One row per stage, in the order of `names`; a stage without a record did not run in this workspace."""
    longest = max((run_records[name]["seconds"] for name in names if name in run_records), default=0) or 1
    return [
        StageTime(
            name=name,
            duration=write_duration(run_records[name]["seconds"]),
            share=run_records[name]["seconds"] / longest,
            finished=run_records[name]["finished"],
            summary=run_records[name]["summary"],
        )
        if name in run_records
        else StageTime(name, ABSENT, 0, "", "")
        for name in names
    ]


def versions() -> dict[str, str]:
    """Python's version and those of DeepSight and the libraries that it asks for, by name."""
    required = [line for line in metadata.requires(PACKAGE) or [] if "extra ==" not in line]
    names = sorted({re.split(r"[^\w.-]", line, maxsplit=1)[0] for line in required}, key=str.lower)
    return {
        "Python": platform.python_version(),
        "DeepSight": metadata.version(PACKAGE),
        **{name: metadata.version(name) for name in names},
    }


def code_version() -> str:
    """The git commit of the code that runs, and whether files were changed since."""
    folder = Path(__file__).parent
    commit = _git(folder, "rev-parse", "--short=12", "HEAD")
    if not commit:
        return "not under version control"
    changed = _git(folder, "status", "--porcelain", "--untracked-files=no", "--", ":/src", ":/dvc.yaml")
    return f"{commit}, with local changes" if changed else commit


def _git(folder: Path, *arguments: str) -> str:
    """What git says, or nothing if there is no git or no repository. Reads only, and takes no lock."""
    if shutil.which("git") is None:
        return ""
    command = ["git", "--no-optional-locks", "-C", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def machine() -> str:
    """The kind of machine, without its name."""
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"


def flatten(parameters: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Nested parameters by dotted key, as `dvc exp run -S` takes them, with values as YAML writes them."""
    flat: dict[str, str] = {}
    for key, value in parameters.items():
        if isinstance(value, Mapping):
            flat.update(flatten(value, f"{prefix}{key}."))
        else:
            flat[f"{prefix}{key}"] = value if isinstance(value, str) else json.dumps(value, default=str)
    return flat

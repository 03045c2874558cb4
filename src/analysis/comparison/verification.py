"""`deepsight verify`: do the stages still make what `dvc.lock` says that they made, here and now?

Each stage runs once more in a scratch folder that holds its inputs alone, without what it remembers of
earlier runs, and what it makes is held against what is recorded. The environment is that of the command, so
that other kernels can be asked for (`OMP_NUM_THREADS=1 deepsight verify`).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from analysis.comparison.sides import LOCK, folder_side, outputs_in
from analysis.contract import InputError, nearest
from analysis.pipeline.dag import STATE_DIR, Stage, load_stages

EQUAL, EQUAL_FIGURES, DIFFERENT, FAILED = "equal", "equal in its figures", "different", "failed"
FIGURES = (".json", ".csv")  # of outputs that are read as numbers, not those behind a drawing
LINKED = ("dvc.yaml", "params.yaml", LOCK, "src", ".dvc", ".dvcignore")


@dataclass(frozen=True)
class Verified:
    """How what a stage made compares; `first` names the first file, and key, that differs."""

    stage: str
    state: str
    first: str = ""


def main() -> None:
    arguments = verify_parser().parse_args()
    try:
        sys.exit(1 if _run(arguments.stages) else 0)
    except InputError as error:
        print(f"deepsight: {error}", file=sys.stderr)
        sys.exit(2)


def verify_parser() -> argparse.ArgumentParser:
    described = argparse.ArgumentParser(
        prog="deepsight verify",
        description="Run stages again in a scratch folder and hold what they make against dvc.lock. Exit "
        "code: 0 if all are equal, at least in their figures, 1 if not, 2 if that could not be told.",
    )
    described.add_argument("stages", nargs="*", help="(default: all that have run, but the report)")
    return described


def _run(names: Sequence[str]) -> bool:
    """Print a line a stage, as it ends. Returns whether any differs."""
    stages = _chosen(names)
    width = max(len(stage.name) for stage in stages)
    is_wrong = False
    for stage in stages:
        found = verify_stage(stage)
        is_wrong |= found.state in (DIFFERENT, FAILED)
        print(f"{found.stage:<{width}}  {found.state}{': ' * bool(found.first)}{found.first}", flush=True)
    return is_wrong


def _chosen(names: Sequence[str]) -> list[Stage]:
    stages, ran = load_stages(), folder_side(Path()).stages
    if unknown := [name for name in names if name not in ran]:
        raise InputError(f"no stage '{unknown[0]}' has run here{nearest(unknown[0], list(ran))}.")
    chosen = names or [name for name in stages if name in ran and stages[name].chapter != "Report"]
    return [stages[name] for name in chosen]


def verify_stage(stage: Stage, workspace: Path = Path()) -> Verified:
    """Run the stage on the workspace's inputs, somewhere else, and compare."""
    recorded = outputs_in(folder_side(workspace).stages)
    with tempfile.TemporaryDirectory(prefix="deepsight-verify-") as name:
        scratch = Path(name)
        _lay_out(scratch, stage, workspace.absolute())
        # `python` is this one, whether or not its environment is activated
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
        done = subprocess.run(
            stage.command,
            shell=True,  # as DVC runs it
            cwd=scratch,
            env=os.environ | {"PATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            return Verified(stage.name, FAILED, (done.stderr.strip() or "no word").splitlines()[-1])
        return _compare(stage, scratch, workspace, recorded)


def _lay_out(scratch: Path, stage: Stage, workspace: Path) -> None:
    for name in LINKED:
        if (workspace / name).exists():
            (scratch / name).symlink_to((workspace / name).resolve())
    memo = STATE_DIR / "dag.json"
    if (workspace / memo).exists():
        (scratch / STATE_DIR).mkdir()
        shutil.copy(workspace / memo, scratch / memo)
    for dep in stage.deps:
        if dep.is_absolute() or stage.is_code(dep) or not (workspace / dep).exists():
            continue
        (scratch / dep).parent.mkdir(parents=True, exist_ok=True)
        if not os.path.lexists(scratch / dep):
            (scratch / dep).symlink_to((workspace / dep).resolve())


def _compare(stage: Stage, scratch: Path, workspace: Path, recorded: dict[str, str]) -> Verified:
    differing = [
        file
        for out in stage.outs
        for file in _files_that_differ(out, scratch, workspace, recorded.get(out.as_posix(), ""))
    ]
    if not differing:
        return Verified(stage.name, EQUAL)
    figures = [file for file in differing if file.suffix in FIGURES and file in stage.outs]
    figures.sort(key=_is_table)
    first = _first_difference((figures or differing)[0], scratch, workspace)
    return Verified(stage.name, DIFFERENT if figures else EQUAL_FIGURES, first)


def _is_table(file: Path) -> bool:
    return file.name != "metrics.json"


def _files_that_differ(out: Path, scratch: Path, workspace: Path, md5: str) -> list[Path]:
    if not (scratch / out).is_dir():
        is_same = hashlib.md5((scratch / out).read_bytes()).hexdigest() == md5
        return [] if is_same else [out]
    made, kept = (
        {file.relative_to(folder) for file in (folder / out).rglob("*") if file.is_file()}
        for folder in (scratch, workspace)
    )
    both = sorted(made & kept)
    changed = [file for file in both if (scratch / file).read_bytes() != (workspace / file).read_bytes()]
    return [*changed, *sorted(made ^ kept)]


def _first_difference(file: Path, scratch: Path, workspace: Path) -> str:
    if file.name != "metrics.json" or not (workspace / file).exists():
        return str(file)
    made, kept = (json.loads((folder / file).read_text(encoding="utf-8")) for folder in (scratch, workspace))
    for key in [*kept, *made]:
        if kept.get(key) != made.get(key):
            return f"{key}: {kept.get(key)} is recorded, {made.get(key)} was made"
    return str(file)


if __name__ == "__main__":
    main()

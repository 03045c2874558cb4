"""One state of an audit, and its files: those that git has, those in DVC's cache, or those in a folder."""

from __future__ import annotations

import io
import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from analysis.contract import InputError
from analysis.pipeline.dvc_repo import open_repo
from analysis.pipeline.unjudged import UNJUDGED

DAG, LOCK, PARAMETERS = "dvc.yaml", "dvc.lock", "params.yaml"


@dataclass(frozen=True)
class Side:
    """`read` gives the bytes of a file by its path in the audit's folder, None where the state has none."""

    name: str
    read: Callable[[str], bytes | None]

    @cached_property
    def stages(self) -> dict[str, dict[str, Any]]:
        """The stages that have run, as `dvc.lock` records them; it may still hold some that are no more."""
        declared, ran = (_yaml(self.read(name))["stages"] for name in (DAG, LOCK))
        return {name: stage for name, stage in ran.items() if name.split("@")[0] in declared}

    @cached_property
    def parameters(self) -> dict[str, Any]:
        return _yaml(self.read(PARAMETERS))

    def outputs(self, file_name: str) -> list[str]:
        """The paths of all outputs of that name, in the order of the stages."""
        return [path for path in outputs_in(self.stages) if Path(path).name == file_name]

    def table(self, path: str) -> pd.DataFrame | None:
        """None, too, where the stage had nothing to judge."""
        content = self.read(path)
        found = None if content is None else pd.read_parquet(io.BytesIO(content))
        return None if found is None or list(found.columns) == [UNJUDGED] else found

    def array(self, path: str) -> np.ndarray | None:
        """As `table`."""
        content = self.read(path)
        found = None if content is None else np.load(io.BytesIO(content), allow_pickle=False)
        return None if found is None or found.ndim == 0 else found

    def metrics(self, path: str) -> dict[str, Any]:
        return json.loads(self.read(path) or b"{}")


def _yaml(content: bytes | None) -> dict[str, Any]:
    """Plain values alone; libyaml's parser, as a lock file has thousands of lines."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return yaml.load(content or b"", Loader=loader) or {}


def outputs_in(stages: dict[str, dict[str, Any]]) -> dict[str, str]:
    """Path to hash of each output."""
    return {out["path"]: out.get("md5", "") for stage in stages.values() for out in stage.get("outs", ())}


def folder_side(folder: Path) -> Side:
    """What lies in an audit's folder.

    Raises
    ------
    InputError
        If no audit ever ran there.
    """
    if not (folder / LOCK).is_file():
        raise InputError(f"{folder} holds no audit that has run: there is no {LOCK}.")

    def read(path: str) -> bytes | None:
        file = folder / path
        return file.read_bytes() if file.is_file() else None

    return Side(str(folder) if folder != Path() else "workspace", read)


def commit_side(revision: str, workspace: Path = Path()) -> Side:
    """What a commit has, of the git repository in which `workspace` lies.

    Raises
    ------
    InputError
        If there is no such commit, or no audit ran in it; from `read`, if an output is in no cache.
    """
    commit = _git(workspace, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    if commit is None:
        raise InputError(f"{workspace.absolute()} has no commit '{revision}' in git.")
    sha = commit.decode().strip()
    lock = _git(workspace, "show", f"{sha}:./{LOCK}")
    if lock is None:
        raise InputError(f"no audit ran in {revision}: the commit has no {LOCK}.")
    hashes = outputs_in(_yaml(lock)["stages"])
    cache = open_repo(workspace).cache.local

    def read(path: str) -> bytes | None:
        content = _git(workspace, "show", f"{sha}:./{path}")
        if content is not None or path not in hashes:
            return content
        cached = Path(cache.oid_to_path(hashes[path]))
        if not cached.is_file():
            raise InputError(
                f"{path} of {revision} is not in DVC's cache. `dvc fetch --all-commits` brings it from a "
                f"remote, if there is one; else run `dvc repro` in a checkout of {revision}."
            )
        return cached.read_bytes()

    return Side(revision, read)


def _git(folder: Path, *words: str) -> bytes | None:
    """What git prints; None if it fails."""
    try:
        done = subprocess.run(["git", "-C", str(folder), *words], capture_output=True, check=False)
    except FileNotFoundError as error:
        raise InputError("git is not installed; give the folders of two audits instead.") from error
    return done.stdout if done.returncode == 0 else None

"""What differs from `dvc.lock`: asked by the Snakefile before any job, and by `deepsight stages`."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from analysis.contract import InputError
from analysis.pipeline.dvc_repo import open_repo


def stale_stages(
    workspace: Path = Path(), *, except_for: Collection[str] = (), needs_cache: bool = True
) -> dict[str, str]:
    """Stage -> what differs from `dvc.lock`, for each stage of the workspace that would run first.

    Stages after a stale one are listed only if something of their own differs: whether they run is known once
    the stale one has. With `needs_cache`, an output that is in its place but not in DVC's cache is stale too.

    Raises
    ------
    InputError
        If an input cannot be read, or another process is writing to it.
    """
    from dvc.exceptions import DvcException
    from dvc.repo import lock_repo
    from dvc.stage import PipelineStage

    reasons = {}
    repo = open_repo(workspace, waits=True)
    with lock_repo(repo):
        for stage in repo.index.stages:
            if not isinstance(stage, PipelineStage) or stage.name in except_for:
                continue
            try:
                changes = list(_flatten(stage.status().get(stage.addressing, [])))
            except (DvcException, OSError) as error:
                raise InputError(f"{stage.name}: {error}") from error
            if not needs_cache:
                changes = [(name, state) for name, state in changes if state != "not in cache"]
            if changes:
                has_run = any(out.hash_info for out in stage.outs)
                reasons[stage.name] = _in_words(changes) if has_run else "it has not run yet"
    return reasons


def _flatten(changes: list[str | dict[str, Any]]) -> Iterator[tuple[str, str]]:
    """DVC's account of a stage as pairs such as ("scan.batch_images", "modified")."""
    for change in changes:
        if isinstance(change, str):  # of the stage itself: "changed checksum", "always changed"
            yield "its block in dvc.yaml", change
            continue
        for paths in change.values():
            for path, state in paths.items():
                yield from state.items() if isinstance(state, dict) else [(path, state)]


def _in_words(changes: list[tuple[str, str]]) -> str:
    words = ", ".join(f"{name} {state}" for name, state in changes[:3])
    return words + (f" and {len(changes) - 3} more" if len(changes) > 3 else "")

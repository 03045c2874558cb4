"""`dvc repro` without a word but those of the stages that run: `python -m analysis.pipeline.reproduce`.

With `--single-item` it is what Snakemake's jobs call: Snakemake decides when the turn of a stage has come
and where it runs. So what is stale is decided in one place for both engines, by `dvc.lock`: a stage whose
command, inputs, parameters and outputs are as recorded there does not run again, and one that has run is
recorded at once. A run that was killed goes on where it stopped, under either engine, and a stage that made
the same bytes as before leaves those after it alone.
"""

from __future__ import annotations

import argparse
import logging
import os
import subprocess
import sys
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.contract import InputError

if TYPE_CHECKING:
    from dvc.repo import Repo


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
    repo = _open_repo(workspace)
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


def reproduce(
    names: Sequence[str] = (), *, single_item: bool = False, force: bool = False, commit: bool = True
) -> bool:
    """Run those of the stages, and of what they need, that differ from `dvc.lock`; without names all.

    With `single_item` only the stages named, not what they need. Returns whether any ran.
    """
    from dvc.logger import set_loggers_level

    repo = _open_repo(waits=single_item)
    with set_loggers_level(logging.WARNING):  # a stage says itself what it did
        ran = repo.reproduce(list(names), single_item=single_item, force=force, no_commit=not commit)
    return bool(ran)


def _open_repo(workspace: Path = Path(), *, waits: bool = True) -> Repo:
    """With `waits`, another's lock is waited for: parallel jobs hold it while they hash what they made."""
    from dvc.repo import Repo

    return Repo(str(workspace), _wait_for_lock=waits)


def main() -> None:
    from dvc.exceptions import DvcException

    arguments = _parse_arguments()
    # a stage's command starts with `python`: let it be this one, whether or not the environment is activated
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    if arguments.unrecorded:
        sys.exit(next(filter(None, map(_run_unrecorded, arguments.stages)), 0))
    try:
        ran = reproduce(
            arguments.stages,
            single_item=arguments.single_item,
            force=arguments.force,
            commit=not arguments.no_commit,
        )
    except DvcException as error:
        sys.exit(_explain(error))
    except KeyboardInterrupt:  # which the stage has been sent as well
        sys.exit(130)
    if arguments.single_item and not ran:
        print(f"{', '.join(arguments.stages)}: unchanged")


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Run what differs from dvc.lock, in silence but for what the stages say."
    )
    parser.add_argument("stages", nargs="*", help="these and what they need (default: all)")
    parser.add_argument("--single-item", action="store_true", help="without what they need")
    parser.add_argument("--force", action="store_true", help="run them in any case")
    parser.add_argument(
        "--no-commit", action="store_true", help="record, but leave the cache to `dvc commit`"
    )
    parser.add_argument(
        "--unrecorded", action="store_true", help="run without DVC, which cannot hash its input"
    )
    return parser.parse_args()


def _run_unrecorded(name: str) -> int:
    stage = _open_repo().stage.get_target(name)
    return subprocess.run(stage.cmd, shell=True, check=False).returncode


def _explain(error: BaseException) -> str | int:
    from dvc.stage.exceptions import StageCmdFailedError

    cause = error.__cause__
    if isinstance(cause, StageCmdFailedError) and str(cause).endswith("exited with 1"):
        return 1  # the stage has said why; one that was killed could not
    return f"{error}: {cause}" if cause else str(error)


if __name__ == "__main__":
    main()

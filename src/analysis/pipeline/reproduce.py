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
from collections.abc import Sequence
from pathlib import Path

from analysis.pipeline.dvc_repo import open_repo


def reproduce(
    names: Sequence[str] = (), *, single_item: bool = False, force: bool = False, commit: bool = True
) -> bool:
    """Run those of the stages, and of what they need, that differ from `dvc.lock`; without names all.

    With `single_item` only the stages named, not what they need. Returns whether any ran.
    """
    from dvc.logger import set_loggers_level

    repo = open_repo(waits=single_item)
    with set_loggers_level(logging.WARNING):  # a stage says itself what it did
        ran = repo.reproduce(list(names), single_item=single_item, force=force, no_commit=not commit)
    return bool(ran)


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
    except OSError as error:
        sys.exit(f"DVC cannot read or write {error.filename}: {error.strerror}.")
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
    stage = open_repo(waits=True).stage.get_target(name)
    return subprocess.run(stage.cmd, shell=True, check=False).returncode


def _explain(error: BaseException) -> str | int:
    from dvc.stage.exceptions import StageCmdFailedError

    cause = error.__cause__
    if isinstance(cause, StageCmdFailedError) and str(cause).endswith("exited with 1"):
        return 1  # the stage has said why; one that was killed could not
    return f"{error}: {cause}" if cause else str(error)


if __name__ == "__main__":
    main()

"""DVC's repository of a workspace, opened as every part of this program opens it.

DVC takes its time to import, so it is imported where a repository is wanted.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dvc.repo import Repo

SHARED_PLACE = "DVC_SITE_CACHE_DIR"  # DVC's name for where it keeps what it knows of all repositories' files


def open_repo(workspace: Path = Path(), *, waits: bool = False) -> Repo:
    """With `waits`, another's lock is waited for: parallel jobs hold it while they hash what they made."""
    from dvc.repo import Repo

    _find_place()
    return Repo(str(workspace), _wait_for_lock=waits)


def init_repo(workspace: Path) -> None:
    """Make the workspace a repository of DVC's; a git repository around it is not touched."""
    from dvc.logger import set_loggers_level
    from dvc.repo import Repo

    _find_place()
    with set_loggers_level(logging.WARNING):
        repo = Repo.init(str(workspace), no_scm=True)
    with repo.config.edit() as settings:
        settings["core"]["analytics"] = False


def _find_place() -> None:
    """Give DVC a folder of this user's where the one that all users share cannot be written to."""
    from dvc.dirs import site_cache_dir
    from platformdirs import user_cache_dir

    if not os.environ.get(SHARED_PLACE) and not _is_writable(Path(site_cache_dir(), "repo")):
        os.environ[SHARED_PLACE] = user_cache_dir("deepsight")


def _is_writable(folder: Path) -> bool:
    """Whether one may make things in it, or make it."""
    there = next(path for path in (folder, *folder.parents) if path.exists())
    return there.is_dir() and os.access(there, os.W_OK | os.X_OK)

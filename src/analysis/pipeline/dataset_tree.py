"""The folder or file a user names as the dataset, as a tree of names: has it changed, and can DVC hash it?

No image is opened and no link to a folder is followed, so links out of the tree, loops, closed folders and
pipes do no harm. 60,000 files take about half a second.
"""

# ruff: noqa: PTH116, PTH118
# names stay strings: `Path` objects for a hundred thousand files would cost another second

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from analysis.contract import InputError
from analysis.pipeline.dag import Stage, user_data


def unhashable_inputs(stages: dict[str, Stage], workspace: Path = Path()) -> dict[str, str]:
    """Stage -> what in its part of the dataset DVC cannot hash, and why, for each stage that it stops.

    Raises
    ------
    InputError
        If a stage's part of the dataset is not there.
    """
    problems = {}
    for stage in stages.values():
        for path in user_data(stages, stage):
            if not (workspace / path).exists():
                raise InputError(f"{stage.name}: {path} does not exist; correct the parameter that names it.")
            problem = first_unhashable(workspace / path)
            if problem:
                problems[stage.name] = problem
    return problems


def tree_digest(root: Path) -> str:
    """Digest over every entry's relative path, size and modification time.

    It changes when a file is added, removed, renamed or written to, however deep in the tree.
    """
    digest = hashlib.blake2b(digest_size=16)
    for path in sorted(_paths(root)):
        digest.update(os.fsencode(f"{os.path.relpath(path, root)}\0{_size_and_time(path)}\0"))
    return digest.hexdigest()


def first_unhashable(root: Path) -> str | None:
    """The first entry that DVC cannot hash and why, as a sentence, or None.

    DVC stops at a link that leads nowhere or in a circle, at a file it may not read and at a name that is not
    UTF-8; at a named pipe it waits for ever.
    """
    for path in _paths(root):
        reason = _why_unhashable(path)
        if reason:
            return f"{os.fsencode(path).decode('utf-8', 'backslashreplace')} {reason}"
    return None


def _why_unhashable(path: str) -> str | None:
    try:
        path.encode("utf-8")
        mode = os.stat(path).st_mode
    except UnicodeEncodeError:
        return "has a name that is not UTF-8"
    except OSError:
        return "is a link that leads nowhere"
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        return "is neither a file nor a folder"
    if not os.access(path, os.R_OK):
        return "may not be read"
    return None


def _size_and_time(path: str) -> str:
    try:
        status = os.stat(path)
    except OSError:  # a link that leads nowhere counts by its name alone
        return ""
    return f"{status.st_size} {status.st_mtime_ns}"


def _paths(root: Path) -> Iterator[str]:
    """The root, if it is there, and everything below it."""
    if os.path.lexists(root):
        yield os.fspath(root)
    for folder, folders, files in os.walk(root):
        yield from (os.path.join(folder, name) for name in (*folders, *files))

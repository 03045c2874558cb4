"""Which symbolic links of a dataset are followed, and what is said of them.

Owners keep datasets as links: into the cache of DVC, Hugging Face or git-annex, or to pictures that several
splits share. A stranger's archive may hold links too, to whatever lies on the machine that unpacks it.
"""

# Paths are strings here: a Path object per file would double the time on large datasets.
# ruff: noqa: PTH115

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from analysis.dataset.file_kinds import IMAGE, kind_of
from analysis.obtain.prepare.parameters import FollowLinks
from analysis.obtain.prepare.wording import counted

LINK_OUTSIDE = "link_outside"  # the status of what a link leads to that is not followed
ANNEX = ".git/annex/objects/"


def is_inside(real_path: str, real_root: str) -> bool:
    """Whether a path lies in a folder or is that folder, both without symbolic links."""
    return real_path == real_root or real_path.startswith(real_root.rstrip("/") + "/")


def is_followed(real_path: str, real_root: str, follow: FollowLinks, *, is_folder: bool = False) -> bool:
    """Whether to go where a link leads. A folder that holds the dataset is never gone into."""
    if is_inside(real_path, real_root):
        return True
    if is_folder:
        return follow == "all" and not is_inside(real_root, real_path)
    if follow == "images":  # a pipe would be waited for without end
        return Path(real_path).is_file() and kind_of(real_path) == IMAGE
    return follow == "all"


def link_notes(statuses: Sequence[tuple[str, str]]) -> list[str]:
    """What is said of links, given the path and the status of what each leads to."""
    followed = [path for path, status in statuses if status in ("ok", "folder")]
    refused = [path for path, status in statuses if status == LINK_OUTSIDE]
    in_annex = [path for path, status in statuses if status == "missing" and ANNEX in os.readlink(path)]
    notes = []
    if followed:
        notes.append(f"Symbolic links followed: {len(followed):,}, such as {_shown(followed[0])}.")
    if refused:
        notes.append(
            f"Symbolic links not followed, since they lead out of the dataset's folder and to no image: "
            f"{len(refused):,}, such as {_shown(refused[0])}. If you know them, "
            "`--set dataset.follow_links=all` follows them."
        )
    if in_annex:
        notes.append(
            f"{counted(len(in_annex), 'picture')} of git-annex is not here: `git annex get` brings it."
            if len(in_annex) == 1
            else f"{len(in_annex):,} pictures of git-annex are not here: `git annex get` brings them."
        )
    return notes


def _shown(path: str) -> str:
    return " to ".join(
        os.fsencode(name).decode("utf-8", "backslashreplace") for name in (path, os.readlink(path))
    )

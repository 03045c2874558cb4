"""Finds the image files below a folder, without walking in circles or out of it by a stranger's links."""

# Paths are strings here: a Path object per file would double the time on large datasets.
# ruff: noqa: PTH116, PTH118, PTH122

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from analysis.dataset.content_hash import status_of
from analysis.obtain.prepare.folders.links import LINK_OUTSIDE, is_followed
from analysis.obtain.prepare.parameters import FollowLinks

# fmt: off
IMAGE_EXTENSIONS = (
    ".avif", ".bmp", ".gif", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".pnm", ".ppm",
    ".tga", ".tif", ".tiff", ".webp",
)
# fmt: on
HIDDEN_NAMES = {"__MACOSX", "@eaDir"}  # what archives made on a Mac and Synology's indexer leave behind


class Entry(NamedTuple):
    """Something in a folder.

    `names` leads to it from the root. `status` is "ok" for an image file, "folder", "hidden" or "other" (a
    file without an image extension); for an image or a folder that cannot be had it is "link_outside",
    "symlink_loop", "missing" or "unreadable".
    """

    names: tuple[str, ...]
    status: str
    is_link: bool = False


def walk_folder(root: Path, *, follow_links: FollowLinks = "none") -> Iterator[Entry]:
    """Everything below `root` in natural order, the files of a folder before what is in its subfolders.

    Symbolic links are followed within `root`, and out of it as `follow_links` says. One that leads to
    nothing, or back to a folder that it lies in, ends there.
    """
    # Each waiting folder: its names, and the real paths of the root, the folders between, and itself.
    # A list, not recursion: folders may be nested deeper than Python's stack.
    waiting: list[tuple[tuple[str, ...], tuple[str, ...]]] = [((), (os.path.realpath(root),))]
    while waiting:
        names, chain = waiting.pop()
        try:
            found = sorted(os.scandir(os.path.join(root, *names)), key=lambda entry: natural_key(entry.name))
        except OSError as error:
            if not names:
                raise
            yield Entry(names, status_of(error))
            continue
        subfolders = []
        for entry in found:
            status, real_path = _look_at(entry, chain, follow_links)
            yield Entry((*names, entry.name), status, entry.is_symlink())
            if status == "folder":
                subfolders.append(((*names, entry.name), (*chain, real_path)))
        waiting.extend(reversed(subfolders))


def natural_key(text: str) -> tuple[Any, ...]:
    """Sorts "class 2" before "Class 10": numbers by value, letters in either case, equals by their code."""
    pieces = re.split("([0-9]+)", text.casefold())  # text, digits, text, …, text
    digits = [piece.lstrip("0") for piece in pieces[1::2]]
    numbers = [(len(piece), piece) for piece in digits]  # in the order of the integers, of any length
    pairs = zip(pieces[::2], [*numbers, (-1, "")], strict=True)
    return (*(part for pair in pairs for part in pair), text)


def _look_at(entry: os.DirEntry[str], chain: tuple[str, ...], follow_links: FollowLinks) -> tuple[str, str]:
    """Status and real path of an entry of the folder at the end of `chain`."""
    real_path = os.path.join(chain[-1], entry.name)
    if entry.name.startswith(".") or entry.name in HIDDEN_NAMES:
        return "hidden", real_path
    if entry.is_symlink():
        return _follow(entry, chain, follow_links)
    if entry.is_dir(follow_symlinks=False):
        return "folder", real_path
    return "ok" if _is_image(entry.name) else "other", real_path


def _follow(link: os.DirEntry[str], chain: tuple[str, ...], follow_links: FollowLinks) -> tuple[str, str]:
    """Status and real path of a symbolic link."""
    real_path = os.path.realpath(link.path)
    is_folder = False
    try:
        is_folder = stat.S_ISDIR(os.stat(link.path).st_mode)
        status = "folder" if is_folder else "ok"
    except OSError as error:
        status = status_of(error)
    if not is_folder and os.path.splitext(link.name)[1] and not _is_image(link.name):
        return "other", real_path
    if is_folder and real_path in chain:
        return "symlink_loop", real_path
    if status in ("ok", "folder") and not is_followed(real_path, chain[0], follow_links, is_folder=is_folder):
        return LINK_OUTSIDE, real_path
    return status, real_path


def _is_image(name: str) -> bool:
    return name.lower().endswith(IMAGE_EXTENSIONS)

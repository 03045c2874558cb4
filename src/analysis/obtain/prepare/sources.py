"""Where a dataset comes from. Each source gives one row per image: its path, label, split and status.

`label` and `split` are null where the dataset gives none. `status` is "ok" as long as nothing speaks against
opening the file, else "outside_root", "link_outside", "bad_name", "symlink_loop", "missing" or "unreadable".
"""

# Paths are strings here: a Path object per file would double the time on large datasets.
# ruff: noqa: PTH100, PTH110, PTH114, PTH118, PTH119, PTH120

from __future__ import annotations

import functools
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from analysis.contract import InputError, nearest, to_set
from analysis.dataset.file_kinds import IMAGE, Kind, kind_of
from analysis.dataset.splits import SPLITS, split_named
from analysis.obtain.prepare.folders.folder_walk import IMAGE_EXTENSIONS, Entry, natural_key, walk_folder
from analysis.obtain.prepare.folders.layout import Layout, understand
from analysis.obtain.prepare.folders.links import LINK_OUTSIDE, is_followed, is_inside, link_notes
from analysis.obtain.prepare.folders.masks import find_masks
from analysis.obtain.prepare.label_text import read_labels, renamed
from analysis.obtain.prepare.parameters import FollowLinks
from analysis.obtain.prepare.path_repair import repaired, start_of
from analysis.obtain.prepare.table_file import read_table
from analysis.obtain.prepare.wording import counted, listed

ROW = ["path", "label", "split", "status", "group"]
TEXTS = {".csv", ".html", ".json", ".md", ".py", ".rst", ".tsv", ".txt", ".xml", ".yaml", ".yml"}
NO_ROW = {"folder", "hidden", "other"}  # what a folder holds besides images


@dataclass(frozen=True)
class Listing:
    """What a source names.

    Attributes
    ----------
    rows
        One row per image: `path` as it opens from here, `label`, `split`, `status`, `group`.
    n_hidden, n_other_files, n_masks, n_excluded
        What is not in `rows`: hidden entries, files without an image extension, masks of other images, images
        in folders that are excluded.
    notes
        Sentences for the reader of the report.
    """

    rows: pd.DataFrame
    n_hidden: int = 0
    n_other_files: int = 0
    n_masks: int = 0
    n_excluded: int = 0
    notes: list[str] = field(default_factory=list)


def write_digits(images: Path) -> Listing:
    """The 1,797 handwritten digits that come with scikit-learn, as greyscale PNG files of 8×8 pixels.

    They are the test set of "Optical Recognition of Handwritten Digits" (E. Alpaydin and C. Kaynak, UCI
    Machine Learning Repository, 1998). Their 17 grey levels are spread over 0 to 255.
    """
    from sklearn.datasets import load_digits

    digits = load_digits()
    pixels = np.rint(digits.images * (255 / 16)).astype(np.uint8)  # (1797, 8, 8)
    rows = []
    for number, (image, target) in enumerate(zip(pixels, digits.target, strict=True)):
        path = f"{target}/{number:04}.png"
        write_png(Image.fromarray(image), images / path)
        rows.append((path, str(target), None))
    return rows_of_written(rows, images)


def write_png(image: Image.Image, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)


def rows_of_written(written: Sequence[tuple[str, str, str | None]], images: Path) -> Listing:
    """Files that a source wrote into the folder `images`: path in it, label and split of each."""
    ordered = sorted(written, key=lambda row: natural_key(row[0]))
    rows = [(f"{images.as_posix()}/{path}", label, split, "ok", None) for path, label, split in ordered]
    return Listing(pd.DataFrame(rows, columns=ROW, dtype=object))


def read_folder(
    root: Path,
    *,
    label_level: int | str = "auto",
    exclude: Sequence[str] = (),
    group_pattern: str = "",
    follow_links: FollowLinks = "images",
    rename_labels: Mapping[str, str] | None = None,
) -> Listing:
    """The image files below `root`, in the order of `walk_folder`, without masks of other images.

    What the folders mean is read by `layout.understand`. A name that is not UTF-8 is given with its stray
    bytes escaped.

    Parameters
    ----------
    label_level
        Which folder is the label: 1 for the first below `root`, "last", "all" for all of them joined, or
        "auto".
    exclude
        Folders below `root` to leave out, as patterns (`fnmatch`) of their paths.
    group_pattern
        A regular expression: what its first group matches in a path below `root` is the image's group.
    follow_links
        Out of `root`: to files that are images, all or none.
    rename_labels
        Labels that a person wants to be others, such as spellings of one class.

    Raises
    ------
    InputError
        If `root` is not a folder, there is no image in it, or its folders can be read in several ways.
    """
    _check_is_folder(root)
    entries, n_excluded = _without_excluded(list(walk_folder(root, follow_links=follow_links)), exclude)
    entries, strange = _with_unnamed_images(entries, root)
    named = [entry for entry in entries if entry.status not in NO_ROW]
    n_other_files = sum(entry.status == "other" for entry in entries)
    _check_has_images(named, root, n_other_files)
    images, paths = _without_masks(named, root)
    layout = understand([entry.names[:-1] for entry in images], root=root, label_level=label_level)
    rows = [_row(path, entry, layout) for path, entry in zip(paths, images, strict=True)]
    rows = pd.DataFrame(rows, columns=ROW[:-1], dtype=object).assign(group=_groups_by(group_pattern, images))
    empty = _empty_folder_notes(entries, rows, layout)  # as the folders are called
    labels, said = renamed(rows["label"], rename_labels or {})
    rows["label"] = labels.where(labels.ne(""), None)
    return Listing(
        rows,
        n_hidden=sum(entry.status == "hidden" for entry in entries),
        n_other_files=n_other_files,
        n_masks=len(named) - len(images),
        n_excluded=n_excluded,
        notes=[
            *layout.notes,
            *said,
            *empty,
            *_strange_notes(strange, layout),
            *link_notes([(str(root.joinpath(*e.names)), e.status) for e in entries if e.is_link]),
        ],
    )


def _with_unnamed_images(entries: list[Entry], root: Path) -> tuple[list[Entry], list[tuple[Entry, Kind]]]:
    """The entries, of which those without an image's extension are images where their bytes say so.

    Beside them, the files of other known kinds. Links are not followed, and files named as text not opened.
    """
    found, strange = [], []
    for entry in entries:
        kind = _kind_of_other(root.joinpath(*entry.names)) if entry.status == "other" else None
        found.append(entry._replace(status="ok") if kind == IMAGE else entry)
        if kind not in (None, IMAGE):
            strange.append((entry, kind))
    return found, strange


def _kind_of_other(path: Path) -> Kind | None:
    is_looked_at = path.suffix.casefold() not in TEXTS and not path.is_symlink() and path.is_file()
    return kind_of(path) if is_looked_at else None


def _strange_notes(strange: Sequence[tuple[Entry, Kind]], layout: Layout) -> list[str]:
    """How many files of each other kind lie in which class: one that loses images by it is told."""
    notes = []
    for kind in dict.fromkeys(kind for _, kind in strange):
        of_kind = [entry for entry, other in strange if other == kind]
        labels = Counter(str(layout.read(entry.names[:-1])[0] or "no class") for entry in of_kind)
        classes = ", ".join(f"{label} {n:,}" for label, n in labels.most_common(10))
        notes.append(f"Left out: {counted(len(of_kind), kind.name)} ({classes}): {kind.advice}.")
    return notes


def _groups_by(pattern: str, images: Sequence[Entry]) -> list[str | None]:
    """What the pattern's first group, or all of it, matches in each path; null where it matches nothing."""
    if not pattern:
        return [None] * len(images)
    found = [re.search(pattern, "/".join(entry.names)) for entry in images]
    if not any(found):
        raise InputError(
            f"dataset.group_pattern '{pattern}' matches no path, such as '{'/'.join(images[0].names)}'. "
            f"To correct it, {to_set('dataset.group_pattern', 'PATTERN')}; an empty one makes no groups."
        )
    return [match and (match[1] if match.re.groups else match[0]) for match in found]


def _without_excluded(entries: list[Entry], exclude: Sequence[str]) -> tuple[list[Entry], int]:
    """The entries in no excluded folder, and how many images were in one."""
    if not exclude:
        return entries, 0

    def is_excluded(entry: Entry) -> bool:
        folders = ["/".join(entry.names[:i]) for i in range(1, len(entry.names) + 1)]
        return any(fnmatchcase(folder, pattern) for folder in folders for pattern in exclude)

    kept = [entry for entry in entries if not is_excluded(entry)]
    n_images = sum(e.status not in NO_ROW for e in entries) - sum(e.status not in NO_ROW for e in kept)
    return kept, n_images


def _check_is_folder(root: Path) -> None:
    if root.is_file():
        raise InputError(
            f"{root} (dataset.path) is a file, where source 'folder' expects the folder of a "
            f"dataset. Correct the path; if it is a table of images, {to_set('dataset.source', 'csv')}."
        )
    if not root.is_dir():
        raise InputError(f"{root} (dataset.path) is not there. Correct the path.")


def _without_masks(named: Sequence[Entry], root: Path) -> tuple[list[Entry], list[str]]:
    """The entries that are no mask of another, and their paths as they open from here."""
    folder = "" if root == Path() else os.path.join(root, "")  # names from here stand without "./"
    paths = [folder + "/".join(entry.names) for entry in named]
    masks = set(find_masks(paths))
    kept = [place for place in range(len(named)) if place not in masks]
    return [named[place] for place in kept], [paths[place] for place in kept]


def _check_has_images(named: Sequence[Entry], root: Path, n_other_files: int) -> None:
    if not named:
        raise InputError(
            f"there are no images in {root} (dataset.path): of {n_other_files:,} files, none "
            f"has the extension of an image ({', '.join(IMAGE_EXTENSIONS)}). Correct the path."
        )


def _row(path: str, entry: Entry, layout: Layout) -> tuple[str, str | None, str | None, str]:
    printable = _printable(path)
    label, split = layout.read(entry.names[:-1])
    status = entry.status if printable == path else "bad_name"
    return printable, None if label is None else _printable(label), split, status


def _printable(name: str) -> str:
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _empty_folder_notes(entries: Sequence[Entry], rows: pd.DataFrame, layout: Layout) -> list[str]:
    if layout.label_level is not None:  # a person said which folders are labels: others are no empty classes
        return []
    folders = {layout.read(entry.names)[0] for entry in entries if entry.status == "folder"}
    filled = set(rows["label"].dropna())
    empty = sorted({_printable(name) for name in folders - {None}} - filled, key=natural_key)
    return [f"Class folders without an image, which are no classes here: {listed(empty)}."] if empty else []


def read_csv(
    file: Path,
    *,
    image_root: Path,
    path_column: str,
    label_column: str,
    split_column: str,
    group_column: str = "",
    rename_labels: Mapping[str, str] | None = None,
    combine_labels: bool = False,
    follow_links: FollowLinks = "images",
) -> Listing:
    """One row per line of a table of images, in its order; a path that is there twice is two rows.

    `read_table` says which files are read, `read_labels` what labels may be. Paths are relative to
    `image_root` or to the file's own folder, or absolute; where hardly any is there, one rule that finds
    nearly all of them is applied (see `path_repair`). One that leads out of `image_root` gets the status
    "outside_root", and one that does by a symbolic link that `follow_links` does not allow, "link_outside".
    An image has no split if its cell is empty or there is no such column.

    Raises
    ------
    InputError
        If the file cannot be read, has no rows, lacks a column, names a split that is none, or its labels are
        not one class per image.
    """
    table, notes = read_table(file, path_column=path_column, label_column=label_column)
    if not image_root.is_dir():
        raise InputError(
            f"{image_root} (dataset.image_root) is not a folder. To name the one in which the images of "
            f"{file} lie, {to_set('dataset.image_root', '/PATH/TO/FOLDER')}."
        )
    if split_column not in table:
        table[split_column] = ""
        absent = (
            f"{file.name} has no column '{split_column}'" if split_column else "No column of splits is named"
        )
        notes.append(f"{absent}, so the dataset brings no splits.")
    label, said = read_labels(
        table[label_column],
        table[path_column],
        file=file,
        rename=rename_labels or {},
        combine=combine_labels,
    )
    start = start_of(table[path_column].tolist(), (image_root, file.parent))
    names, found = repaired(table[path_column].tolist(), start)
    paths, statuses = _places(names, start, image_root, follow_links)
    split = _read_splits(table[split_column], file)
    columns = {"path": paths, "label": label, "split": split, "status": statuses}
    columns["group"] = _groups_of(table, group_column, file)
    linked = [(path, status) for path, status in zip(paths, statuses, strict=True) if os.path.islink(path)]
    return Listing(pd.DataFrame(columns, dtype=object), notes=[*notes, *said, *found, *link_notes(linked)])


def folder_of_images(file: Path, *, path_column: str, label_column: str) -> Path:
    """The deepest folder that holds all images that a table names below its own folder; else its own.

    It is what need be watched for changes: beside the table other things may lie.
    """
    table, _ = read_table(file, path_column=path_column, label_column=label_column)
    names, _ = repaired(table[path_column].tolist(), file.parent)
    paths = [os.path.normpath(file.parent / name) for name in names if name]
    folders = {os.path.dirname(path) for path in paths if is_inside(path, str(file.parent))}
    common = Path(os.path.commonpath(folders)) if folders else file.parent
    return common if common.is_dir() else file.parent


def _groups_of(table: pd.DataFrame, column: str, file: Path) -> pd.Series | None:
    if not column:
        return None
    if column not in table:
        raise InputError(
            f"{file} has no column '{column}'{nearest(column, list(table))}. To name the right "
            f"one, {to_set('dataset.group_column')}."
        )
    return table[column].where(table[column] != "", None)


def _places(
    names: Iterable[str], start: Path, root: Path, follow_links: FollowLinks
) -> tuple[list[str], list[str]]:
    """The path of each image, which starts from `start`, and its status as far as the path tells."""
    real_root = os.path.realpath(root)
    real_folder = functools.cache(os.path.realpath)  # one look-up a folder, not one an image
    paths = [os.path.normpath(os.path.join(start, name)) if name else "" for name in names]
    roots = (os.path.abspath(root), real_root)
    return paths, [_place_status(path, roots, real_folder, follow_links) for path in paths]


def _place_status(
    path: str, roots: tuple[str, str], real_folder: Callable[[str], str], follow_links: FollowLinks
) -> str:
    """`roots` are the folder of all images as it is named, and without symbolic links."""
    if not path:
        return "missing"
    if not any(is_inside(os.path.abspath(path), root) for root in roots):
        return "outside_root"
    folder = real_folder(os.path.dirname(path))
    if not is_followed(folder, roots[1], follow_links, is_folder=True):
        return LINK_OUTSIDE
    real_path = os.path.join(folder, os.path.basename(path))
    if not os.path.islink(real_path):
        return "ok"
    if not os.path.exists(real_path):
        return "missing"
    real_path = os.path.realpath(real_path)
    return "ok" if is_followed(real_path, roots[1], follow_links) else LINK_OUTSIDE


def _read_splits(values: pd.Series, file: Path) -> pd.Series:
    meaning = {value: split_named(value) for value in values.unique()}
    unknown = [value for value, split in meaning.items() if value and not split]
    if unknown:
        none = to_set("dataset.split_column", '""')
        raise InputError(
            f"{file} has splits in column '{values.name}' that DeepSight does not know: {listed(unknown)}. "
            f"Write {', '.join(SPLITS)}, or nothing where an image has no split. To name another column, "
            f"{to_set('dataset.split_column')}; to have splits made, {none}."
        )
    return values.map(meaning).astype(object)

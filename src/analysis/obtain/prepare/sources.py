"""Where a dataset comes from. Each source gives one row per image: its path, label, split and status.

`label` and `split` are null where the dataset gives none. `status` is "ok" as long as nothing speaks against
opening the file, else "outside_root", "bad_name", "symlink_loop", "missing" or "unreadable".
"""

# Paths are strings here: a Path object per file would double the time on large datasets.
# ruff: noqa: PTH114, PTH118, PTH119, PTH120

from __future__ import annotations

import difflib
import functools
import os
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from analysis.contract import InputError
from analysis.dataset.splits import SPLIT_NAMES, split_named
from analysis.obtain.prepare.folder_walk import IMAGE_EXTENSIONS, Entry, is_inside, natural_key, walk_folder

ROW = ["path", "label", "split", "status"]
NO_ROW = {"folder", "hidden", "other"}  # what a folder holds besides images
SEPARATORS = [",", ";", "\t"]


@dataclass(frozen=True)
class Listing:
    """What a source names.

    Attributes
    ----------
    rows
        One row per image: `path` as it opens from here, `label`, `split`, `status`.
    n_hidden, n_other_files
        Entries of folders that are not in `rows`: hidden ones, and files without an image extension.
    notes
        Sentences for the reader of the report.
    """

    rows: pd.DataFrame
    n_hidden: int = 0
    n_other_files: int = 0
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
    rows = [(f"{images.as_posix()}/{path}", label, split, "ok") for path, label, split in ordered]
    return Listing(pd.DataFrame(rows, columns=ROW, dtype=object))


def read_folder(root: Path) -> Listing:
    """The image files below `root`, in the order of `walk_folder`.

    The first level holds class folders, or split folders (train, val, valid, validation, test, in any case)
    with the class folders in them. Where none of the folders named like splits has folders with images, and
    there are others beside them, they are classes (trains among vehicles). An image's label is the name of
    the class folder, however deep in it the image lies; above the class folders it has none. A name that is
    not UTF-8 is given with its stray bytes escaped.

    Raises
    ------
    InputError
        If `root` is not a folder, or there is no image in it.
    """
    _check_is_folder(root)
    entries = list(walk_folder(root))
    named = [entry for entry in entries if entry.status not in NO_ROW]
    n_other_files = sum(entry.status == "other" for entry in entries)
    if not named:
        raise InputError(
            f"there are no images in {root} (dataset.path in params.yaml): of {n_other_files:,} files, none "
            f"has the extension of an image ({', '.join(IMAGE_EXTENSIONS)}). Correct the path."
        )
    split_folders = _split_folders(entry.names for entry in named)
    rows = pd.DataFrame([_row(root, entry, split_folders) for entry in named], columns=ROW, dtype=object)
    return Listing(
        rows,
        n_hidden=sum(entry.status == "hidden" for entry in entries),
        n_other_files=n_other_files,
        notes=_folder_notes(entries, rows, split_folders),
    )


def _check_is_folder(root: Path) -> None:
    if root.is_file():
        raise InputError(
            f"{root} (dataset.path in params.yaml) is a file, where source 'folder' expects the folder of a "
            "dataset. Correct the path, or set dataset.source to csv if it is a CSV file."
        )
    if not root.is_dir():
        raise InputError(f"{root} (dataset.path in params.yaml) is not there. Correct the path.")


def _split_folders(images: Iterable[tuple[str, ...]]) -> set[str]:
    """Those folders of the first level that are splits and not classes."""
    in_folders = [names for names in images if len(names) > 1]
    tops = {names[0] for names in in_folders}
    split_like = {name for name in tops if split_named(name)}
    hold_classes = any(len(names) > 2 and names[0] in split_like for names in in_folders)
    return split_like if hold_classes or split_like == tops else set()


def _label_and_split(folders: Sequence[str], split_folders: set[str]) -> tuple[str | None, str | None]:
    """What the folders that lead to an image say of it."""
    split = split_named(folders[0]) if folders and folders[0] in split_folders else None
    below = folders[1:] if split else folders
    return (_printable(below[0]) if below else None), split


def _row(root: Path, entry: Entry, split_folders: set[str]) -> tuple[str, str | None, str | None, str]:
    path = str(root.joinpath(*entry.names))
    printable = _printable(path)
    label, split = _label_and_split(entry.names[:-1], split_folders)
    return printable, label, split, entry.status if printable == path else "bad_name"


def _printable(name: str) -> str:
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _folder_notes(entries: Sequence[Entry], rows: pd.DataFrame, split_folders: set[str]) -> list[str]:
    notes = []
    folders = {_label_and_split(e.names, split_folders)[0] for e in entries if e.status == "folder"}
    filled = {_label_and_split(e.names, split_folders)[0] for e in entries if e.status not in NO_ROW}
    empty = sorted(folders - filled - {None}, key=natural_key)
    if empty:
        notes.append(f"Class folders without an image, which are no classes here: {listed(empty)}.")
    beside = rows.loc[rows["split"].isna(), "label"].dropna().unique()
    if split_folders and len(beside):
        notes.append(
            f"Folders beside the split folders {listed(sorted(split_folders))} were taken as classes whose "
            f"images have no split: {listed(beside)}."
        )
    return notes


def read_csv(
    file: Path, *, image_root: Path, path_column: str, label_column: str, split_column: str
) -> Listing:
    """One row per line of a CSV file, in its order; a path that is there twice is two rows.

    The file is UTF-8 and separated by commas, semicolons or tabs; white space around a value does not count.
    Paths are relative to `image_root`, or absolute within it. One that leads out of it, be it by a symbolic
    link, gets the status "outside_root". An image has no split if its cell is empty or there is no such
    column.

    Raises
    ------
    InputError
        If the file cannot be read as CSV, has no rows, lacks a column, or names a split that is none.
    """
    table = _read_table(file)
    for key, column in {"path_column": path_column, "label_column": label_column}.items():
        if column not in table:
            raise InputError(
                f"{file} has no column '{column}'{did_you_mean(column, list(table))}. It has "
                f"{listed(table, at_most=50)}. Name the right one in params.yaml, dataset.{key}."
            )
    if not image_root.is_dir():
        raise InputError(
            f"{image_root} (dataset.image_root in params.yaml) is not a folder. Name the one in which the "
            f"images of {file} lie."
        )
    notes = []
    if split_column not in table:
        table[split_column] = ""
        notes.append(f"{file.name} has no column '{split_column}', so the dataset brings no splits.")
    paths, statuses = _places(table[path_column], image_root)
    label = table[label_column].where(table[label_column] != "", None)
    split = _read_splits(table[split_column], file)
    columns = {"path": paths, "label": label, "split": split, "status": statuses}
    return Listing(pd.DataFrame(columns, dtype=object), notes=notes)


def _read_table(file: Path) -> pd.DataFrame:
    """All cells as text; an absent one is empty."""
    if file.is_dir():
        raise InputError(
            f"{file} (dataset.path in params.yaml) is a folder, where source 'csv' expects a CSV file. "
            "Correct the path, or set dataset.source to folder."
        )
    if not file.exists():
        raise InputError(f"{file} (dataset.path in params.yaml) is not there. Correct the path.")
    try:
        table = _parse(file)
    except UnicodeDecodeError as error:
        raise InputError(f"{file} is not UTF-8 text. Save it as CSV in UTF-8.") from error
    except pd.errors.EmptyDataError:
        table = pd.DataFrame()
    except pd.errors.ParserWarning as error:
        raise InputError(f"{file} has more values in a line than columns in its header. Name all.") from error
    except pd.errors.ParserError as error:
        found = " ".join(str(error).split()).rpartition("C error: ")[2]
        raise InputError(f"{file} cannot be read as CSV: {found}. Mend that line.") from error
    if table.empty:
        raise InputError(f"{file} names no images: it has no line below its header. Add one an image.")
    return table.fillna("").apply(lambda column: column.str.strip()).rename(columns=str.strip)


def _parse(file: Path) -> pd.DataFrame:
    with file.open(encoding="utf-8") as lines:
        header = lines.readline()
    with warnings.catch_warnings():
        warnings.simplefilter("error", pd.errors.ParserWarning)  # lines longer than the header
        return pd.read_csv(
            file,
            sep=max(SEPARATORS, key=header.count),
            dtype=str,
            keep_default_na=False,
            skipinitialspace=True,
            index_col=False,  # else lines that end in a separator shift every column by one
        )


def _places(names: pd.Series, root: Path) -> tuple[list[str], list[str]]:
    """The path of each image, and its status as far as the path tells."""
    real_root = os.path.realpath(root)
    real_folder = functools.cache(os.path.realpath)  # one look-up a folder, not one an image
    paths = [os.path.normpath(os.path.join(root, name)) if name else "" for name in names]
    return paths, [_place_status(path, real_root, real_folder) for path in paths]


def _place_status(path: str, real_root: str, real_folder: Callable[[str], str]) -> str:
    if not path:
        return "missing"
    real_path = os.path.join(real_folder(os.path.dirname(path)), os.path.basename(path))
    if os.path.islink(real_path):
        real_path = os.path.realpath(real_path)
    return "ok" if is_inside(real_path, real_root) else "outside_root"


def _read_splits(values: pd.Series, file: Path) -> pd.Series:
    meaning = {value: split_named(value) for value in values.unique()}
    unknown = [value for value, split in meaning.items() if value and not split]
    if unknown:
        raise InputError(
            f"{file} has splits in column '{values.name}' that DeepSight does not know: {listed(unknown)}. "
            f"Write {', '.join(SPLIT_NAMES)}, or nothing where an image has no split; or name another column "
            "in params.yaml, dataset.split_column."
        )
    return values.map(meaning).astype(object)


def did_you_mean(name: str, valid: Sequence[str]) -> str:
    """A question to append to what is wrong, or nothing if no valid name is near."""
    matches = difflib.get_close_matches(name, valid, n=1)
    return f" (did you mean '{matches[0]}'?)" if matches else ""


def listed(names: Iterable[str], *, at_most: int = 10) -> str:
    """'a', 'b' and 3 more."""
    quoted = [f"'{name}'" for name in names]
    more = f" and {len(quoted) - at_most:,} more" if len(quoted) > at_most else ""
    return ", ".join(quoted[:at_most]) + more

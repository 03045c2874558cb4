"""A table that lists images, in the forms that people keep: CSV, TSV, Parquet, JSON Lines.

All cells come as text, an absent one is empty. Hugging Face's `metadata.csv` and `metadata.jsonl` call the
path `file_name`; a class that is spread over columns of 0 and 1 is put together again.
"""

from __future__ import annotations

import csv
import json
import warnings
from pathlib import Path
from typing import Any

import pandas as pd
from pandas.api.types import is_float_dtype

from analysis.contract import InputError, nearest, to_set
from analysis.obtain.prepare.wording import counted, listed

SEPARATORS = [",", ";", "\t"]
FILE_NAME = "file_name"  # Hugging Face's column of paths
OTHER_KINDS = {
    ".xlsx": "an Excel workbook: save it as CSV in UTF-8",
    ".xls": "an Excel workbook: save it as CSV in UTF-8",
    ".ods": "a spreadsheet: save it as CSV in UTF-8",
    ".json": "JSON: if it is COCO's, its annotations are of objects, not of images; write one line per image",
    ".xml": "XML: write a CSV with one line per image",
    ".zip": "an archive: unpack it and name the table or the folder in it",
}


def read_table(file: Path, *, path_column: str, label_column: str) -> tuple[pd.DataFrame, list[str]]:
    """The table, with the columns of paths and labels under the names asked for, and what was done for it.

    Raises
    ------
    InputError
        If the file cannot be read, is of another kind, has no rows or lacks a column.
    """
    _check_is_table(file)
    table = _parsed(file, {path_column, label_column})
    if table.empty:
        raise InputError(f"{file} names no images: it has no line below its header. Add one per image.")
    table = table.fillna("").apply(lambda column: column.str.strip()).rename(columns=str.strip)
    notes = []
    if path_column not in table and FILE_NAME in table:
        table = table.rename(columns={FILE_NAME: path_column})
        notes.append(f"Paths are those of column '{FILE_NAME}', as Hugging Face calls it.")
    if label_column not in table and (classes := _one_hot_columns(table, path_column)):
        table[label_column] = _from_one_hot(table[classes], file)
        notes.append(f"The label is the column that holds 1: {listed(classes)}.")
    for key, column in {"path_column": path_column, "label_column": label_column}.items():
        if column not in table:
            raise InputError(
                f"{file} has no column '{column}'{nearest(column, list(table))}. To name "
                f"the right one, {to_set(f'dataset.{key}')}."
            )
    return table, notes


def _check_is_table(file: Path) -> None:
    if file.is_dir():
        raise InputError(
            f"{file} (dataset.path) is a folder, where source 'csv' expects a CSV file. "
            f"Correct the path, or {to_set('dataset.source', 'folder')}."
        )
    if not file.exists():
        raise InputError(f"{file} (dataset.path) is not there. Correct the path.")
    if kind := OTHER_KINDS.get(file.suffix.casefold()):
        raise InputError(f"{file} is {kind}.")


def _parsed(file: Path, wanted: set[str]) -> pd.DataFrame:
    try:
        match file.suffix.casefold():
            case ".parquet":
                return _as_text(pd.read_parquet(file))
            case ".jsonl" | ".ndjson":
                return _read_json_lines(file)
            case _:
                return _read_csv(file, wanted)
    except UnicodeDecodeError as error:
        raise InputError(f"{file} is not UTF-8 text. Save it as CSV in UTF-8.") from error
    except pd.errors.EmptyDataError:
        return pd.DataFrame()
    except pd.errors.ParserWarning as error:
        raise InputError(f"{file} has more values in a line than columns in its header. Name all.") from error
    except pd.errors.ParserError as error:
        found = " ".join(str(error).split()).rpartition("C error: ")[2]
        raise InputError(f"{file} cannot be read as CSV: {found}. Mend that line.") from error
    except (OSError, ValueError) as error:  # pyarrow's errors are both
        raise InputError(f"{file} cannot be read: {' '.join(str(error).split())}") from error


def _read_csv(file: Path, wanted: set[str]) -> pd.DataFrame:
    with warnings.catch_warnings():
        warnings.simplefilter("error", pd.errors.ParserWarning)  # lines longer than the header
        return pd.read_csv(
            file,
            sep=_separator_of(file, wanted),
            dtype=str,
            keep_default_na=False,
            skipinitialspace=True,
            index_col=False,  # else lines that end in a separator shift every column by one
        )


def _separator_of(file: Path, wanted: set[str]) -> str:
    """That by which the header holds most of the columns asked for, and else most columns."""
    with file.open(encoding="utf-8-sig") as lines:
        header = lines.readline()

    def fit(separator: str) -> tuple[int, int]:
        columns = next(csv.reader([header], delimiter=separator, skipinitialspace=True), [])
        return len(wanted & {column.strip() for column in columns}), len(columns)

    return max(SEPARATORS, key=fit)


def _read_json_lines(file: Path) -> pd.DataFrame:
    rows = []
    for number, line in enumerate(file.read_text(encoding="utf-8-sig").splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise InputError(f"{file}, line {number}, is not JSON: {error.msg}. Mend that line.") from error
        if not isinstance(row, dict):
            raise InputError(
                f"{file}, line {number}, is no object with a name for each value. Mend that line."
            )
        rows.append(row)
    return _as_text(pd.DataFrame(rows))


def _as_text(table: pd.DataFrame) -> pd.DataFrame:
    def texts(column: pd.Series) -> pd.Series:
        return column.map(_cell_as_text if is_float_dtype(column) else _written)

    return table.apply(texts)


def _cell_as_text(value: float) -> str:
    """A column of whole numbers with a gap becomes one of floats: 3.0 was written as 3."""
    return "" if pd.isna(value) else str(int(value)) if float(value).is_integer() else str(value)


def _written(value: Any) -> str:
    if isinstance(value, dict) and isinstance(value.get("path"), str):  # Hugging Face's images
        return value["path"]
    is_absent = pd.api.types.is_scalar(value) and pd.isna(value)
    return "" if is_absent else str(value)


def _one_hot_columns(table: pd.DataFrame, path_column: str) -> list[str]:
    """At least two columns that hold nothing but 0 and 1."""
    others = [name for name in table if name != path_column]
    binary = [name for name in others if set(table[name]) <= {"0", "1", "0.0", "1.0"}]
    return binary if len(binary) > 1 else []


def _from_one_hot(classes: pd.DataFrame, file: Path) -> pd.Series:
    is_one = classes.isin(["1", "1.0"])
    n_several = int((is_one.sum(axis=1) > 1).sum())
    if n_several:
        raise InputError(
            f"{file} is multi-label: it has no column of labels but {counted(classes.shape[1], 'column')} of "
            f"0 and 1 ({listed(classes)}), and {counted(n_several, 'image')} with a 1 in several of them. "
            "DeepSight audits one label per image. Write a column with the label to "
            f"audit, and {to_set('dataset.label_column')}."
        )
    return is_one.idxmax(axis=1).where(is_one.any(axis=1), "")

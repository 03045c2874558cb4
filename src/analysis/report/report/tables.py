"""Tables as the report shows them: read as written, bounded, formatted, and safe to open as a spreadsheet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from analysis.dataset.spreadsheet_cells import NUMBER, escape_formulas
from analysis.report.report.wording import ABSENT, title_of, write_numbers

TEXT_COLUMNS = (
    "label",
    "class",
    "split",
    "path",
    "detail",
    "reason",
)  # text even if every value looks like a number
LONG_TEXT_CHARACTERS = 24  # on average; a column of such texts is given room to wrap


@dataclass(frozen=True)
class Cell:
    """`text` is shown; `value` is what a numeric column sorts by ("" sorts last); `href` links the text."""

    text: str
    value: str = ""
    href: str = ""


@dataclass(frozen=True)
class Column:
    title: str
    layout: str  # "number", "text", or "long" for text that needs room


@dataclass(frozen=True)
class ReportTable:
    """A table for the page.

    Attributes
    ----------
    caption
        What one row is and how to read it.
    rows
        At most as many as the report shows of any table.
    n_rows
        How many there are in all.
    download
        Where all of them are, as a path from the report's folder.
    subjects
        For each row what it is about, as attributes in the page, if rows can be selected and decided on.
    """

    caption: str
    columns: list[Column]
    rows: list[list[Cell]]
    n_rows: int
    download: str
    subjects: Sequence[Mapping[str, str]] = ()


def read_as_text(path: Path) -> pd.DataFrame:
    """Every cell as the text that stands in the file, so that a label "007" or "NA" stays what it is."""
    return pd.read_csv(path, dtype=str, keep_default_na=False, na_filter=False)


def as_text(frame: pd.DataFrame) -> pd.DataFrame:
    """Every cell as text, missing ones as the empty string, fractions to four decimals."""
    rounded = frame.round(4)
    return rounded.astype("string").fillna("").astype(str)


def make_table(
    frame: pd.DataFrame,
    *,
    caption: str,
    download: str,
    max_rows: int,
    n_rows: int | None = None,
    links: Mapping[str, Sequence[str]] | None = None,
    subjects: Sequence[Mapping[str, str]] = (),
) -> ReportTable:
    """The first `max_rows` rows of `frame` (text in every cell), formatted.

    `n_rows` says how many there are in all if `frame` does not hold them all. `links` holds, for columns
    that lead somewhere, one address a row ("" for none); `subjects` is as in `ReportTable`.
    """
    shown = frame.head(max_rows)
    links = links or {}
    columns: list[Column] = []
    cells: list[list[Cell]] = []
    for name in shown.columns:
        numbers = _numbers(str(name), shown[name])
        columns.append(Column(title_of(str(name)), _layout(shown[name], is_number=numbers is not None)))
        if numbers is None:
            addresses = links.get(str(name), [""] * len(shown))
            cells.append(
                [Cell(text or ABSENT, href=href) for text, href in zip(shown[name], addresses, strict=True)]
            )
        else:
            texts = write_numbers(str(name), numbers)
            cells.append([Cell(text, value) for text, value in zip(texts, shown[name], strict=True)])
    rows = [list(row) for row in zip(*cells, strict=True)]
    n_all = len(frame) if n_rows is None else n_rows
    return ReportTable(caption, columns, rows, n_all, download, subjects)


def _layout(column: pd.Series, *, is_number: bool) -> str:
    if is_number:
        return "number"
    return "long" if column.str.len().mean() > LONG_TEXT_CHARACTERS else "text"


def _numbers(name: str, column: pd.Series) -> list[float | None] | None:
    """The column's numbers, None for empty cells; None in all if the column holds anything else."""
    if name.endswith(TEXT_COLUMNS):
        return None
    present = column[column != ""]
    if present.empty or not present.str.fullmatch(f"{NUMBER}|[+-]?inf").all():
        return None
    return [float(cell) if cell else None for cell in column]


def write_spreadsheet(frame: pd.DataFrame, path: Path) -> None:
    """Write `frame` (text in every cell) as CSV in which no cell is a formula."""
    frame.apply(escape_formulas).to_csv(path, index=False)

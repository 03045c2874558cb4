"""Text from outside in cells that a spreadsheet must not run, and back again.

File names and labels come from outside: a class folder named `=HYPERLINK(…)` would be run by a spreadsheet.
Cells that begin as formulas do are prefixed with an apostrophe, as OWASP advises, except plain numbers such
as the label "-1".
"""

from __future__ import annotations

import re

import pandas as pd

NUMBER = r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?"  # pandas.to_numeric crashes on some content hashes
FORMULA_START = r"'*[=+\-@\t\r]"  # also what is escaped already, so that each escape can be undone


def escape_formulas(column: pd.Series) -> pd.Series:
    """Cells of text, none of which a spreadsheet takes for a formula."""
    is_suspicious = column.str.match(FORMULA_START) & ~column.str.fullmatch(NUMBER)
    return column.mask(is_suspicious, "'" + column)


def unescape_formula(cell: str) -> str:
    """The text that `escape_formulas` was given."""
    return cell[1:] if re.match("'" + FORMULA_START, cell) else cell

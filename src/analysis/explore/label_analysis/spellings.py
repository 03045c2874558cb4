"""Which classes are one name in several spellings, and the option that makes one class of them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

import pandas as pd

from analysis.contract import option_for

RENAME_LABELS = "dataset.rename_labels"
ALPHABET = (
    10  # letters that are classes in both cases: so many are what is to be read, not yes and no as y, Y, n, N
)


def tabulate_spellings(n_items: pd.Series) -> pd.DataFrame:
    """One row per class that shares its name with another but for case, Unicode form, spaces, `_` and `-`.

    Letters of an alphabet in both cases are no spellings. `n_items` is indexed by class. `renamed_to` is the
    commonest spelling, of equally common ones the first.
    """
    names = n_items.index.to_series()
    table = pd.DataFrame({"label": names, "n_items": n_items, "name": names.map(_folded)})
    table = table[table["name"].duplicated(keep=False)]
    is_letter = table["name"].str.len() == 1
    if table.loc[is_letter, "name"].nunique() >= ALPHABET:
        table = table[~is_letter]
    table = table.sort_values(["name", "n_items"], ascending=[True, False], kind="stable", ignore_index=True)
    table["renamed_to"] = table.groupby("name")["label"].transform("first")
    return table[["label", "n_items", "renamed_to"]]


def _folded(name: str) -> str:
    plain = unicodedata.normalize("NFKC", name).casefold()
    # a hyphen is a space between letters only: -1 is not 1, nor 1-2 the 12
    plain = re.sub(r"(?<=[^\W\d_])[\s_-]+(?=[^\W\d_])", " ", plain)
    return re.sub(r"[\s_]+", " ", plain).strip()


def merging_option(spellings: pd.DataFrame, renamed: Mapping[str, str]) -> str:
    """What `deepsight audit` takes to merge the spellings; "" if there are none.

    `renamed` are the labels that are renamed already, which the option must repeat.
    """
    if spellings.empty:
        return ""
    is_other = spellings["label"] != spellings["renamed_to"]
    new = dict(spellings.loc[is_other, ["label", "renamed_to"]].itertuples(index=False, name=None))
    merged = {label: new.get(name, name) for label, name in renamed.items()} | new
    return option_for(RENAME_LABELS, merged)

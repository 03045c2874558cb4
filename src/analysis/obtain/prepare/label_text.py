"""Labels as people write them: lists, quantities, one class in several spellings, several rows per file.

What is no label of an image is refused with what it is and how to go on; what plainly is one class is joined,
and said.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from analysis.contract import InputError, to_set
from analysis.obtain.prepare.wording import counted, listed

NUMBER = re.compile(r"-?\d+(\.\d+)?(e-?\d+)?", re.IGNORECASE)
LISTS = {"|": " | ", ";": "; ", ",": ", "}
MIN_SHARED = 0.6  # of the parts of what may be lists, those that stand elsewhere too: they are labels
MIN_LISTS = 0.02  # of the images; fewer are names with a comma
MIN_QUANTITIES = 20  # distinct numbers with decimals: measured, not classes


def read_labels(
    labels: pd.Series, paths: pd.Series, *, file: Path, rename: Mapping[str, str], combine: bool
) -> tuple[pd.Series, list[str]]:
    """Each row's label, null where it is blank, and what was done to them.

    Parameters
    ----------
    rename
        Labels that a person wants to be others, such as spellings of one class.
    combine
        Take a list of labels for a label of its own, whatever its order.

    Raises
    ------
    InputError
        If the labels are lists, quantities or of objects rather than of images.
    """
    labels, notes = renamed(labels, rename)
    labels, whole = _whole_numbers(labels)
    labels, unwrapped = _lists_of_one(labels)
    separator = _separator_of(labels)
    if separator and not combine:
        raise InputError(_on_lists(labels, separator, file))
    if separator:
        labels = labels.map(lambda text: LISTS[separator].join(_parts(text, separator)))
        notes.append("Lists of labels were taken for labels of their own, in the order of the alphabet.")
    _check_quantities(labels, file)
    _check_objects(labels, paths, file)
    return labels.where(labels != "", None), [*notes, *whole, *unwrapped]


def renamed(labels: pd.Series, rename: Mapping[str, str]) -> tuple[pd.Series, list[str]]:
    """The labels under the names that `rename` gives them, and how many images that were; nulls stay."""
    is_renamed = labels.isin(list(rename))
    notes = []
    if found := [name for name in rename if labels.eq(name).any()]:
        n_images = counted(int(is_renamed.sum()), "image")
        notes.append(f"Renamed as dataset.rename_labels says: {listed(found)}, {n_images}.")
    if unknown := [name for name in rename if name not in found]:
        notes.append(f"dataset.rename_labels names labels that no image has: {listed(unknown)}.")
    return labels.where(~is_renamed, labels.map(dict(rename))), notes


def _whole_numbers(labels: pd.Series) -> tuple[pd.Series, list[str]]:
    """`3.0` as `3`, where every label is a number and some are written either way."""
    texts = {text for text in labels.unique() if text}
    spelt = {text: text.partition(".")[0] for text in texts if re.fullmatch(r"-?\d+\.0+", text)}
    if not spelt or not all(re.fullmatch(r"-?\d+(\.0+)?", text) for text in texts):
        return labels, []
    return labels.replace(spelt), [f"Whole numbers were written with decimals: {listed(sorted(spelt))}."]


def _lists_of_one(labels: pd.Series) -> tuple[pd.Series, list[str]]:
    """`['cat']` as `cat`, where every label is a list in brackets and none has several parts."""
    if not _are_bracketed(labels) or any(len(_parts(text, ",")) > 1 for text in labels.unique()):
        return labels, []
    note = "Lists of one label were taken for that label."
    return labels.map(lambda text: "".join(_parts(text, ","))), [note]


def _are_bracketed(labels: pd.Series) -> bool:
    texts = [text for text in labels.unique() if text]
    return bool(texts) and all(re.fullmatch(r"\[.*\]", text) for text in texts)


def _parts(text: str, separator: str) -> list[str]:
    bare = re.sub(r"^[\[(]|[\])]$", "", text.strip())
    return sorted({part.strip(" '\"") for part in bare.split(separator)} - {""})


def _separator_of(labels: pd.Series) -> str | None:
    """By what the labels list several: parts that stand alone, or in other lists, elsewhere."""
    if _are_bracketed(labels):
        return ","
    texts = labels[labels != ""]
    for separator in LISTS:
        lists = texts[texts.str.contains(separator, regex=False)]
        if len(lists) < max(2, MIN_LISTS * len(texts)):
            continue
        n_lists = Counter(part for text in lists.unique() for part in _parts(text, separator))
        alone = set(texts.unique()) - set(lists.unique())
        n_shared = sum(part in alone or n > 1 for part, n in n_lists.items())
        if lists.nunique() > 1 and n_shared >= MIN_SHARED * len(n_lists):
            return separator
    return None


def _on_lists(labels: pd.Series, separator: str, file: Path) -> str:
    lists = labels[labels.str.contains(separator, regex=False)]
    singles = {part for text in labels.unique() for part in _parts(text, separator)}
    return (
        f"{file} is multi-label: {counted(len(lists), 'image')} of {len(labels):,} have several labels, such "
        f"as '{lists.iloc[0]}', of {counted(len(singles), 'label')} in all ({listed(sorted(singles))}). "
        "DeepSight audits one label per image. Write a column with the one to audit, and "
        f"{to_set('dataset.label_column')}; or, to audit the combinations as classes, "
        f"{to_set('dataset.combine_labels', 'true')}."
    )


def _check_quantities(labels: pd.Series, file: Path) -> None:
    texts = [text for text in labels.unique() if text]
    if len(texts) < MIN_QUANTITIES or not all(NUMBER.fullmatch(text) for text in texts):
        return
    if any("." in text for text in texts):
        numbers = sorted(map(float, texts))
        raise InputError(
            f"the labels of {file} are quantities: {counted(len(texts), 'number')} from {numbers[0]:g} to "
            f"{numbers[-1]:g}, with decimals. DeepSight audits classes: write a column of ranges (such as "
            f"0-10, 10-20), and {to_set('dataset.label_column')}."
        )


def _check_objects(labels: pd.Series, paths: pd.Series, file: Path) -> None:
    """Files that are listed again and again with other labels: a row is an object in the image."""
    n_labels = labels.groupby(paths).nunique()
    several = n_labels[n_labels > 1]
    if len(several) > len(n_labels) / 2 and len(labels) > 2 * len(n_labels):
        raise InputError(
            f"{file} has {len(labels):,} rows of {counted(len(n_labels), 'file')}, most of which it gives "
            "several labels: a row seems to be an object in an image, not an image. Write one row per image, "
            "with the label of the whole, or cut the objects out into images of their own."
        )

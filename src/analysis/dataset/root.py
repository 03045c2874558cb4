"""The folder that a dataset lies in, which people need not read in every line.

Tables for programs hold paths that open. Those for people leave the root out, so that the results of two
machines, on which the dataset lies in different places, can be laid beside each other.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any

import pandas as pd

ROOT_KEYS = {"folder": "path", "csv": "image_root"}  # by source; the others are written by the stage prepare
WRITTEN = "data/images"
WITH_PATHS = re.compile("path|detail|reason")  # names of columns that hold paths, or texts that may name one


def root_of(dataset: Mapping[str, Any]) -> str:
    """The folder that the images' paths start from, by the section `dataset` of params.yaml."""
    key = ROOT_KEYS.get(dataset.get("source"))
    return os.path.normpath(dataset[key]) if key else WRITTEN


def below_root(texts: pd.Series, root: str) -> pd.Series:
    """Texts in which no path starts with `root`: "data/images/3/07.png" becomes "3/07.png"."""
    return texts.str.replace(rf"(?<![\w./-]){re.escape(root)}/", "", regex=True)


def columns_with_paths(rows: pd.DataFrame) -> list[str]:
    """The columns of text that hold paths or may name one."""
    named = [name for name in rows if WITH_PATHS.search(str(name))]
    return [name for name in named if pd.api.types.infer_dtype(rows[name], skipna=True) == "string"]

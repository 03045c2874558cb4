"""What a stage leaves where this dataset holds nothing that it could judge: outputs that say why.

They are well-formed files, which DVC, Snakemake and people handle as any others. The reason stands in each,
so that a stage after it, which then has nothing to judge either, needs no further input to say why.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

UNJUDGED = "unjudged"  # the one column, or the first word


def write_reason(reason: str, path: Path) -> None:
    """Write a table, array, folder or other file that holds nothing but the reason."""
    match path.suffix:
        case ".parquet":
            pq.write_table(pa.table({UNJUDGED: [reason]}), path)
        case ".csv":
            pd.DataFrame({UNJUDGED: [reason]}).to_csv(path, index=False)
        case ".npy":
            np.save(path, np.array(f"{UNJUDGED}: {reason}"), allow_pickle=False)
        case ".json":
            path.write_text("{}\n", encoding="utf-8")
        case "":
            (path / f"{UNJUDGED}.txt").write_text(f"{reason}\n", encoding="utf-8")
        case _:
            path.write_text(f"{UNJUDGED}: {reason}", encoding="utf-8")


def reason_in(path: Path) -> str:
    """The reason that `write_reason` wrote there; "" if the file holds something else, or is not there."""
    if not path.is_file():
        return ""
    match path.suffix:
        case ".parquet":
            is_reason = pq.read_schema(path).names == [UNJUDGED]
            return pq.read_table(path)[UNJUDGED][0].as_py() if is_reason else ""
        case ".csv":
            with path.open(encoding="utf-8") as file:
                is_reason = file.readline().strip() == UNJUDGED
            return pd.read_csv(path)[UNJUDGED].iloc[0] if is_reason else ""
        case ".npy":
            array = np.load(path, mmap_mode="r", allow_pickle=False)
            return _after_mark(str(array)) if array.dtype.kind == "U" and array.ndim == 0 else ""
        case ".json":
            return ""
        case _:
            with path.open("rb") as file:
                return _after_mark(file.read(4096).decode("utf-8", "replace"))


def _after_mark(text: str) -> str:
    return text.removeprefix(f"{UNJUDGED}: ") if text.startswith(f"{UNJUDGED}: ") else ""

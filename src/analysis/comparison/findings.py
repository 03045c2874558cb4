"""What a change did to the findings: which are new, which are gone, which stayed."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.comparison.sides import Side
from analysis.scrub.duplicates.findings import GROUP_IN_TEST, GROUP_IN_VALIDATION, LEAKED

LEAKS = tuple(kind.name for kind in (LEAKED, GROUP_IN_TEST, GROUP_IN_VALIDATION))
STATES = ("new", "gone", "kept")


def compare_findings(before: Side, after: Side, images: pd.DataFrame) -> pd.DataFrame:
    """One row per finding of either state: `state`, `stage`, `kind`, `severity`, `label`, `path`, `detail`,
    and `item_id` in the state that has it, the later one if both do.

    It is the same finding if its kind, label and images are the same, the images by their content.
    """
    sides = []
    for name, side in (("before", before), ("after", after)):
        content = images.dropna(subset=f"item_id_{name}").set_index(f"item_id_{name}")
        key = content["content"] + "/" + content["copy"].astype("string")
        sides.append(_keyed(side, key, content[f"path_{name}"]))
    old, new = sides
    states = [
        new.assign(state=np.where(new.index.isin(old.index), "kept", "new")),
        old[~old.index.isin(new.index)].assign(state="gone"),
    ]
    return pd.concat([rows for rows in states if len(rows)] or states[:1], ignore_index=True)


def _keyed(side: Side, key: pd.Series, paths: pd.Series) -> pd.DataFrame:
    columns = ["stage", "kind", "severity", "label", "item_id", "other_item_id", "score", "detail"]
    tables = [side.table(path) for path in side.outputs("findings.parquet")]
    tables = [table[columns] for table in tables if table is not None and len(table)]
    found = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=columns)
    one, other = (found[name].astype("Int64").map(key).fillna("") for name in ("item_id", "other_item_id"))
    ends = pd.DataFrame({"a": one, "b": other}).apply(sorted, axis=1, result_type="expand")
    found["item_id"] = found["item_id"].astype("Int64")
    found["path"] = found["item_id"].map(paths)
    index = [found["kind"].astype(str), found["label"].astype("string").fillna("")]
    index += [ends[name].astype(str) for name in ends.columns] if len(found) else [one, other]
    found.index = pd.MultiIndex.from_arrays(index)
    return found[~found.index.duplicated()].drop(columns="other_item_id")


def count_findings(findings: pd.DataFrame) -> pd.DataFrame:
    """One row per kind: `kind`, `severity`, how many are `new`, `gone`, `kept`; most changes first."""
    counts = findings.groupby(["kind", "severity", "state"]).size().unstack("state", fill_value=0)
    counts = counts.reindex(columns=list(STATES), fill_value=0).reset_index()
    changed = counts["new"] + counts["gone"]
    return counts.iloc[changed.argsort()[::-1]].reset_index(drop=True)

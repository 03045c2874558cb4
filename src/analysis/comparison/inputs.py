"""What was changed between two states: parameters, code and data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from analysis.comparison.sides import Side

MANIFEST = "data/manifest.parquet"


@dataclass(frozen=True)
class InputChanges:
    """Attributes
    ----------
    parameters
        One row per key that differs: `parameter`, `before`, `after`.
    code
        The stages whose code differs, and how many files of it do: `stage`, `n_files`.
    data
        Images of both states by `content`: see `pair_images`.
    """

    parameters: pd.DataFrame
    code: pd.DataFrame
    data: pd.DataFrame

    @property
    def counts(self) -> dict[str, int]:
        """Of images added, gone, relabelled and moved to another split."""
        data, kept = self.data, self.data[self.data["kept"]]
        return {
            "added": int(data["item_id_before"].isna().sum()),
            "gone": int(data["item_id_after"].isna().sum()),
            "relabelled": int((kept["label_before"] != kept["label_after"]).sum()),
            "moved between splits": int((kept["split_before"] != kept["split_after"]).sum()),
        }


def input_changes(before: Side, after: Side) -> InputChanges:
    return InputChanges(
        _parameter_changes(before.parameters, after.parameters),
        _code_changes(before.stages, after.stages),
        pair_images(before.table(MANIFEST), after.table(MANIFEST)),
    )


def pair_images(before: pd.DataFrame | None, after: pd.DataFrame | None) -> pd.DataFrame:
    """The manifests joined by content: `content`, `kept`, and `item_id`, `path`, `label`, `split` of each.

    Of copies of one content the first of either state is paired with the first of the other, and so on, in
    the order of their labels, splits and paths.
    """
    sides = [_keyed(manifest) for manifest in (before, after)]
    pairs = sides[0].join(sides[1], how="outer", lsuffix="_before", rsuffix="_after")
    pairs["kept"] = pairs["item_id_before"].notna() & pairs["item_id_after"].notna()
    return pairs.reset_index()


def _keyed(manifest: pd.DataFrame | None) -> pd.DataFrame:
    columns = ["item_id", "path", "label", "split"]
    if manifest is None:
        manifest = pd.DataFrame(columns=[*columns, "content_hash"])
    rows = manifest[columns].astype({"item_id": "Int64", "label": "string", "split": "string"})
    rows["content"] = manifest["content_hash"].astype("string").fillna(rows["path"])
    rows = rows.sort_values(["content", "label", "split", "path"])
    rows["copy"] = rows.groupby("content").cumcount()
    return rows.set_index(["content", "copy"])


def _parameter_changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> pd.DataFrame:
    old, new = dict(_flat(before)), dict(_flat(after))
    rows = [(key, old.get(key, "–"), new.get(key, "–")) for key in sorted(old | new)]
    return pd.DataFrame(
        [row for row in rows if row[1] != row[2]], columns=["parameter", "before", "after"]
    ).astype("string")


def _flat(section: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in section.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", str(value)


def _code_changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> pd.DataFrame:
    rows = [
        (name, len(set(_code(before[name]).items()) ^ set(_code(after[name]).items())))
        for name in after
        if name in before and _code(before[name]) != _code(after[name])
    ]
    return pd.DataFrame(rows, columns=["stage", "n_files"])


def _code(stage: Mapping[str, Any]) -> dict[str, str]:
    return {d["path"]: d.get("md5", "") for d in stage.get("deps", ()) if d["path"].startswith("src/")}

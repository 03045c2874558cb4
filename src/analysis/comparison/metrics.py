"""Which figures of the stages moved, and by more than what stands beside them as their interval."""

from __future__ import annotations

from numbers import Real
from pathlib import Path

import pandas as pd

from analysis.comparison.sides import Side

COLUMNS = ["stage", "metric", "before", "after", "change", "noise"]
BEYOND, WITHIN, UNKNOWN, COUNT = "beyond its interval", "within its interval", "no interval", "a count"


def compare_metrics(before: Side, after: Side) -> pd.DataFrame:
    """One row per figure that differs, `COLUMNS`; `noise` says how the change stands to its interval.

    A figure whose ends of an interval stand beside it (`…_low`, `…_high`) moved beyond it if the intervals of
    the two states do not meet. A whole number is counted, not measured.
    """
    rows = []
    for path in after.outputs("metrics.json"):
        old, new = before.metrics(path), after.metrics(path)
        for name in new:
            if name.endswith(("_low", "_high")) or old.get(name) == new[name]:
                continue
            change = new[name] - old[name] if _is_number(old.get(name)) and _is_number(new[name]) else None
            rows.append(
                (Path(path).parent.name, name, old.get(name), new[name], change, _noise(name, old, new))
            )
    table = pd.DataFrame(rows, columns=COLUMNS)
    relative = table["change"].astype(float).abs() / table["before"].map(_size).clip(lower=1e-12)
    return table.assign(relative=relative).sort_values("relative", ascending=False, ignore_index=True)


def _noise(name: str, old: dict, new: dict) -> str:
    ends = [side.get(f"{name}_{end}") for side in (old, new) for end in ("low", "high")]
    if all(_is_number(end) for end in ends):
        old_low, old_high, new_low, new_high = ends
        return BEYOND if new_low > old_high or new_high < old_low else WITHIN
    return COUNT if isinstance(new[name], int) else UNKNOWN


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _size(value: object) -> float:
    return abs(float(value)) if _is_number(value) else float("nan")

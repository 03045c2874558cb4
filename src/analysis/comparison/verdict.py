"""A verdict in a sentence, and whether anything happened that was asked to count as failure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from analysis.comparison.findings import LEAKS, compare_findings
from analysis.comparison.inputs import InputChanges, input_changes
from analysis.comparison.metrics import compare_metrics
from analysis.comparison.predictions import SURE, ModelChange, model_change
from analysis.comparison.sides import Side
from analysis.contract import InputError

NAMED = ("accuracy", "class-recall", "new-findings", "leaks")
BOUND = re.compile(r"([\w@-]+)\.(\w+)\s*([<>])\s*(-?[\d.]+(?:e-?\d+)?)")


@dataclass(frozen=True)
class Comparison:
    """Two states, and what differs."""

    before: Side
    after: Side
    inputs: InputChanges
    model: ModelChange | None
    findings: pd.DataFrame
    metrics: pd.DataFrame


def compare_sides(before: Side, after: Side) -> Comparison:
    inputs = input_changes(before, after)
    return Comparison(
        before,
        after,
        inputs,
        model_change(before, after, inputs.data),
        compare_findings(before, after, inputs.data),
        compare_metrics(before, after),
    )


def harms(compared: Comparison, fail_on: Sequence[str]) -> list[str]:
    """What happened of what `fail_on` names, a sentence each.

    Raises
    ------
    InputError
        If a name is none of `NAMED` and no STAGE.METRIC>VALUE, or what it asks about is not there.
    """
    found = []
    for name in fail_on:
        found += _bound_broken(compared, name) if name not in NAMED else _NAMED[name](compared)
    return found


def _accuracy_fell(compared: Comparison) -> list[str]:
    row = _accuracy(_model(compared, "accuracy"))
    return [f"accuracy fell by {-100 * row.change:.1f} points"] if row.high < 0 else []


def _recall_fell(compared: Comparison) -> list[str]:
    return _recalls_that_fell(_model(compared, "class-recall"))


def _model(compared: Comparison, name: str) -> ModelChange:
    if compared.model is None:
        raise InputError(f"--fail-on {name}: no test image was judged by both classifiers.")
    return compared.model


def _accuracy(model: ModelChange) -> pd.Series:
    return model.scores.set_index("measure").loc["accuracy"]


def _recalls_that_fell(model: ModelChange) -> list[str]:
    recalls = model.recalls
    fell = recalls[(recalls["p_value"] < SURE) & (recalls["change"] < 0)]
    return [f"recall of {row.label} fell by {-100 * row.change:.1f} points" for row in fell.itertuples()]


def _new_findings(compared: Comparison) -> list[str]:
    n = (compared.findings["state"] == "new").sum()
    return [f"{n:,} new findings"] if n else []


def _new_leaks(compared: Comparison) -> list[str]:
    findings = compared.findings
    n = ((findings["state"] == "new") & findings["kind"].isin(LEAKS)).sum()
    return [f"{n:,} new leaks"] if n else []


_NAMED = dict(zip(NAMED, (_accuracy_fell, _recall_fell, _new_findings, _new_leaks), strict=True))


def _bound_broken(compared: Comparison, bound: str) -> list[str]:
    parts = BOUND.fullmatch(bound.strip())
    if not parts:
        raise InputError(f"--fail-on {bound}: not one of {', '.join(NAMED)}, nor STAGE.METRIC>VALUE.")
    stage, metric, sign, limit = parts.groups()
    found = compared.after.metrics(f"analysis_outputs/{stage}/metrics.json")
    if not isinstance(found.get(metric), int | float):
        raise InputError(f"--fail-on {bound}: {compared.after.name} has no number {stage}.{metric}.")
    value = found[metric]
    is_broken = value > float(limit) if sign == ">" else value < float(limit)
    return [f"{stage}.{metric} is {value:g}"] if is_broken else []


def verdict_on(compared: Comparison, broken: Sequence[str]) -> str:
    """The first line: harm that was asked about, else what surely became worse or better, in one sentence."""
    if broken:
        return f"Failed: {'; '.join(broken)}."
    states = compared.findings["state"].value_counts()
    of_findings = f"{states.get('new', 0):,} new findings, {states.get('gone', 0):,} gone"
    if compared.model is None:
        return f"The classifiers cannot be compared, as no test image was judged by both; {of_findings}."
    row, fell = _accuracy(compared.model), _recalls_that_fell(compared.model)
    word = "is better" if row.low > 0 else "is worse" if row.high < 0 else "shows no sure change"
    parts = [
        f"accuracy {word}: {row.before:.1%} → {row.after:.1%} ({100 * row.change:+.1f} points, 95% interval "
        f"{100 * row.low:+.1f} to {100 * row.high:+.1f}, {compared.model.n_items:,} test images)",
        *fell,
        of_findings,
    ]
    return f"{'Sure harm' if row.high < 0 or fell else 'No sure harm'}: {'; '.join(parts)}."

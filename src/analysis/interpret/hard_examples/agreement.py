"""Whether the rankings agree with one another, and with doubts about labels."""

from __future__ import annotations

import pandas as pd

from analysis.interpret.hard_examples.hardness import CRITERIA, compare_rankings, hardest_by, odds_ratio


def tabulate_agreement(images: pd.DataFrame, fraction: float) -> pd.DataFrame:
    """Of images trained on all rankings, of others those two that they have."""
    tables = []
    for kind, members, criteria in _kinds_of(images):
        columns = {f"{name}_percentile": name for name in criteria}
        percentiles = members[[*columns]].rename(columns=columns)
        percentiles["label_doubt"] = members["label_doubt"].rank(pct=True)
        table = compare_rankings(percentiles, fraction)
        table.insert(0, "images", kind)
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def tabulate_label_doubts(images: pd.DataFrame, fraction: float) -> pd.DataFrame:
    """For each ranking, whether its hardest images are those with suspected labels."""
    rows = []
    for kind, members, criteria in _kinds_of(images):
        for name in dict.fromkeys([*criteria, "hardness"] if len(criteria) > 1 else criteria):
            is_hard = hardest_by(members[f"{name}_percentile"], fraction)
            counts = odds_ratio(is_hard, members["is_suspected"])
            rows.append({"images": kind, "ranking": name, "n_items": len(members), **counts})
    return pd.DataFrame(rows)


def _kinds_of(images: pd.DataFrame) -> list[tuple[str, pd.DataFrame, tuple[str, ...]]]:
    """The images trained on and the others, each with the criteria that rank them."""
    trained_on = images["was_trained_on"]
    return [("trained on", images[trained_on], CRITERIA), ("not trained on", images[~trained_on], ("loss",))]

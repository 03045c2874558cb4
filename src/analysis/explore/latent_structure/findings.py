from __future__ import annotations

import pandas as pd

from analysis.contract import FindingKind, findings_of, no_findings

OUTLIER = FindingKind(
    name="unlike_all_others",
    title="Image unlike all others",
    severity="low",
    why="What does not belong to the dataset (another subject, a scan gone wrong, a logo) lies far from "
    "everything else; a model learns it by heart or is misled by it.",
    action="Look at it: drop it if it does not belong. If it does, collect more of its kind: it is a rare "
    "case.",
)


def find_outliers(unusual: pd.DataFrame) -> pd.DataFrame:
    """The findings; the score is 0.5 at the threshold and nears 1 with the excess."""
    found = unusual[unusual["is_outlier"]]
    if found.empty:
        return no_findings()
    detail = [
        f"its neighbourhood is {row.unlikeness_z:.1f} robust standard deviations less similar to it than "
        f"usual (cosine {row.similarity:.2f})"
        for row in found.itertuples()
    ]
    return findings_of(OUTLIER, item_id=found["item_id"], score=1 - 0.5 / found["excess"], detail=detail)

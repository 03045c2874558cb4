from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.contract import FindingKind, findings_of

INDISTINGUISHABLE = FindingKind(
    name="classes_indistinguishable",
    title="Two classes that cannot be told apart",
    severity="medium",
    why="Neither features made by hand nor embeddings tell their images apart better than a coin nearly "
    "does: the labels may say something that the images do not show.",
    action="Look at images of both side by side. Merge the classes, or mend how they were labelled, or find "
    "out what tells them apart that the images lack (resolution, context).",
)
UNVARIED = FindingKind(
    name="class_without_variety",
    title="Class whose images are all alike",
    severity="medium",
    why="A model learns these few pictures rather than the class, and fails on the next one that differs.",
    action="Look whether they are copies or frames of one scene, and collect images from other places and "
    "times.",
)


def find_indistinguishable(pairs: pd.DataFrame, max_auroc: float) -> pd.DataFrame:
    """One finding a pair whose better AUROC is surely below the threshold, under its first class."""
    flagged = pairs[pairs["auroc_high"].lt(max_auroc)]
    detail = [
        f"not told from '{row.label_b}' better than with AUROC {row.auroc:.2f} ({row.auroc_low:.2f} to "
        f"{row.auroc_high:.2f}; 0.5 is chance)"
        for row in flagged.itertuples()
    ]
    score = 1 - 2 * (flagged["auroc"] - 0.5).clip(lower=0)
    return findings_of(INDISTINGUISHABLE, label=flagged["label_a"], score=score, detail=detail)


def find_unvaried(spreads: np.ndarray, classes: list[str], unvaried_below: float) -> pd.DataFrame:
    """One finding a class whose images lie much closer together than those of most classes."""
    share = pd.Series(spreads, index=classes, dtype=float)
    share = share / share.median() if len(share.dropna()) > 2 else share * np.nan
    flagged = share[share < unvaried_below]
    detail = [f"its images differ {value:.0%} as much as those of most classes" for value in flagged]
    return findings_of(UNVARIED, label=flagged.index, score=1 - flagged, detail=detail)

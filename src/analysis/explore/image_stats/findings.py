from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.contract import FindingKind, findings_of
from analysis.explore.image_stats.differences import ALL_CLASSES

CLASS_APART = FindingKind(
    name="class_recognisable_by_one_measure",
    title="Class recognisable by one simple measure",
    severity="low",
    why="A model can learn this shortcut instead of the subject, and fails where the measure differs: "
    "another camera, light or resolution.",
    action="Look whether the measure belongs to the subject (a night sky is dark). If it comes from how the "
    "class was collected, collect it as the others are, or augment the measure away.",
)
SPLITS_DIFFER = FindingKind(
    name="class_measures_differently_in_split",
    title="Class whose images measure differently in another split than in training",
    severity="medium",
    why="The split does not show what a model has learnt to expect, so a low score there may be due to the "
    "images' quality rather than to their subject.",
    action="Find out what the split's images have been through (camera, compression, resizing) and make the "
    "splits anew from all images, unless the difference is what is to be tested.",
)


def find_classes_apart(contrasts: pd.DataFrame) -> pd.DataFrame:
    """One finding a class, for the measure that tells it apart best; the others are named beside."""
    apart = contrasts[contrasts["is_apart"]].sort_values("auroc", ascending=False, kind="stable")
    detail = [
        f"{_words(row.measure)} {row.median:.3g}, over all images {row.median_of_all:.3g}; alone it tells "
        f"the class apart with AUROC {row.auroc:.2f}"
        for row in apart.itertuples()
    ]
    return _one_a_class(CLASS_APART, apart.assign(detail=detail, score=apart["cliffs_delta"].abs()))


def find_differing_splits(differences: pd.DataFrame) -> pd.DataFrame:
    """One finding a class and split; if no class differs by itself but all together do, for the furthest."""
    parts = []
    for split, rows in differences.groupby("split", sort=False):
        by_class = rows[rows["label"] != ALL_CLASSES]
        flagged = by_class[by_class["is_different"]]
        overall = rows[(rows["label"] == ALL_CLASSES) & rows["is_different"]]
        if flagged.empty and len(overall) and len(by_class):
            same_measure = by_class[by_class["measure"].isin(overall["measure"])].dropna(
                subset="cliffs_delta"
            )
            flagged = same_measure.iloc[same_measure["cliffs_delta"].abs().argsort()[::-1][:1]]
        flagged = flagged.sort_values("cliffs_delta", key=np.abs, ascending=False, kind="stable")
        detail = [
            f"{_words(row.measure)} {'higher' if row.cliffs_delta > 0 else 'lower'} in {split} than in train "
            f"(Cliff's delta {row.cliffs_delta:+.2f})"
            for row in flagged.itertuples()
        ]
        parts.append(
            _one_a_class(SPLITS_DIFFER, flagged.assign(detail=detail, score=flagged["cliffs_delta"].abs()))
        )
    found = [part for part in parts if len(part)]
    return pd.concat(found, ignore_index=True) if found else findings_of(SPLITS_DIFFER, label=[])


def _one_a_class(kind: FindingKind, rows: pd.DataFrame) -> pd.DataFrame:
    """Join the rows of each class, strongest first, into one finding."""
    joined = rows.groupby("label", sort=False).agg(score=("score", "max"), detail=("detail", "; ".join))
    return findings_of(kind, label=joined.index, score=joined["score"], detail=joined["detail"])


def _words(measure: str) -> str:
    return measure.removesuffix("_bits").removesuffix("_px").replace("_", " ")

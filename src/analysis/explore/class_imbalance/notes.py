from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.contract import Artifacts, no_findings
from analysis.explore.class_imbalance.findings import SUFFERS_FROM_RARITY
from analysis.explore.class_imbalance.linear_model import (
    N_FOLDS,
    compare_recalls,
    confusion_of,
    errors_to_more_frequent,
    mean_with_interval,
)
from analysis.statistics.correlation import rank_correlation
from analysis.statistics.proportions import proportion_of

TABLE_COLUMNS = [
    "label",
    "n_train",
    "recall",
    "recall_low",
    "recall_high",
    "recall_weighted",
    "lost_to_rarity",
    "lost_low",
    "lost_high",
]
CAPTIONS = {
    "class_recall": "One row per class, the most frequent first. recall is by the linear model on classes as "
    "they are, with its 95% interval; recall_weighted with all classes counting alike; lost_to_rarity is "
    "the difference, with its 95% interval: positive where weighting helps the class.",
}


def summary_of(recalls: pd.DataFrame) -> str:
    n_rare, n_suffering = int(recalls["is_rare"].sum()), int(recalls["suffers"].sum())
    if not n_suffering:
        return f"rarity explains nothing that is sure and matters (imbalance ratio {_ratio(recalls):.1f})"
    return f"{n_suffering} of {n_rare} rarer classes lose recall to rarity, by {_ratio(recalls):.0f} to 1"


def _ratio(recalls: pd.DataFrame) -> float:
    return recalls["n_train"].max() / recalls["n_train"].min()


def metrics_of(recalls: pd.DataFrame, confusions: dict[str, pd.DataFrame]) -> dict[str, float]:
    n_train = recalls.set_index("label")["n_train"]
    rare = recalls[recalls["is_rare"]]
    lost, lost_low, lost_high = mean_with_interval(rare)
    metrics: dict[str, float] = {
        "n_classes_suffering": int(recalls["suffers"].sum()),
        "n_classes_rare": len(rare),
        "recall_lost_to_rarity": lost,
        "recall_lost_to_rarity_low": lost_low,
        "recall_lost_to_rarity_high": lost_high,
        "recall_of_rare": rare["recall"].mean(),
        "recall_of_rare_weighted": rare["recall_weighted"].mean(),
    }
    for name, column in (("natural", "recall"), ("weighted", "recall_weighted")):
        correlation, low, high = rank_correlation(recalls["n_train"], recalls[column])
        accuracy = proportion_of(np.diag(confusions[name]).sum(), confusions[name].to_numpy().sum())
        metrics |= {
            f"spearman_frequency_recall_{name}": correlation,
            f"spearman_low_{name}": low,
            f"spearman_high_{name}": high,
            f"errors_to_more_frequent_{name}": errors_to_more_frequent(confusions[name], n_train),
            f"balanced_accuracy_{name}": recalls[column].mean(),
            f"accuracy_{name}": float(accuracy),
        }
    return metrics | {"n_items": int(recalls["n_evaluated"].sum()), "imbalance_ratio": _ratio(recalls)}


def stacked(confusions: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """One row per actual and a predicted class that occur together: `n_natural`, `n_weighted` images."""
    stacked = {f"n_{name}": confusion.stack() for name, confusion in confusions.items()}
    table = pd.DataFrame(stacked)
    return table[table.any(axis=1)].reset_index()


def nothing_to_compare(why: str) -> Artifacts:
    """Tables and metrics as usual, but empty."""
    no_class, no_image = pd.Index([], dtype=str), np.empty(0, dtype=int)
    recalls = compare_recalls(no_image, no_image, no_image, no_class)
    recalls = recalls.assign(n_train=no_image, is_rare=False, suffers=False)
    confusions = dict.fromkeys(("natural", "weighted"), confusion_of(no_image, no_image, no_class))
    return Artifacts(
        summary="no two classes to compare",
        metrics=metrics_of(recalls, confusions),
        tables={"class_recall": recalls[TABLE_COLUMNS], "confusion": stacked(confusions)},
        captions=CAPTIONS,
        findings=no_findings(),
        kinds=(SUFFERS_FROM_RARITY,),
        unjudged=why,
    )


def notes_on(n_train: pd.Series, recalls: pd.DataFrame) -> list[str]:
    n_few = int((n_train < N_FOLDS).sum())
    notes = []
    if n_few:
        notes.append(
            f"{n_few:,} classes have fewer than {N_FOLDS} readable training images and are in no comparison."
        )
    if not recalls["is_rare"].any():
        notes.append("All classes have the same number of training images, so none is rare.")
    return notes

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from analysis.contract import Artifacts
from analysis.interpret.class_statistics.figures import plot_scores
from analysis.interpret.class_statistics.parameters import ClassStatisticsParameters
from analysis.interpret.class_statistics.sources import SOURCES, join_sources

MIN_CLASSES = 5  # fewer have no usual value to stand out from
MIN_SPREAD, MIN_SPREAD_OF_FRACTION = 0.05, 0.01
CARD_COLUMNS = ["n_train", "n_test", "flagged_fraction", "copied_fraction", "linear_recall", "recall"]
CAPTIONS = {
    "class_card": "One row per class. flagged_fraction of its images fail a check of quality, "
    "copied_fraction have a copy in the dataset; linear_recall is of the linear model of class_imbalance, "
    "by cross-validation, recall of the baseline network. stands_out_in names statistics far from the "
    "median class, in robust standard deviations. class_statistics.csv has all columns.",
}


def class_statistics(
    manifest: pd.DataFrame, tables: Mapping[str, pd.DataFrame], *, parameters: ClassStatisticsParameters
) -> Artifacts:
    """Join what the stages found out about each class.

    Parameters
    ----------
    manifest
        Its classes are the rows, in its order.
    tables
        Of the stages before; those named in `SOURCES` are joined.
    """
    statistics = join_sources(manifest, {name: tables[name] for name in SOURCES if name in tables})
    scores = robust_scores(statistics)
    is_odd = scores.abs() > parameters.odd_beyond
    return Artifacts(
        summary=f"{len(statistics):,} classes, {statistics.shape[1]} statistics of each, "
        f"{is_odd.any(axis=1).sum():,} classes stand out",
        metrics={
            "n_classes": len(statistics),
            "n_statistics": statistics.shape[1],
            "n_classes_standing_out": int(is_odd.any(axis=1).sum()),
            "n_values_standing_out": int(is_odd.to_numpy().sum()),
            "max_robust_score": float(scores.abs().max().max()),
        },
        tables={
            "class_statistics": statistics.reset_index(),
            "class_card": make_cards(statistics, scores, parameters.odd_beyond).reset_index(),
        },
        captions=CAPTIONS,
        figures=[plot_scores(statistics, scores, parameters.odd_beyond)] if scores.any(axis=None) else [],
        notes=_notes(statistics),
    )


# ---- standing out ----------------------------------------------------------------------------------------


def robust_scores(statistics: pd.DataFrame) -> pd.DataFrame:
    """Distance of each class from the median class in robust standard deviations; NaN stays NaN.

    Where most classes are all but alike, the deviation counts as at least `MIN_SPREAD` of the median, and of
    fractions as `MIN_SPREAD_OF_FRACTION`, lest a class stand out by a single image. 0 where all classes are
    alike, and everywhere if there are fewer than `MIN_CLASSES`.
    """
    statistics = statistics.astype(float)  # a column without any value has no numbers' type
    if len(statistics) < MIN_CLASSES:
        return statistics * 0.0
    from_median = statistics - statistics.median()
    is_fraction = statistics.columns.str.endswith("_fraction")
    smallest = np.where(is_fraction, MIN_SPREAD_OF_FRACTION, MIN_SPREAD * statistics.median().abs())
    spread = (1.4826 * from_median.abs().median()).clip(lower=pd.Series(smallest, statistics.columns))
    return from_median / spread.where(spread > 0, 1.0)


def make_cards(statistics: pd.DataFrame, scores: pd.DataFrame, odd_beyond: float) -> pd.DataFrame:
    """What a person looks at first, and the statistics each class stands out in, the furthest first."""
    cards = statistics.reindex(columns=CARD_COLUMNS).round(3)
    stands_out = []
    for _, row in scores.iterrows():
        odd = row[row.abs() > odd_beyond].sort_values(key=np.abs, ascending=False)
        stands_out.append(", ".join(f"{name} {score:+.1f}" for name, score in odd.items()))
    return cards.dropna(axis=1, how="all").assign(stands_out_in=stands_out)


def _notes(statistics: pd.DataFrame) -> list[str]:
    if statistics.empty:
        return ["No image has a label, so there is no class to describe."]
    if len(statistics) < MIN_CLASSES:
        return [f"With fewer than {MIN_CLASSES} classes there is no usual value to stand out from."]
    return []

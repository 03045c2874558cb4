from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.contract import FindingKind, findings_of

SUFFERS_FROM_RARITY = FindingKind(
    name="class_suffers_from_rarity",
    title="Class that a model misses because it is rare",
    severity="medium",
    why="A model trained on the classes as they are gives images of this class to more frequent ones; it "
    "could tell them apart, as it does once the class counts as much as the others.",
    action="Weigh classes by one over their size in training, or sample them evenly; judge by balanced "
    "accuracy or macro-F1; collect more images of the class.",
)


def find_suffering_classes(recalls: pd.DataFrame, confusion: pd.DataFrame) -> pd.DataFrame:
    """One finding a class; its score is the recall lost."""
    suffering = recalls[recalls["suffers"]]
    errors = confusion.where(~np.eye(len(confusion), dtype=bool), 0)
    detail = [
        f"recall {row.recall:.0%}, with classes weighted alike {row.recall_weighted:.0%} "
        f"(95% interval of the gain {row.lost_low:.0%} to {row.lost_high:.0%}); {row.n_train:,} training "
        f"images; most often taken for '{errors.loc[row.label].idxmax()}'"
        for row in suffering.itertuples()
    ]
    return findings_of(
        SUFFERS_FROM_RARITY, label=suffering["label"], score=suffering["lost_to_rarity"], detail=detail
    )

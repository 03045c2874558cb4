"""From evidence to advice: which flips and rotations are safe for which class, and for the dataset."""

from __future__ import annotations

import pandas as pd

from analysis.explore.geometric.parameters import GeometricParameters
from analysis.explore.geometric.poses import POSES
from models.augmentation.flips import SAFE

CHANGED, UNUSUAL = "changes the class", "unusual pose"
UNCLEAR, TOO_FEW = "unclear", "too few images"
VERDICTS = (SAFE, UNUSUAL, CHANGED, UNCLEAR, TOO_FEW)


def judge_poses(evidence: pd.DataFrame, n_images: pd.Series, parameters: GeometricParameters) -> pd.DataFrame:
    """`evidence` with its `verdict`; a class that it lacks has too few images.

    Parameters
    ----------
    n_images
        Images looked at of each class, in the dataset's order.
    """
    every = pd.MultiIndex.from_product([n_images.index, POSES], names=["label", "transform"])
    judged = evidence.set_index(["label", "transform"]).reindex(every).reset_index()
    judged["n_images"] = judged["label"].map(n_images)
    # a classifier that errs on the images as they are, or knows no other class, has no say
    is_judge = judged["recall"].ge(parameters.min_trusted_recall) & (judged["label"].nunique() > 1)
    is_changed = is_judge & judged["passing_excess_low"].gt(parameters.min_passing_fraction)
    # nor has one that takes everything strange for this class
    is_judge &= judged["precision"].gt(0.5)
    is_recognised = is_judge & judged["recall_drop_high"].le(parameters.max_recall_drop)
    may_be_recognised = is_judge & judged["recall_drop_low"].le(parameters.max_recall_drop)
    is_seen = judged["auroc_high"].le(parameters.min_unusual_auroc)
    is_unseen = judged["auroc_low"].gt(parameters.min_unusual_auroc)
    judged["verdict"] = UNCLEAR
    judged.loc[is_unseen & ~may_be_recognised, "verdict"] = UNUSUAL
    judged.loc[is_seen | is_recognised, "verdict"] = SAFE
    judged.loc[is_changed, "verdict"] = CHANGED
    judged.loc[judged["auroc"].isna(), "verdict"] = TOO_FEW
    return judged


def advise(judged: pd.DataFrame) -> dict[str, float]:
    """For each transform 1 if it is safe for the dataset, else 0; NaN where no class could be judged.

    It is safe if no class speaks against it and it is safe for most of the images judged.
    """
    advice = {}
    for transform in POSES:
        rows = judged[judged["transform"].eq(transform) & judged["verdict"].ne(TOO_FEW)]
        is_safe = rows["verdict"].eq(SAFE)
        speaks_against = rows["verdict"].isin([UNUSUAL, CHANGED]).any()
        is_mostly_safe = rows.loc[is_safe, "n_images"].sum() > rows["n_images"].sum() / 2
        advice[transform] = int(is_mostly_safe and not speaks_against) if len(rows) else float("nan")
    return advice

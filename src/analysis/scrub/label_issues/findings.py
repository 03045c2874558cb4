from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.contract import FindingKind, findings_of
from analysis.scrub.label_issues.parameters import LabelIssuesParameters

SUSPECTED_LABEL = FindingKind(
    name="suspected_label_error",
    title="Label that is probably wrong",
    severity="medium",
    why="A wrong label teaches a model a falsehood in training, and in a test counts right answers as "
    "mistakes.",
    action="Look at the picture; correct the label if it is wrong, test images first. The score is the "
    "probability that it is.",
)
NOISY_CLASS = FindingKind(
    name="noisy_class",
    title="Class many of whose labels are wrong",
    severity="high",
    why="Even pictures that are typical of the class are often labelled otherwise: labelling did not follow "
    "a rule that can be seen in the pictures.",
    action="Look at its suspected labels and at the class it is confused with; settle what distinguishes "
    "the two, then label both anew.",
)


def findings_in(
    table: pd.DataFrame, noise: pd.DataFrame, contradicting: pd.DataFrame, parameters: LabelIssuesParameters
) -> pd.DataFrame:
    doubted = table[table["is_issue"]]
    is_contradicted = doubted["path"].isin([*contradicting["path_a"], *contradicting["path_b"]])
    beside = np.where(is_contradicted, "; a copy of it has another label", "")
    noisy = noise[noise["noise_low"] > parameters.max_class_noise]
    return pd.concat(
        [
            findings_of(
                SUSPECTED_LABEL,
                item_id=doubted["item_id"],
                score=doubted["score"],
                detail=[
                    f"labelled '{row.label}', looks like '{row.suggested_label}'{also}"
                    for row, also in zip(doubted.itertuples(), beside, strict=True)
                ],
            ),
            findings_of(
                NOISY_CLASS,
                label=noisy["label"],
                score=noisy["estimated_noise"],
                detail=[
                    f"of the {row.n_anchors:,} pictures most surely of it {row.estimated_noise:.0%} are "
                    f"labelled otherwise (95% interval {row.noise_low:.0%} to {row.noise_high:.0%}), "
                    f"mostly '{row.most_often_labelled}'"
                    for row in noisy.itertuples()
                ],
            ),
        ],
        ignore_index=True,
    )

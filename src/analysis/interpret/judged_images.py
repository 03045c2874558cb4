"""Which images a classifier is judged on: those it has not learnt from, as far as there are any."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.contract import NothingToJudgeError
from analysis.dataset.samples import balanced_sample

JUDGED_FIRST = ("test", "validation", "train")  # the first that has labelled images is judged


def split_to_judge(labelled: pd.DataFrame) -> str:
    """The split of these labelled images (`split`) to judge a classifier on.

    Raises
    ------
    NothingToJudgeError
        If there is no labelled image at all.
    """
    present = [split for split in JUDGED_FIRST if (labelled["split"] == split).any()]
    if not present:
        raise NothingToJudgeError("no image has both a picture and a label to judge a classifier by")
    return present[0]


def split_note(split: str) -> str:
    """In words, why another split than test flatters the classifier; empty for test."""
    if split == "test":
        return ""
    lacking = "test" if split == "validation" else "test or validation"
    reason = "which chose the epoch" if split == "validation" else "which it learnt"
    return (
        f"There are no {lacking} images to judge by: the {split} split is judged, {reason}; expect less of "
        "new images."
    )


def sample_of_judged(images: pd.DataFrame, n: int, *, seed: int) -> tuple[pd.DataFrame, str]:
    """At most `n` labelled images of the split to judge, the same number of each class, and its name.

    Parameters
    ----------
    images
        As `analysis.dataset.readable.readable_images` gives them.
    """
    labelled = images[images["class_index"] >= 0]
    split = split_to_judge(labelled)
    judged = labelled[labelled["split"] == split]
    rows: np.ndarray = balanced_sample(judged["class_index"].to_numpy(), n, seed=seed)
    return judged.iloc[rows].reset_index(drop=True), split

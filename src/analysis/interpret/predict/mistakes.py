"""Which of the judged split's mistakes are kept as pictures."""

from __future__ import annotations

import pandas as pd

from analysis.interpret.judged_images import JUDGED_FIRST
from analysis.interpret.predict.parameters import MAX_MISTAKES, MAX_PAIRS, PICTURES_PER_PAIR


def mistakes_to_keep(images: pd.DataFrame) -> pd.DataFrame:
    """Those that a figure may show: the surest of all, and the surest of the pairs most often confused.

    Parameters
    ----------
    images
        With `split`, `class_index` (-1 without a label), `predicted_index` and `confidence`.
    """
    labelled = images[images["class_index"] >= 0]
    judged = next((rows for s in JUDGED_FIRST if len(rows := labelled[labelled["split"] == s])), labelled)
    wrong = judged[judged["class_index"] != judged["predicted_index"]]
    surest = wrong.sort_values("confidence", ascending=False, kind="stable")
    by_pair = surest.groupby(["class_index", "predicted_index"])
    most_often = by_pair.size().sort_values(ascending=False, kind="stable").index[:MAX_PAIRS]
    is_of_pair = pd.MultiIndex.from_frame(surest[["class_index", "predicted_index"]]).isin(most_often)
    is_kept = is_of_pair & (by_pair.cumcount() < PICTURES_PER_PAIR).to_numpy()
    is_kept[:MAX_MISTAKES] = True
    return surest[is_kept]

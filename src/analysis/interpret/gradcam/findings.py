from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.contract import FindingKind, findings_of
from analysis.interpret.attributed_images import Attributed
from analysis.interpret.gradcam.figures import REGION_NAMES

MAX_IMAGES_FOUND = 6  # images of a flagged class in the ledger, those with most attribution in the region
CONTEXT = FindingKind(
    name="class_told_by_context",
    title="Classes told by their border or background",
    severity="medium",
    why="The classifier recognises these classes by something beside the object: a watermark, a frame, a "
    "typical background. It will fail where that is missing, and test images that share it hide the fault.",
    action="Look at the images and their overlays for what they have in common at the edge. Crop or mask it, "
    "or collect images of the class without it, and train again; cropping at random in training helps.",
)


def find_context(attributed: Attributed, shares: dict[str, np.ndarray], tests: pd.DataFrame) -> pd.DataFrame:
    """The images of each flagged class with most attribution in the region, beyond every random network's."""
    parts = [findings_of(CONTEXT, item_id=[])]
    for row in tests[tests["is_flagged"]].itertuples():
        of_class = attributed.images["is_right"] & (attributed.images["label"] == row.label)
        share = pd.Series(shares[row.region])[of_class].sort_values(ascending=False).head(MAX_IMAGES_FOUND)
        detail = [
            f"{value:.0%} of its attribution lies {REGION_NAMES[row.region]}. Class mean {row.share:.0%} of "
            f"{row.n_images} images, {row.enrichment:.1f} times its share of the area, where at most "
            f"{row.random_share_high:.0%} is seen with random weights (p = {row.p_value:.2g}, "
            f"d = {row.effect_size:.1f})"
            for value in share
        ]
        item_id = attributed.images.loc[share.index, "item_id"]
        parts.append(
            findings_of(CONTEXT, item_id=item_id, label=[row.label] * len(share), score=share, detail=detail)
        )
    return pd.concat(parts, ignore_index=True)

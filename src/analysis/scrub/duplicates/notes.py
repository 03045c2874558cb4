from __future__ import annotations

import pandas as pd

from analysis.dataset.splits import SPLITS
from analysis.scrub.compared_images import MIN_SIDE_PX, is_large_enough

PAIRS_CAPTION = (
    "One row per pair, worst first. Of several exact copies each is paired with one of them, preferably in "
    "training. The score is 1 for exact copies, else the probability that the two are copies of one shot. "
    "`detail_agreement` is the correlation of the finest detail that both resolve, once laid upon one "
    "another; `coarse_agreement` that of detail twice as wide; `weakest_tiles_agreement` that of the weakest "
    "quarter of the picture's parts. `change` names what was measured of the change; there may be more to it."
)
GROUPS_CAPTION = "One row per image that has copies. Every image of a group is a copy of the group's centre."


def metrics_of(
    images: pd.DataFrame,
    pairs: pd.DataFrame,
    groups: pd.DataFrame,
    leaks: pd.DataFrame,
    group_leaks: pd.DataFrame,
) -> dict[str, float]:
    within_test = (pairs["split_a"] == "test") & (pairs["split_b"] == "test")
    metrics = {
        "n_exact_pairs": int((pairs["kind"] == "exact").sum()),
        "n_near_pairs": int((pairs["kind"] == "near").sum()),
        "n_contradicting_pairs": int(pairs["is_contradicting"].sum()),
        "n_groups": int(groups["group"].nunique()),
        "n_images_with_copies": len(groups),
        "n_pairs_within_test": int(within_test.sum()),
    }
    for rank, split in enumerate(SPLITS[1:], start=1):
        n_leaked = int((leaks["split"] == rank).sum())
        n = int((images["split_rank"] == rank).sum())
        metrics[f"n_{split}_images_leaked"] = n_leaked
        metrics[f"{split}_leaked_fraction"] = n_leaked / n if n else float("nan")
        metrics[f"n_{split}_images_of_groups_elsewhere"] = int((group_leaks["split"] == rank).sum())
    return metrics


def summary_of(
    images: pd.DataFrame, pairs: pd.DataFrame, leaks: pd.DataFrame, group_leaks: pd.DataFrame
) -> str:
    n_exact = int((pairs["kind"] == "exact").sum())
    return (
        f"{len(images):,} images, {n_exact:,} exact and {len(pairs) - n_exact:,} near copies, "
        f"{len(leaks):,} images leaked"
        + (f", {len(group_leaks):,} of groups that straddle splits" if len(group_leaks) else "")
    )


def notes_on(images: pd.DataFrame, group_leaks: pd.DataFrame, *, n_unread: int) -> list[str]:
    """`images` are those compared, with their `group`."""
    notes = []
    if n_unread:
        notes.append(f"{n_unread:,} images could not be read and were compared with none.")
    n_small = int((~is_large_enough(images)).sum())
    if n_small:
        notes.append(
            f"{n_small:,} images have a side of less than {MIN_SIDE_PX} pixels: too little to tell near "
            "copies from look-alikes, so among them only exact copies were looked for."
        )
    for rank, split in enumerate(SPLITS[1:], start=1):
        n_leaking = int((group_leaks["split"] == rank).sum())
        if n_leaking:
            n = int((images["split_rank"] == rank).sum())
            notes.append(f"Of {n:,} {split} images {n_leaking:,} are of a group that an earlier split holds.")
    if images["split_rank"].nunique() < 2:
        notes.append("All images are in one split, so nothing can leak from one into another.")
    return notes

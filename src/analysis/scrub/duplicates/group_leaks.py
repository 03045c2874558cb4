"""Which images are of a group (a patient, a camera, a session) that an earlier split holds too."""

from __future__ import annotations

import pandas as pd

from analysis.dataset.splits import SPLITS


def group_leaks_of(images: pd.DataFrame) -> pd.DataFrame:
    """One row per image whose group an earlier split holds: `item_id`, `split` (rank), `twin`, `detail`.

    `images` has `split_rank` and `group` by `item_id`; an image without a group is in none. `twin` is the
    first image of the group in the earliest split.
    """
    grouped = images.dropna(subset="group").astype({"group": str}).sort_index()
    sizes = grouped.groupby(["group", "split_rank"]).size()
    first = grouped.groupby("group")["split_rank"].transform("min")
    twins = grouped[grouped["split_rank"] == first].reset_index().groupby("group")["item_id"].first()
    leaking = grouped[grouped["split_rank"] > first]
    detail = [f"group '{group}': {_counted(sizes[group])}" for group in leaking["group"]]
    return pd.DataFrame(
        {
            "item_id": leaking.index,
            "split": leaking["split_rank"].to_numpy(),
            "twin": leaking["group"].map(twins).to_numpy(),
            "detail": detail,
        }
    )


def _counted(sizes: pd.Series) -> str:
    """The images of a group by the rank of their split: "12 in train, 3 in test"."""
    return ", ".join(f"{n:,} in {SPLITS[rank]}" for rank, n in sizes.items())

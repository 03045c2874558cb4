"""Which images have a copy in an earlier split."""

from __future__ import annotations

import pandas as pd


def leaks_of(pairs: pd.DataFrame, first: pd.Series, images: pd.DataFrame) -> pd.DataFrame:
    """The images with a copy in an earlier split, with the best of these copies.

    An exact copy has all the copies of the image that stands for it.
    """
    columns = ["item_id_a", "item_id_b", "change", "score"]
    swapped = pairs[columns].rename(columns={"item_id_a": "item_id_b", "item_id_b": "item_id_a"})
    twins = pd.concat([pairs[columns], swapped], ignore_index=True).rename(columns={"item_id_b": "twin"})
    members = pd.DataFrame({"item_id_a": first.to_numpy(), "item_id": first.index})
    inherited = twins.merge(members, on="item_id_a")
    twins = pd.concat([inherited, twins.assign(item_id=twins["item_id_a"])], ignore_index=True)
    twins = twins.assign(
        split=images["split_rank"].loc[twins["item_id"]].to_numpy(),
        twin_split=images["split_rank"].loc[twins["twin"]].to_numpy(),
    )
    twins = twins[twins["twin_split"] < twins["split"]]
    twins = twins.sort_values(["twin_split", "score"], ascending=[True, False], kind="stable")
    best = twins.drop_duplicates("item_id", ignore_index=True)
    return best.assign(twin_path=images["path"].loc[best["twin"]].to_numpy()).drop(columns="item_id_a")

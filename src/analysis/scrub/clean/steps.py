"""The steps from the dataset as it is to the one that training uses: tables in, tables out.

Each step takes and gives `images`: `path`, `content_hash`, `label`, `split` (both categorical), `is_readable`
(has a picture), `is_dropped`, and `source` and `reason` of the last change ("" if there is none), by
`item_id`.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.dataset.readable import is_readable
from analysis.scrub.clean.split_repair import repair_splits


def working_images(manifest: pd.DataFrame, scan: pd.DataFrame) -> pd.DataFrame:
    """The dataset as it is, nothing changed yet."""
    images = manifest.set_index("item_id")[["path", "content_hash", "label", "split"]]
    return images.assign(is_readable=is_readable(scan), is_dropped=False, source="", reason="")


def apply_decisions(images: pd.DataFrame, rows: pd.DataFrame) -> tuple[pd.DataFrame, list[int]]:
    """Relabel and drop as people have decided (`rows` of `Located`).

    Returns
    -------
    The images, and the ids of those that stay though they were to be dropped: each is the last usable one of
    its class in its split.
    """
    of_image = (
        rows[rows["item_id"].notna()].astype({"item_id": "int64"}).drop_duplicates(["item_id", "decision"])
    )
    relabelled = of_image[of_image["decision"] == "relabel"].set_index("item_id")
    labels = images["label"].copy()
    labels.loc[relabelled.index] = relabelled["new_label"]
    images = _changed(images.assign(label=labels), relabelled["reason"], source="decision")
    drops = of_image[of_image["decision"] == "drop"].set_index("item_id")["reason"]
    stays = would_empty(images, drops.index)
    return _dropped(images, drops.drop(stays), source="decision"), list(stays)


def apply_drops(images: pd.DataFrame, proposed: pd.DataFrame) -> pd.DataFrame:
    """Drop what is proposed to go."""
    drops = proposed[proposed["decision"] == "drop"].set_index("item_id")["reason"]
    return _dropped(images, drops, source="proposal")


def with_repaired_splits(images: pd.DataFrame, pairs: pd.DataFrame) -> pd.DataFrame:
    """Move groups of copies to one side of the splits."""
    split = repair_splits(images, pairs)
    is_moved = split != images["split"]
    reason = pd.Series("its copies are in " + split[is_moved].astype(str), dtype=object)
    return _changed(images.assign(split=split), reason, source="repair of splits")


def _dropped(images: pd.DataFrame, reasons: pd.Series, *, source: str) -> pd.DataFrame:
    is_dropped = images["is_dropped"] | images.index.isin(reasons.index)
    return _changed(images.assign(is_dropped=is_dropped), reasons, source=source)


def _changed(images: pd.DataFrame, reasons: pd.Series, *, source: str) -> pd.DataFrame:
    is_changed = images.index.isin(reasons.index)
    given = reasons.reindex(images.index)
    return images.assign(
        source=images["source"].mask(is_changed, source), reason=images["reason"].mask(is_changed, given)
    )


def would_empty(images: pd.DataFrame, ids: pd.Index) -> pd.Index:
    """Of images that are to go, those that have to stay: the first of each class and split in which `ids` are
    all usable images that there are."""
    usable = images[images["is_readable"] & ~images["is_dropped"] & images["label"].notna()]
    goes = usable.assign(goes=usable.index.isin(ids)).groupby(["label", "split"], observed=True)["goes"]
    return usable.index[goes.transform("all").astype(bool) & (goes.cumcount() == 0)]


def cleaned_manifest(manifest: pd.DataFrame, images: pd.DataFrame) -> pd.DataFrame:
    """The manifest's rows with the labels and splits of `images`, with status "dropped" where they are, and
    with what was done as `action` ("none" where nothing was)."""
    return manifest.assign(
        label=images["label"].set_axis(manifest.index),
        split=images["split"].set_axis(manifest.index),
        status=manifest["status"].mask(images["is_dropped"].to_numpy(), "dropped"),
        action=actions(manifest, images),
    )


def actions(manifest: pd.DataFrame, images: pd.DataFrame) -> np.ndarray:
    """ "dropped", "relabelled", "moved", "relabelled and moved" or "none", by row."""
    is_relabelled = images["label"].cat.codes.to_numpy() != manifest["label"].cat.codes.to_numpy()
    is_moved = images["split"].cat.codes.to_numpy() != manifest["split"].cat.codes.to_numpy()
    conditions = [images["is_dropped"].to_numpy(), is_relabelled & is_moved, is_relabelled, is_moved]
    return np.select(conditions, ["dropped", "relabelled and moved", "relabelled", "moved"], "none")


def tabulate_changes(manifest: pd.DataFrame, images: pd.DataFrame) -> pd.DataFrame:
    """One row per image that is changed, in the manifest's order; new label and split where they differ."""
    after = images.reset_index(drop=True)
    action = pd.Series(actions(manifest, images), dtype=object)
    table = pd.DataFrame(
        {
            "path": manifest["path"],
            "label": manifest["label"].astype("string").fillna(""),
            "split": manifest["split"].astype(str),
            "action": action,
            "new_label": after["label"].astype("string").where(action.str.contains("relabelled"), ""),
            "new_split": after["split"].astype(str).where(action.str.contains("moved"), ""),
            "source": after["source"],
            "reason": after["reason"],
        }
    )
    return table[action != "none"].reset_index(drop=True)


def count_classes(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """Usable images of each class and split, before and after."""
    counts = {name: _count(images) for name, images in (("n_before", before), ("n_after", after))}
    table = pd.DataFrame(counts).reset_index()
    return table.assign(change=table["n_after"] - table["n_before"])


def _count(images: pd.DataFrame) -> pd.Series:
    usable = images[images["is_readable"] & ~images["is_dropped"]]
    return usable.groupby(["label", "split"], observed=False).size()

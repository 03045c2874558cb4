"""The images among which copies are looked for, and which of them are large enough for near ones."""

from __future__ import annotations

import pandas as pd

from analysis.dataset.readable import is_readable
from analysis.dataset.splits import SPLITS

# Shorter sides hold too little to tell a copy from a look-alike: among 8 × 8 digits two sevens of one writer
# agree better than a seven with its own copy recompressed. Of such images only exact copies are reported.
MIN_SIDE_PX = 16


def compared_images(manifest: pd.DataFrame, scan: pd.DataFrame) -> pd.DataFrame:
    """The images that were decoded, by `item_id`; those of training first, to stand for their copies."""
    measures = scan[["item_id", "status", "width_px", "height_px", "phash", "value_range"]]
    named = manifest[["item_id", "path", "label", "split", "content_hash"]]
    images = named.merge(measures, on="item_id", validate="1:1")
    images = images[is_readable(images) & images["phash"].notna()]
    images = images.assign(split_rank=images["split"].astype(str).map(SPLITS.index))
    return images.sort_values(["split_rank", "item_id"], kind="stable").set_index("item_id")


def is_large_enough(images: pd.DataFrame) -> pd.Series:
    """Whether near copies of an image can be told from look-alikes, from `width_px` and `height_px`."""
    return images[["width_px", "height_px"]].min(axis=1) >= MIN_SIDE_PX

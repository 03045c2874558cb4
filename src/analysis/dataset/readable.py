"""Which images of a dataset have a picture to look at, and what to say of the others."""

from __future__ import annotations

import numpy as np
import pandas as pd

READABLE = ("ok", "truncated")  # of the scan's statuses, those with a picture


def readable_images(manifest: pd.DataFrame, scan: pd.DataFrame) -> pd.DataFrame:
    """The manifest's rows with a picture, in its order, but for those that `clean` has dropped.

    Returns
    -------
    DataFrame
        `item_id`, `path`, `label`, `split`, `is_truncated`, `value_range` and `class_index`: the label's
        place among the manifest's classes, −1 where there is none.
    """
    images = manifest[["item_id", "path", "label", "split"]].assign(
        is_truncated=scan["status"].eq("truncated").to_numpy(),
        value_range=scan["value_range"].to_numpy(object),
        class_index=manifest["label"].cat.codes.astype(np.int64),
    )
    return images[is_readable(scan) & is_not_dropped(manifest)].reset_index(drop=True)


def is_readable(scan: pd.DataFrame) -> np.ndarray:
    """Mask of the rows with a picture, be it a part of one."""
    return scan["status"].isin(READABLE).to_numpy()


def is_usable(manifest: pd.DataFrame, scan: pd.DataFrame) -> np.ndarray:
    """Mask of the rows with a picture and a label."""
    return is_readable(scan) & manifest["label"].notna().to_numpy()


def is_not_dropped(manifest: pd.DataFrame) -> np.ndarray:
    """Mask of the rows that `clean` has not dropped."""
    return manifest["status"].ne("dropped").to_numpy()


def left_out_note(manifest: pd.DataFrame, scan: pd.DataFrame) -> str:
    """In words, how many images of the manifest are dropped, have no picture or no label; empty if none."""
    has_picture = is_readable(scan)
    is_dropped = ~is_not_dropped(manifest)
    reasons = {
        "are dropped by `clean`": is_dropped,
        "cannot be read": ~has_picture & ~is_dropped,
        "have no label": has_picture & ~is_dropped & manifest["label"].isna().to_numpy(),
    }
    counts = {reason: int(mask.sum()) for reason, mask in reasons.items()}
    if not sum(counts.values()):
        return ""
    said = ", ".join(f"{n:,} {reason}" for reason, n in counts.items() if n)
    return f"{sum(counts.values()):,} of {len(manifest):,} images are left out: {said}."

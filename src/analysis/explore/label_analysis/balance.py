"""How evenly images are spread over classes."""

from __future__ import annotations

import numpy as np


def measure_balance(n_items: np.ndarray) -> dict[str, float]:
    """How evenly images are spread over classes.

    Parameters
    ----------
    n_items
        (C,) images of each class, absent classes included.

    Returns
    -------
    dict
        `imbalance_ratio`: largest to smallest class that occurs; `entropy_bits`; `entropy_normalised`
        (Pielou's evenness): entropy over that of C equal classes, 1 is balanced; `effective_classes`: the
        number of equal classes of the same entropy; `gini`: 0 is balanced. NaN where undefined.
    """
    present = np.sort(n_items[n_items > 0])
    if len(present) == 0:
        names = ("imbalance_ratio", "entropy_bits", "entropy_normalised", "effective_classes", "gini")
        return dict.fromkeys(names, np.nan)
    shares = present / present.sum()
    entropy = -float((shares * np.log2(shares)).sum()) + 0.0  # + 0.0: no minus zero
    n_classes = len(n_items)
    ranks = np.arange(n_classes - len(present), n_classes) + 1
    return {
        "imbalance_ratio": float(present[-1] / present[0]),
        "entropy_bits": entropy,
        "entropy_normalised": float(entropy / np.log2(n_classes)) if n_classes > 1 else np.nan,
        "effective_classes": 2**entropy,
        "gini": max(0.0, float(((2 * ranks - n_classes - 1) * shares).sum() / n_classes)),
    }

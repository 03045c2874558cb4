"""Whether nearest neighbours bear the same label."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.statistics.proportions import proportion_of, wilson_interval


def label_purity(codes: np.ndarray, neighbours: np.ndarray) -> np.ndarray:
    """(n,) share of each image's labelled neighbours that bear its label; NaN where there is nothing to say.

    `codes` holds each image's class, -1 for none.
    """
    of_neighbours = codes[neighbours]
    n_labelled = (of_neighbours >= 0).sum(axis=1)
    purity = proportion_of((of_neighbours == codes[:, None]).sum(axis=1), n_labelled)
    return np.where(codes >= 0, purity, np.nan)


def purity_of_classes(codes: np.ndarray, purity: np.ndarray, n_classes: int) -> pd.DataFrame:
    """One row per class: `n_items`, `purity` and its 95% Wilson interval, `purity_low`, `purity_high`.

    The interval takes each image for one yes or no. Its neighbours say it more finely than that, but they
    are shared between images, so the wider interval is the honest one.
    """
    is_counted = np.isfinite(purity)
    n_items = np.bincount(codes[is_counted], minlength=n_classes)
    total = np.bincount(codes[is_counted], weights=purity[is_counted], minlength=n_classes)
    low, high = wilson_interval(total, n_items)
    return pd.DataFrame(
        {
            "n_items": n_items,
            "purity": proportion_of(total, n_items),
            "purity_low": low,
            "purity_high": high,
        }
    )


def mixed_with(codes: np.ndarray, neighbours: np.ndarray, n_classes: int) -> np.ndarray:
    """(n_classes,) the other class that most of a class's neighbours bear; -1 where they bear no other."""
    own = np.repeat(codes, neighbours.shape[1])
    theirs = codes[neighbours].ravel()
    is_other = (own >= 0) & (theirs >= 0) & (own != theirs)
    pairs = np.bincount(own[is_other] * n_classes + theirs[is_other], minlength=n_classes**2)
    counts = pairs.reshape(n_classes, n_classes)
    return np.where(counts.any(axis=1), counts.argmax(axis=1), -1)

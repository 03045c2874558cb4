"""Trials of the checks: plant, run the check as it is, and hold what it reports against what was planted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.contract import FindingKind


@dataclass(frozen=True)
class Trial:
    """What one check made of one planted fault.

    Attributes
    ----------
    stage, kind
        Whose check it is, and the kind of finding that the fault should be reported as.
    is_found
        (n,) whether each planted fault was.
    n_reported, n_right
        What the check reported of planted and untouched images, and how much of it was planted.
    originals, planted
        (n, 32, 32, 3) thumbnails before and after.
    """

    stage: str
    kind: FindingKind
    fault: str
    is_found: NDArray[np.bool_]
    n_reported: int
    n_right: int
    originals: NDArray[np.uint8]
    planted: NDArray[np.uint8]


@dataclass(frozen=True)
class Threshold:
    """A parameter's value and the one that would flag falsely the wanted share of `n` images."""

    parameter: str
    value: float
    n: int
    n_false: int
    recall: float
    suggested: float
    recall_at_suggested: float


Outcome = tuple[list[Trial], list[Threshold]]


def among(duplicate_pairs: pd.DataFrame, rows: NDArray[np.int64]) -> pd.DataFrame:
    """The pairs of which both images are in the sample, with their numbers there."""
    numbers = pd.Series(np.arange(len(rows)), index=rows)
    ends = {name: duplicate_pairs[name].map(numbers) for name in ("item_id_a", "item_id_b")}
    inside = duplicate_pairs.assign(**ends).dropna(subset=list(ends))
    return inside.astype(dict.fromkeys(ends, np.int64))


def drawn(n: int, n_wanted: int, rng: np.random.Generator) -> NDArray[np.int64]:
    return rng.permutation(n)[:n_wanted]


def quantile_above(values: NDArray, share: float) -> float:
    """The lowest of `values` that at most `share` of them exceed."""
    return float(np.quantile(values, 1 - share, method="higher"))

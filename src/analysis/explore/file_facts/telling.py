"""How well one fact alone tells each group of images from all others."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import hypergeom

from analysis.dataset.samples import stratified_folds
from analysis.statistics.proportions import proportion_of, wilson_interval

N_FOLDS = 5
MIN_OF_VALUE = 3  # images; rarer values are one: they cannot be learnt
RARE = "(rare)"
COLUMNS = [
    "fact",
    "group",
    "n_images",
    "balanced_accuracy",
    "balanced_accuracy_low",
    "balanced_accuracy_high",
    "p_value",
    "telling_value",
    "share_in_group",
    "share_in_others",
]


def how_facts_tell(facts: pd.DataFrame, groups: pd.Series, *, seed: int) -> pd.DataFrame:
    """One row per fact of more than one value and group: see `COLUMNS`.

    Parameters
    ----------
    facts
        (N, facts) categories as text.
    groups
        (N,) the class, or the split, of each image; at least two.

    Returns
    -------
    DataFrame
        `telling_value` is the value that stands out most in the group; `share_in_group` and
        `share_in_others` of the images have it.
    """
    codes, names = pd.factorize(groups, sort=True)
    folds = stratified_folds(codes, N_FOLDS, seed=seed)
    tables = [
        _tell(facts[name], codes, folds, list(names)).assign(fact=name)
        for name in facts
        if facts[name].nunique() > 1
    ]
    table = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=COLUMNS)
    return table[COLUMNS]


def _tell(values: pd.Series, codes: np.ndarray, folds: np.ndarray, names: list[str]) -> pd.DataFrame:
    n_of_value = values.map(values.value_counts())
    value_codes, value_names = pd.factorize(values.where(n_of_value >= MIN_OF_VALUE, RARE))
    shape = len(value_names), len(names)
    counts = np.zeros((N_FOLDS, *shape))
    np.add.at(counts, (folds, value_codes, codes), 1)
    total = counts.sum(axis=0)
    n_hit, n_false = np.zeros(len(names)), np.zeros(len(names))
    for held_out in counts:
        is_taken = _more_frequent(total - held_out)
        n_hit += (held_out * is_taken).sum(axis=0)
        n_false += (held_out.sum(axis=1, keepdims=True) * is_taken - held_out * is_taken).sum(axis=0)
    n_in = total.sum(axis=0)
    n_out = len(codes) - n_in
    excess = _shares(total) - _shares(total.sum(axis=1, keepdims=True) - total)
    telling = excess.argmax(axis=0)
    of_group = np.arange(len(names))
    low, high = _interval(n_hit, n_in, n_out - n_false, n_out)
    return pd.DataFrame(
        {
            "group": names,
            "n_images": n_in.astype(int),
            "balanced_accuracy": (proportion_of(n_hit, n_in) + proportion_of(n_out - n_false, n_out)) / 2,
            "balanced_accuracy_low": low,
            "balanced_accuracy_high": high,
            "p_value": hypergeom.sf(n_hit - 1, len(codes), n_in.astype(int), (n_hit + n_false).astype(int)),
            "telling_value": np.asarray(value_names, dtype=object)[telling],
            "share_in_group": _shares(total)[telling, of_group],
            "share_in_others": _shares(total.sum(axis=1, keepdims=True) - total)[telling, of_group],
        }
    )


def _more_frequent(counts: np.ndarray) -> np.ndarray:
    """(values, groups) whether a value is more frequent in a group than among the others."""
    return _shares(counts) > _shares(counts.sum(axis=1, keepdims=True) - counts)


def _shares(counts: np.ndarray) -> np.ndarray:
    return np.nan_to_num(proportion_of(counts, counts.sum(axis=0)))


def _interval(
    n_hit: np.ndarray, n_in: np.ndarray, n_right: np.ndarray, n_out: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Of the mean of two independent shares, from their Wilson intervals (Newcombe 1998)."""
    shares = proportion_of(n_hit, n_in), proportion_of(n_right, n_out)
    ends = wilson_interval(n_hit, n_in), wilson_interval(n_right, n_out)
    mean = sum(shares) / 2
    below, above = (
        np.sqrt(sum((share - end[side]) ** 2 for share, end in zip(shares, ends, strict=True))) / 2
        for side in (0, 1)
    )
    return mean - below, mean + above

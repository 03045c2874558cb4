"""Is one kind of classes recognised better than another? Groups that the user names, compared in pairs.

Two questions that are easily taken for one. Are the images of these classes recognised better than those of
those? Then images are exchanged between the groups: Fisher's exact test, which is the permutation test with
every permutation counted. Are classes of this kind recognised better than classes of that kind? Then whole
classes are exchanged, for a kind is known by its classes, however many images each has.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from math import comb

import numpy as np
import pandas as pd
from scipy.special import gammaln

from analysis.contract import InputError, nearest
from analysis.statistics.proportions import proportion_of, wilson_interval
from analysis.statistics.rank_tests import holm

Groups = Mapping[str, Sequence[str]]
ROUNDING = 1e-9  # differences closer than this are equal
LEVEL = 0.05  # where no p-value can fall below it, the report says so


def check_groups(groups: Groups, classes: Sequence[str]) -> None:
    """Raises InputError if a group names a class that the dataset does not have, or names one twice."""
    for group, members in groups.items():
        for label in members:
            if label not in classes:
                raise InputError(
                    f"evaluate.class_groups: group '{group}' names '{label}', which is no "
                    f"class{nearest(label, list(classes))}."
                )
        if len(set(members)) < len(members):
            raise InputError(f"evaluate.class_groups: group '{group}' names a class more than once.")


def group_scores(groups: Groups, per_class: pd.DataFrame) -> pd.DataFrame:
    """One row per group: `group`, `n_classes` with images, `n_items`, `accuracy`, its 95% Wilson interval.

    `per_class` as `per_class_scores` makes it.
    """
    members = [_members(labels, per_class) for labels in groups.values()]
    n, n_correct = (np.array([each[name].sum() for each in members]) for name in ("n_items", "n_correct"))
    low, high = wilson_interval(n_correct, n)
    return pd.DataFrame(
        {
            "group": list(groups),
            "n_classes": [len(each) for each in members],
            "n_items": n,
            "accuracy": proportion_of(n_correct, n),
            "accuracy_low": low,
            "accuracy_high": high,
        }
    )


def compare_groups(
    groups: Groups, per_class: pd.DataFrame, *, n_permutations: int, seed: int
) -> pd.DataFrame:
    """Each pair of groups that share no class and have images.

    Returns
    -------
    DataFrame
        One row per pair: `group_a`, `group_b`; `difference`, accuracy of a minus that of b, with its 95%
        interval (Newcombe 1998, method 10) over images of these classes; `cohens_h` (Cohen 1988: 0.2 is
        small, 0.5 medium, 0.8 large); and the two-sided p-values of exchanging images and classes, each
        Holm-corrected for the number of pairs.
    """
    rng = np.random.default_rng(seed)
    rows = [
        {"group_a": a, "group_b": b} | _compared(first, second, n_permutations=n_permutations, rng=rng)
        for (a, first), (b, second) in combinations(
            ((name, _members(labels, per_class)) for name, labels in groups.items()), 2
        )
        if len(first) and len(second) and not set(first["label"]) & set(second["label"])
    ]
    columns = ["group_a", "group_b", "difference", "difference_low", "difference_high", "cohens_h"]
    p_values = ["p_images_holm", "p_classes_holm"]
    table = pd.DataFrame(rows, columns=[*columns, *p_values])
    return table.assign(**{name: holm(table[name]) for name in p_values})


def group_notes(groups: Groups, per_class: pd.DataFrame, compared: pd.DataFrame) -> list[str]:
    """In words, which pairs could not be compared, and which no result could have told apart."""
    members = {name: _members(labels, per_class) for name, labels in groups.items()}
    pairs = list(combinations(groups, 2))
    notes = []
    if len(compared) < len(pairs):
        notes.append(
            f"{len(pairs) - len(compared)} of {len(pairs)} pairs of groups are not compared: they share "
            "classes, or have no images."
        )
    too_few = [
        f"{row.group_a} and {row.group_b}"
        for row in compared.itertuples()
        if smallest_p_value(len(members[row.group_a]), len(members[row.group_b])) > LEVEL
    ]
    if too_few:
        notes.append(
            f"{'; '.join(too_few)}: with so few classes no difference between kinds of classes could be told "
            f"from chance (p_classes_holm is above {LEVEL} whatever is found)."
        )
    return notes


def smallest_p_value(n_first: int, n_second: int) -> float:
    """The least that exchanging so many classes can give: groups of one size may also swap all of them."""
    return (2 if n_first == n_second else 1) / comb(n_first + n_second, n_first)


def _members(labels: Sequence[str], per_class: pd.DataFrame) -> pd.DataFrame:
    return per_class[per_class["label"].isin(labels) & (per_class["n_items"] > 0)]


def _compared(
    first: pd.DataFrame, second: pd.DataFrame, *, n_permutations: int, rng: np.random.Generator
) -> dict[str, float]:
    """One pair; p-values as yet uncorrected."""
    n = np.array([first["n_items"].sum(), second["n_items"].sum()])
    n_correct = np.array([first["n_correct"].sum(), second["n_correct"].sum()])
    accuracy, (low, high) = n_correct / n, wilson_interval(n_correct, n)
    difference = accuracy[0] - accuracy[1]
    below = np.hypot(accuracy[0] - low[0], high[1] - accuracy[1])
    above = np.hypot(high[0] - accuracy[0], accuracy[1] - low[1])
    angle = 2 * np.arcsin(np.sqrt(accuracy))
    classes = pd.concat([first, second])[["n_correct", "n_items"]].to_numpy()
    return {
        "difference": difference,
        "difference_low": difference - below,
        "difference_high": difference + above,
        "cohens_h": angle[0] - angle[1],
        "p_images_holm": exchanged_images(n_correct, n),
        "p_classes_holm": exchanged_classes(classes, len(first), n_permutations=n_permutations, rng=rng),
    }


def exchanged_images(n_correct: np.ndarray, n: np.ndarray) -> float:
    """How often groups of these sizes, (2,), would differ as much in accuracy, were images dealt at random.

    Of all deals at once: the right ones in the first group follow the hypergeometric distribution.
    """
    n_right = n_correct.sum()
    possible = np.arange(max(0, n_right - n[1]), min(n[0], n_right) + 1)
    differences = np.abs(possible / n[0] - (n_right - possible) / n[1])
    is_as_large = differences >= abs(n_correct[0] / n[0] - n_correct[1] / n[1]) - ROUNDING
    seen = possible[is_as_large]
    ways = _log_ways(n[0], seen) + _log_ways(n[1], n_right - seen) - _log_ways(n.sum(), n_right)
    return float(min(1.0, np.exp(ways).sum()))


def _log_ways(n: int, k: np.ndarray | int) -> np.ndarray:
    """Logarithm of the ways to choose k of n; a hundred times faster than `scipy.stats.hypergeom`."""
    return gammaln(n + 1) - gammaln(np.asarray(k) + 1) - gammaln(n - np.asarray(k) + 1)


def exchanged_classes(
    classes: np.ndarray, n_first: int, *, n_permutations: int, rng: np.random.Generator
) -> float:
    """How often groups would differ as much in accuracy, were classes dealt at random.

    Parameters
    ----------
    classes
        (C, 2): right and all images of each class, the first group's `n_first` classes first.
    n_permutations
        Deals tried at random, unless so many or fewer are possible: then each of them once.
    """
    n_classes = len(classes)
    if comb(n_classes, n_first) <= n_permutations:
        deals = np.array(list(combinations(range(n_classes), n_first)))
    else:
        deals = rng.permuted(np.tile(np.arange(n_classes), (n_permutations, 1)), axis=1)[:, :n_first]
        deals = np.vstack([np.arange(n_first), deals])  # what was seen is one of the deals
    right, n = classes[deals].sum(axis=1).T
    other_right, other_n = classes.sum(axis=0)[:, None] - (right, n)
    differences = np.abs(right / n - other_right / other_n)
    seen = differences[0]  # the deal 0, 1, … n_first - 1 is the first in either case
    return float((differences >= seen - ROUNDING).mean())

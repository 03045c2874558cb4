"""What the accuracy would be without what Scrub doubts: copies of training images, and labels.

A test image that is also in training may be recognised because it was learnt by heart; so the accuracy is
given without such images too. A doubted label may be right or wrong; nobody knows before a person has looked,
but the accuracy lies between that with every doubtful image counted wrong and that with every one counted
right (bounds in the manner of Horowitz & Manski 1995).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.dataset.copies import path_of_copy
from analysis.statistics.bootstrap import bootstrap_means, percentile_interval
from analysis.statistics.proportions import proportion_of, wilson_interval

AS_IT_IS = "all images, labels as they are"
NO_EXACT_COPIES = "without exact copies of training images"
NO_COPIES = "without exact and near copies"
EXACT_COPIES = "exact copies alone"
NEAR_COPIES = "near copies alone"
SUSPECTS_RIGHT = "every doubted image counted right"
SUSPECTS_WRONG = "every doubted image counted wrong"
SUGGESTED_LABELS = "suggested labels taken for the truth"
OF_LABELS = (SUSPECTS_RIGHT, SUSPECTS_WRONG, SUGGESTED_LABELS)


@dataclass(frozen=True)
class Doubts:
    """What Scrub says of the judged images; (N,) each.

    Attributes
    ----------
    is_exact_copy, is_near_copy
        Of a training image; never both.
    is_suspect
        Whether the label is probably wrong.
    suggested_index
        The class suggested in its place; that of the label where it is not doubted.
    """

    is_exact_copy: np.ndarray
    is_near_copy: np.ndarray
    is_suspect: np.ndarray
    suggested_index: np.ndarray

    def any(self) -> bool:
        return bool((self.is_exact_copy | self.is_near_copy | self.is_suspect).any())


def doubts_about(
    judged: pd.DataFrame,
    training: pd.Index,
    manifest: pd.DataFrame,
    duplicate_pairs: pd.DataFrame,
    label_issues: pd.DataFrame,
) -> Doubts:
    """Which of the judged images are copies of training images, and which of their labels are doubted.

    Parameters
    ----------
    judged
        `item_id` and `class_index`.
    training
        Ids of the images learnt from. What is judged among them is not a copy of them.
    manifest
        `item_id`, `path` and `label` of all images, since a copy of a copy is one too.
    duplicate_pairs, label_issues
        As `duplicates` and `label_issues` make them. A doubt about a label that `clean` has changed since
        is settled.
    """
    ids = pd.Index(judged["item_id"])
    paths = manifest.set_index("item_id")["path"]
    has_copy, has_exact_copy = (
        ids.isin(path_of_copy(ids.difference(training), training.difference(ids), paths, pairs).index)
        for pairs in (duplicate_pairs, duplicate_pairs[duplicate_pairs["kind"] == "exact"])
    )
    issues = label_issues[label_issues["is_issue"]].set_index("item_id").reindex(ids)
    doubted, suggested = (
        manifest["label"].cat.categories.get_indexer(issues[name].astype("object"))
        for name in ("label", "suggested_label")
    )
    label = judged["class_index"].to_numpy()
    is_suspect = doubted == label
    return Doubts(
        is_exact_copy=has_exact_copy,
        is_near_copy=has_copy & ~has_exact_copy,
        is_suspect=is_suspect,
        suggested_index=np.where(is_suspect, suggested, label),
    )


def adjusted_accuracies(
    actual: np.ndarray, predicted: np.ndarray, doubts: Doubts, *, n_resamples: int, seed: int
) -> pd.DataFrame:
    """The accuracy as it is, and as it would be in each case that Scrub's doubts leave open.

    Returns
    -------
    DataFrame
        One row per case: `case`, `n_doubted`, the images that it treats otherwise, `n_items`, `accuracy` with
        its 95% Wilson interval, and `change`, that accuracy minus the one as it is, with a 95% bootstrap
        interval paired by image. NaN where no image is left; copies taken alone are not compared.
    """
    cases = _cases(actual, predicted, doubts)
    doubted, counted, right = (np.column_stack(columns) for columns in zip(*cases.values(), strict=True))
    right &= counted
    table = pd.DataFrame({"case": list(cases), "n_doubted": doubted.sum(axis=0)})
    n, n_right = counted.sum(axis=0), right.sum(axis=0)
    table["n_items"], table["accuracy"] = n, proportion_of(n_right, n)
    table["accuracy_low"], table["accuracy_high"] = wilson_interval(n_right, n)
    means = bootstrap_means(np.hstack([right, counted]).astype(float), n_resamples=n_resamples, seed=seed)
    resampled = proportion_of(*np.hsplit(means, 2))
    is_compared = table["n_items"].gt(0) & ~table["case"].isin([AS_IT_IS, EXACT_COPIES, NEAR_COPIES])
    table["change"] = (table["accuracy"] - table["accuracy"][0]).where(is_compared)
    changes = (resampled - resampled[:, :1])[:, is_compared]
    table.loc[is_compared, ["change_low", "change_high"]] = np.column_stack(percentile_interval(changes))
    return table


def _cases(
    actual: np.ndarray, predicted: np.ndarray, doubts: Doubts
) -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Of each case which images it is about, which count in it and which of them are right; (N,) each."""
    is_right, everything = predicted == actual, np.ones(len(actual), dtype=bool)
    exact, near, suspect = doubts.is_exact_copy, doubts.is_near_copy, doubts.is_suspect
    return {
        AS_IT_IS: (~everything, everything, is_right),
        NO_EXACT_COPIES: (exact, ~exact, is_right),
        NO_COPIES: (exact | near, ~(exact | near), is_right),
        EXACT_COPIES: (exact, exact, is_right),
        NEAR_COPIES: (near, near, is_right),
        SUSPECTS_WRONG: (suspect, everything, is_right & ~suspect),
        SUGGESTED_LABELS: (suspect, everything, predicted == doubts.suggested_index),
        SUSPECTS_RIGHT: (suspect, everything, is_right | suspect),
    }


def adjusted_metrics(table: pd.DataFrame) -> dict[str, float]:
    """The numbers of `adjusted_accuracies` that a person compares between runs."""
    rows = table.set_index("case")
    without = rows.loc[NO_COPIES]
    return {
        "accuracy_without_copies": without["accuracy"],
        "accuracy_change_without_copies": without["change"],
        "accuracy_change_without_copies_low": without["change_low"],
        "accuracy_change_without_copies_high": without["change_high"],
        "accuracy_if_doubted_labels_wrong": rows.loc[SUSPECTS_WRONG, "accuracy"],
        "accuracy_if_doubted_labels_right": rows.loc[SUSPECTS_RIGHT, "accuracy"],
        "n_exact_copies_of_training": rows.loc[EXACT_COPIES, "n_doubted"],
        "n_near_copies_of_training": rows.loc[NEAR_COPIES, "n_doubted"],
        "n_doubted_labels": rows.loc[SUSPECTS_WRONG, "n_doubted"],
    }

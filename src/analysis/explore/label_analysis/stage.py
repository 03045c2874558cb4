from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from analysis.contract import Artifacts, Figure
from analysis.dataset.splits import SPLITS
from analysis.explore.label_analysis.figures import plot_class_counts, plot_label_shift, plot_long_tail
from analysis.explore.label_analysis.findings import find_label_faults, kinds_of
from analysis.explore.label_analysis.notes import CAPTIONS, metrics_of, notes_on, summary_of
from analysis.explore.label_analysis.parameters import LabelAnalysisParameters
from analysis.explore.label_analysis.shift import compare_label_shares
from analysis.explore.label_analysis.spellings import tabulate_spellings
from analysis.statistics.proportions import proportion_of, wilson_interval


def label_analysis(
    manifest: pd.DataFrame,
    *,
    parameters: LabelAnalysisParameters,
    rename_labels: Mapping[str, str],
    seed: int,
) -> Artifacts:
    """Count labels, measure their balance, and compare the splits.

    An image counts if its file is there (`status` "ok") and its label is not blank; the others are counted
    beside, as `n_unavailable` and `n_unlabelled`.
    """
    counts = count_labels(manifest)
    shift = compare_label_shares(
        counts,
        significance_level=parameters.significance_level,
        min_label_shift=parameters.min_label_shift,
        n_permutations=parameters.n_permutations,
        seed=seed,
    )
    spellings = tabulate_spellings(counts.sum(axis=1))
    class_counts = tabulate_class_counts(manifest, counts, parameters)
    return Artifacts(
        summary=summary_of(counts, shift),
        metrics=metrics_of(manifest, counts, class_counts, shift),
        tables={"class_counts": class_counts, "label_shift": shift, "spellings": spellings},
        captions=CAPTIONS,
        figures=_figures(counts, shift, parameters),
        findings=find_label_faults(counts, shift, spellings, parameters),
        kinds=kinds_of(spellings, rename_labels),
        notes=notes_on(manifest, counts),
    )


def count_labels(manifest: pd.DataFrame) -> pd.DataFrame:
    """Images per class and split: (classes in the dataset's order) × (splits that hold any labelled image).

    A class without images keeps its row. Images without a file or a label are left out.
    """
    counts = _cross_tabulate(manifest[manifest["status"].eq("ok") & manifest["label"].notna()])
    return counts.loc[:, counts.any()]


def _cross_tabulate(labelled: pd.DataFrame) -> pd.DataFrame:
    labels = labelled["label"]
    classes = labels.cat.categories.astype(str)
    columns = {
        split: np.bincount(labels[labelled["split"].eq(split)].cat.codes, minlength=len(classes))
        for split in SPLITS
    }
    return pd.DataFrame(columns, index=pd.Index(classes, name="label")).rename_axis(columns="split")


def tabulate_class_counts(
    manifest: pd.DataFrame, counts: pd.DataFrame, parameters: LabelAnalysisParameters
) -> pd.DataFrame:
    """`counts` as one row per class and split, with shares, their intervals and frequency groups."""
    n_items = counts.reindex(columns=list(SPLITS), fill_value=0)
    n_unavailable = _cross_tabulate(manifest[manifest["status"].ne("ok") & manifest["label"].notna()])
    parts = []
    for split in SPLITS:
        n = n_items[split].sum()
        low, high = wilson_interval(n_items[split].to_numpy(), n)
        part = {
            "label": counts.index,
            "split": split,
            "n_items": n_items[split].to_numpy(),
            "n_unavailable": n_unavailable[split].to_numpy(),
            "proportion": proportion_of(n_items[split].to_numpy(), n),
            "proportion_low": low,
            "proportion_high": high,
            "frequency_group": frequency_groups(counts, parameters).to_numpy(),
        }
        parts.append(pd.DataFrame(part))
    table = pd.concat(parts, ignore_index=True)
    is_present = table.groupby("split")[["n_items", "n_unavailable"]].transform("sum").any(axis=1)
    return table[is_present].reset_index(drop=True)


def frequency_groups(counts: pd.DataFrame, parameters: LabelAnalysisParameters) -> pd.Series:
    """Head, medium or tail for each class by its training images; missing where there are none at all."""
    if "train" not in counts:
        return pd.Series(None, index=counts.index, dtype=object)
    n_train = counts["train"]
    groups = pd.Series("medium", index=counts.index)
    groups[n_train > parameters.head_above] = "head"
    groups[n_train < parameters.tail_below] = "tail"
    return groups


def _figures(counts: pd.DataFrame, shift: pd.DataFrame, parameters: LabelAnalysisParameters) -> list[Figure]:
    if not counts.to_numpy().sum():
        return []
    long_tail = plot_long_tail(counts, head_above=parameters.head_above, tail_below=parameters.tail_below)
    compared = [plot_label_shift(counts, shift)] if "train" in counts and len(counts.columns) > 1 else []
    return [plot_class_counts(counts), *compared, long_tail]

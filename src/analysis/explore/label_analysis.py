"""How many images has each class in each split, and do the splits agree?

Method: counts per class and split with Wilson intervals (Wilson 1927); balance as imbalance ratio, Shannon
entropy, effective number of classes (Hill number of order 1, the exponential of the entropy) and Gini
coefficient; head, medium and tail classes by their training images (Liu et al. 2019). Each pair of splits is
compared by Pearson's chi-square, by permutation where an expected count is below 5 (Cochran 1954), corrected
for the number of pairs (Holm 1979), with Cramér's V (bias-corrected, Bergsma 2013; interval by the noncentral
chi-square, Smithson 2003), Jensen-Shannon distance and total variation as sizes of the effect.

How the result misleads: a split made by stratified sampling agrees better than chance, so a p-value near 1
says how it was made, not that it is representative. Cramér's V shrinks as one split becomes small beside the
other, and total variation grows by chance as a split becomes small: compare it with
`total_variation_by_chance`, as the flag does. Counts are of labels as given; a wrong label counts for the
wrong class.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
from pydantic import Field, model_validator

from analysis.explore.label_balance import measure_balance
from analysis.explore.label_charts import plot_class_counts, plot_label_shift, plot_long_tail
from analysis.explore.label_findings import KINDS, find_label_faults
from analysis.explore.label_shift import compare_splits
from analysis.proportions import proportion_of, wilson_interval
from analysis.runner import run_stage
from analysis.stage import Artifacts, Figure, StageParameters

SPLITS = ("train", "validation", "test")

CAPTIONS = {
    "class_counts": "One row a class and split. proportion is the class's share of the split, with its 95% "
    "Wilson interval; n_unavailable are images whose file is not there, counted in nothing else; "
    "frequency_group is by training images.",
    "label_shift": "One row a pair of splits. A pair is_shifted where p_value_holm is below the significance "
    "level and total_variation (the share of images that would have to change class for the splits to agree) "
    "exceeds what chance makes of it by at least min_label_shift. cramers_v is corrected for bias; "
    "jensen_shannon_distance is to base 2; both lie in [0, 1], 0 is no difference.",
}


class LabelAnalysisParameters(StageParameters):
    """Thresholds on counts and shifts; see params.yaml."""

    head_above: int = Field(ge=1)
    tail_below: int = Field(ge=1)
    min_training_images: int = Field(ge=1)
    min_evaluation_images: int = Field(ge=1)
    max_imbalance_ratio: float = Field(ge=1)
    significance_level: float = Field(gt=0, lt=1)
    min_label_shift: float = Field(ge=0, le=1)
    n_permutations: int = Field(ge=99)

    @model_validator(mode="after")
    def tail_ends_where_head_begins(self) -> LabelAnalysisParameters:
        if self.tail_below > self.head_above + 1:
            raise ValueError(f"tail_below ({self.tail_below}) overlaps head_above ({self.head_above})")
        return self


def label_analysis(manifest: pd.DataFrame, *, parameters: LabelAnalysisParameters, seed: int) -> Artifacts:
    """Count labels, measure their balance, and compare the splits.

    An image counts if its file is there (`status` "ok") and its label is not blank; the others are counted
    beside, as `n_unavailable` and `n_unlabelled`.
    """
    counts = count_labels(manifest)
    shift = compare_splits(
        counts,
        significance_level=parameters.significance_level,
        min_label_shift=parameters.min_label_shift,
        n_permutations=parameters.n_permutations,
        seed=seed,
    )
    class_counts = tabulate_classes(manifest, counts, parameters)
    return Artifacts(
        summary=_summary(counts, shift),
        metrics=_metrics(manifest, counts, class_counts, shift),
        tables={"class_counts": class_counts, "label_shift": shift},
        captions=CAPTIONS,
        figures=_figures(counts, shift, parameters),
        findings=find_label_faults(counts, shift, parameters),
        kinds=KINDS,
        notes=_notes(manifest, counts),
    )


def count_labels(manifest: pd.DataFrame) -> pd.DataFrame:
    """Images per class and split: (classes in the dataset's order) × (splits that hold any labelled image).

    A class without images keeps its row. Images without a file or a label are left out.
    """
    counts = _cross_tabulate(manifest[manifest["status"].eq("ok") & manifest["label"].notna()])
    return counts.loc[:, counts.any()]


def _cross_tabulate(labelled: pd.DataFrame) -> pd.DataFrame:
    labels = labelled["label"].astype("category")  # Parquet forgets the type of a column of blanks
    classes = labels.cat.categories.astype(str)
    columns = {
        split: np.bincount(labels[labelled["split"].eq(split)].cat.codes, minlength=len(classes))
        for split in SPLITS
    }
    return pd.DataFrame(columns, index=pd.Index(classes, name="label")).rename_axis(columns="split")


def tabulate_classes(
    manifest: pd.DataFrame, counts: pd.DataFrame, parameters: LabelAnalysisParameters
) -> pd.DataFrame:
    """`counts` as one row a class and split, with shares, their intervals and frequency groups."""
    n_images = counts.reindex(columns=list(SPLITS), fill_value=0)
    n_unavailable = _cross_tabulate(manifest[manifest["status"].ne("ok") & manifest["label"].notna()])
    parts = []
    for split in SPLITS:
        n = n_images[split].sum()
        low, high = wilson_interval(n_images[split].to_numpy(), n)
        part = {
            "label": counts.index,
            "split": split,
            "n_images": n_images[split].to_numpy(),
            "n_unavailable": n_unavailable[split].to_numpy(),
            "proportion": proportion_of(n_images[split].to_numpy(), n),
            "proportion_low": low,
            "proportion_high": high,
            "frequency_group": frequency_groups(counts, parameters).to_numpy(),
        }
        parts.append(pd.DataFrame(part))
    table = pd.concat(parts, ignore_index=True)
    is_present = table.groupby("split")[["n_images", "n_unavailable"]].transform("sum").any(axis=1)
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


def _metrics(
    manifest: pd.DataFrame, counts: pd.DataFrame, class_counts: pd.DataFrame, shift: pd.DataFrame
) -> dict[str, float]:
    groups = class_counts.drop_duplicates("label")["frequency_group"]
    metrics: dict[str, float] = {
        "n_classes": len(counts),
        "n_images": int(counts.to_numpy().sum()),
        "n_unavailable": int(class_counts["n_unavailable"].sum()),
        "n_unlabelled": int(manifest["label"].isna().sum()),
        **{f"n_{group}_classes": int((groups == group).sum()) for group in ("head", "medium", "tail")},
    }
    for split in SPLITS:
        n_images = counts[split].to_numpy() if split in counts else np.array([], dtype=int)
        metrics[f"n_images_{split}"] = int(n_images.sum())
        metrics[f"n_absent_{split}"] = int((n_images == 0).sum())
        metrics |= {f"{name}_{split}": value for name, value in measure_balance(n_images).items()}
    pairs = shift.set_index(["split_a", "split_b"])
    for pair in combinations(SPLITS, 2):
        for name in ("p_value_holm", "cramers_v", "jensen_shannon_distance", "total_variation"):
            metrics[f"{name}_{pair[0]}_{pair[1]}"] = (
                float(pairs.loc[pair, name]) if pair in pairs.index else np.nan
            )
    return metrics


def _figures(counts: pd.DataFrame, shift: pd.DataFrame, parameters: LabelAnalysisParameters) -> list[Figure]:
    if not counts.to_numpy().sum():
        return []
    long_tail = plot_long_tail(counts, head_above=parameters.head_above, tail_below=parameters.tail_below)
    compared = [plot_label_shift(counts, shift)] if "train" in counts and len(counts.columns) > 1 else []
    return [plot_class_counts(counts), *compared, long_tail]


def _summary(counts: pd.DataFrame, shift: pd.DataFrame) -> str:
    parts = [f"{len(counts):,} classes", f"{counts.to_numpy().sum():,} labelled images"]
    if "train" in counts:
        ratio = measure_balance(counts["train"].to_numpy())["imbalance_ratio"]
        parts.append(f"imbalance ratio {ratio:.1f} in train")
    if len(shift):
        parts.append(f"label shift in {int(shift['is_shifted'].sum())} of {len(shift)} pairs of splits")
    return ", ".join(parts)


def _notes(manifest: pd.DataFrame, counts: pd.DataFrame) -> list[str]:
    notes = [
        f"The {split} split holds no labelled image whose file is there, so nothing is said of its classes."
        for split in SPLITS
        if split not in counts and manifest["split"].eq(split).any()
    ]
    if n_blank := int(manifest["label"].isna().sum()):
        notes.append(f"{n_blank:,} images have a blank label and count in no class.")
    if "train" not in counts:
        notes.append("Without training images there are no head, medium and tail classes.")
    if len(counts.columns) < 2:
        notes.append("Fewer than two splits hold labelled images, so there are none to compare.")
    return notes


if __name__ == "__main__":
    run_stage(label_analysis)

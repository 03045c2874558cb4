from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd

from analysis.dataset.splits import SPLITS
from analysis.explore.label_analysis.balance import measure_balance

CAPTIONS = {
    "class_counts": "One row per class and split. proportion is the class's share of the split, with its 95% "
    "Wilson interval; n_unavailable are images whose file is not there, counted in nothing else; "
    "frequency_group is by training images.",
    "label_shift": "One row per pair of splits. A pair is_shifted where p_value_holm is below the "
    "significance level and total_variation (the share of images that would have to change class for the "
    "splits to agree) exceeds what chance makes of it by at least min_label_shift. cramers_v is corrected "
    "for bias; jensen_shannon_distance is to base 2; both lie in [0, 1], 0 is no difference.",
    "spellings": "One row per class whose name another class bears in another spelling (case, spaces, "
    "underscores, hyphens). The option beside the finding renames each to renamed_to, the commonest "
    "spelling; leave out those that are meant to be classes of their own.",
}


def metrics_of(
    manifest: pd.DataFrame, counts: pd.DataFrame, class_counts: pd.DataFrame, shift: pd.DataFrame
) -> dict[str, float]:
    groups = class_counts.drop_duplicates("label")["frequency_group"]
    metrics: dict[str, float] = {
        "n_classes": len(counts),
        "n_items": int(counts.to_numpy().sum()),
        "n_unavailable": int(class_counts["n_unavailable"].sum()),
        "n_unlabelled": int(manifest["label"].isna().sum()),
        **{f"n_{group}_classes": int((groups == group).sum()) for group in ("head", "medium", "tail")},
    }
    for split in SPLITS:
        n_items = counts[split].to_numpy() if split in counts else np.array([], dtype=int)
        metrics[f"n_items_{split}"] = int(n_items.sum())
        metrics[f"n_absent_{split}"] = int((n_items == 0).sum())
        metrics |= {f"{name}_{split}": value for name, value in measure_balance(n_items).items()}
    pairs = shift.set_index(["split_a", "split_b"])
    for pair in combinations(SPLITS, 2):
        for name in ("p_value_holm", "cramers_v", "jensen_shannon_distance", "total_variation"):
            metrics[f"{name}_{pair[0]}_{pair[1]}"] = (
                float(pairs.loc[pair, name]) if pair in pairs.index else np.nan
            )
    return metrics


def summary_of(counts: pd.DataFrame, shift: pd.DataFrame) -> str:
    parts = [f"{len(counts):,} classes", f"{int(counts.to_numpy().sum()):,} labelled images"]
    if "train" in counts:
        ratio = measure_balance(counts["train"].to_numpy())["imbalance_ratio"]
        parts.append(f"imbalance ratio {ratio:.1f} in train")
    if len(shift):
        parts.append(f"label shift in {int(shift['is_shifted'].sum())} of {len(shift)} pairs of splits")
    return ", ".join(parts)


def notes_on(manifest: pd.DataFrame, counts: pd.DataFrame) -> list[str]:
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

"""What is taken of each table of other stages, and how they are joined, one row per class."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from analysis.dataset.splits import SPLITS

MEASURES = ("brightness", "contrast", "entropy_bits", "sharpness", "edge_density", "colourfulness")


# ---- sources ---------------------------------------------------------------------------------------------


def _counts(table: pd.DataFrame, _: pd.Series) -> pd.DataFrame:
    counts = table.pivot(index="label", columns="split", values="n_items")
    return counts.reindex(columns=list(SPLITS), fill_value=0).add_prefix("n_")


def _measures(table: pd.DataFrame, _: pd.Series) -> pd.DataFrame:
    """Means over all splits, each image weighing the same."""
    means = table[[f"{measure}_mean" for measure in MEASURES]].set_axis(list(MEASURES), axis=1)
    totals = means.fillna(0).mul(table["n_images"], axis=0).groupby(table["label"]).sum()
    n_images = table.groupby("label")["n_images"].sum()
    n_unreadable = table.groupby("label")["n_unreadable"].sum()
    unreadable = pd.DataFrame({"unreadable_fraction": n_unreadable / (n_images + n_unreadable)})
    return totals.div(n_images.where(n_images > 0), axis=0).join(unreadable)


def _quality(table: pd.DataFrame, labels: pd.Series) -> pd.DataFrame:
    is_flagged = table.filter(regex="^is_").any(axis=1).set_axis(table["item_id"])
    return is_flagged.groupby(labels.reindex(is_flagged.index)).mean().to_frame("flagged_fraction")


def _copies(table: pd.DataFrame, labels: pd.Series) -> pd.DataFrame:
    """Images that have a copy, and images that have one in another split."""
    is_leak = table["split_a"].astype(str) != table["split_b"].astype(str)
    fractions = {}
    for name, pairs in (("copied_fraction", table), ("leaked_fraction", table[is_leak])):
        has_copy = labels.index.isin(np.r_[pairs["item_id_a"], pairs["item_id_b"]])
        fractions[name] = pd.Series(has_copy, index=labels.index).groupby(labels).mean()
    return pd.DataFrame(fractions)


def _columns(**names: str) -> Callable[[pd.DataFrame, pd.Series], pd.DataFrame]:
    """Columns of a table with one row per class, under new names: new=old."""

    def select(table: pd.DataFrame, _: pd.Series) -> pd.DataFrame:
        return table.set_index("label")[list(names.values())].set_axis(list(names), axis=1)

    return select


# Stem of a declared input -> its columns, one row per class; also given the label of each image, by item_id.
# To add a source, name it here and in dvc.yaml.
SOURCES: Mapping[str, Callable[[pd.DataFrame, pd.Series], pd.DataFrame]] = {
    "class_counts": _counts,
    "class_stats": _measures,
    "quality_scores": _quality,
    "duplicate_pairs": _copies,
    "class_geometry": _columns(
        symmetry_horizontal="symmetry_horizontal", orientation_strength="orientation_strength"
    ),
    "separability": _columns(separability_recall="recall", fisher_ratio="fisher_ratio"),
    "class_purity": _columns(neighbour_purity="purity_embeddings"),
    "class_recall": _columns(linear_recall="recall", lost_to_rarity="lost_to_rarity"),
    "class_noise": _columns(estimated_label_noise="estimated_noise"),
    "per_class": _columns(recall="recall", precision="precision"),
}


def join_sources(manifest: pd.DataFrame, tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """(classes of the manifest) × (statistics); NaN where a source says nothing of a class."""
    categories = manifest["label"]
    labels = categories.astype("object").where(categories.notna()).set_axis(manifest["item_id"]).dropna()
    labels = labels.astype(str)
    classes = pd.Index(categories.cat.categories.astype(str), name="label")
    statistics = pd.DataFrame(index=classes)
    for name, table in tables.items():
        columns = SOURCES[name](table, labels).rename_axis(index="label", columns=None)
        columns.index = columns.index.astype(str)
        statistics = statistics.merge(
            columns, how="left", left_index=True, right_index=True, validate="one_to_one"
        )
    return statistics

"""What is each class like, in everything that was measured, and in what does it stand out?

Method: the tables of the other stages are joined, one row a class. A class stands out in a statistic by its
robust z-score: its distance from the median class in median absolute deviations, scaled to standard
deviations of a normal distribution (Iglewicz and Hoaglin 1993, who call a value beyond 3.5 an outlier), with
a floor where classes are all but alike.

How the result misleads: a class that stands out need not be wrong: night skies are dark. Of many classes and
statistics some stand out by chance. The scores compare classes of this dataset with each other: what is wrong
with all of them shows nowhere here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from pydantic import Field

from analysis.class_axis import MAX_CLASSES, label_class_axis, note_on_shown
from analysis.figures import DIVERGING, new_figure
from analysis.runner import run_stage
from analysis.stage import Artifacts, Figure, StageParameters

MIN_CLASSES = 5  # fewer have no usual value to stand out from
MIN_SPREAD, MIN_SPREAD_OF_FRACTION = 0.05, 0.01
MAX_SCORE_DRAWN = 5.0  # the end of the colour scale
SPLITS = ("train", "validation", "test")
MEASURES = ("brightness", "contrast", "entropy_bits", "sharpness", "edge_density", "colourfulness")
CARD_COLUMNS = ["n_train", "n_test", "flagged_fraction", "copied_fraction", "linear_recall", "recall"]

CAPTIONS = {
    "class_card": "One row a class. flagged_fraction of its images fail a check of quality, "
    "copied_fraction have a copy in the dataset; linear_recall is of the linear model of class_imbalance, "
    "by cross-validation, recall of the baseline network. stands_out_in names statistics far from the "
    "median class, in robust standard deviations. class_statistics.csv has all columns.",
}


class ClassStatisticsParameters(StageParameters):
    """When a class stands out; see params.yaml."""

    odd_beyond: float = Field(gt=0)


def class_statistics(
    manifest: pd.DataFrame, inputs: Mapping[str, Path], *, parameters: ClassStatisticsParameters
) -> Artifacts:
    """Join what the stages found out about each class.

    Parameters
    ----------
    manifest
        Its classes are the rows, in its order.
    inputs
        By stem, the files of the stages before; those named in `SOURCES` are joined.
    """
    tables = {name: read_table(inputs[name]) for name in SOURCES if name in inputs}
    statistics = join_sources(manifest, tables)
    scores = robust_scores(statistics)
    is_odd = scores.abs() > parameters.odd_beyond
    return Artifacts(
        summary=f"{len(statistics):,} classes, {statistics.shape[1]} statistics of each, "
        f"{is_odd.any(axis=1).sum():,} classes stand out",
        metrics={
            "n_classes": len(statistics),
            "n_statistics": statistics.shape[1],
            "n_classes_standing_out": int(is_odd.any(axis=1).sum()),
            "n_values_standing_out": int(is_odd.to_numpy().sum()),
            "max_robust_score": float(scores.abs().max().max()),
        },
        tables={
            "class_statistics": statistics.reset_index(),
            "class_card": make_cards(statistics, scores, parameters.odd_beyond).reset_index(),
        },
        captions=CAPTIONS,
        figures=[plot_scores(statistics, scores, parameters.odd_beyond)] if scores.any(axis=None) else [],
        notes=_notes(statistics),
    )


def read_table(path: Path) -> pd.DataFrame:
    """A label is text, be it "007" or "NA"."""
    return (
        pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path, converters={"label": str})
    )


# ---- sources ---------------------------------------------------------------------------------------------


def _counts(table: pd.DataFrame, _: pd.Series) -> pd.DataFrame:
    counts = table.pivot(index="label", columns="split", values="n_images")
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
    is_flagged = table.filter(regex="^is_").any(axis=1).set_axis(table["image_id"])
    return is_flagged.groupby(labels.reindex(is_flagged.index)).mean().to_frame("flagged_fraction")


def _copies(table: pd.DataFrame, labels: pd.Series) -> pd.DataFrame:
    """Images that have a copy, and images that have one in another split."""
    is_leak = table["split_a"].astype(str) != table["split_b"].astype(str)
    fractions = {}
    for name, pairs in (("copied_fraction", table), ("leaked_fraction", table[is_leak])):
        has_copy = labels.index.isin(np.r_[pairs["image_id_a"], pairs["image_id_b"]])
        fractions[name] = pd.Series(has_copy, index=labels.index).groupby(labels).mean()
    return pd.DataFrame(fractions)


def _columns(**names: str) -> Callable[[pd.DataFrame, pd.Series], pd.DataFrame]:
    """Columns of a table with one row a class, under new names: new=old."""

    def select(table: pd.DataFrame, _: pd.Series) -> pd.DataFrame:
        return table.set_index("label")[list(names.values())].set_axis(list(names), axis=1)

    return select


# Stem of a declared input -> its columns, one row a class; also given the label of each image, by image_id.
# To add a source, name it here and in dvc.yaml.
SOURCES: Mapping[str, Callable[[pd.DataFrame, pd.Series], pd.DataFrame]] = {
    "class_counts": _counts,
    "class_stats": _measures,
    "scores": _quality,
    "duplicates": _copies,
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
    categories = manifest["label"].astype("category")
    labels = categories.astype("object").where(categories.notna()).set_axis(manifest["image_id"]).dropna()
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


# ---- standing out ----------------------------------------------------------------------------------------


def robust_scores(statistics: pd.DataFrame) -> pd.DataFrame:
    """Distance of each class from the median class in robust standard deviations; NaN stays NaN.

    Where most classes are all but alike, the deviation counts as at least `MIN_SPREAD` of the median, and of
    fractions as `MIN_SPREAD_OF_FRACTION`, lest a class stand out by a single image. 0 where all classes are
    alike, and everywhere if there are fewer than `MIN_CLASSES`.
    """
    if len(statistics) < MIN_CLASSES:
        return statistics.astype(float) * 0.0
    from_median = statistics.astype(float) - statistics.median()
    is_fraction = statistics.columns.str.endswith("_fraction")
    smallest = np.where(is_fraction, MIN_SPREAD_OF_FRACTION, MIN_SPREAD * statistics.median().abs())
    spread = (1.4826 * from_median.abs().median()).clip(lower=pd.Series(smallest, statistics.columns))
    return from_median / spread.where(spread > 0, 1.0)


def make_cards(statistics: pd.DataFrame, scores: pd.DataFrame, odd_beyond: float) -> pd.DataFrame:
    """What a person looks at first, and the statistics each class stands out in, the furthest first."""
    cards = statistics.reindex(columns=CARD_COLUMNS).round(3)
    stands_out = []
    for _, row in scores.iterrows():
        odd = row[row.abs() > odd_beyond].sort_values(key=np.abs, ascending=False)
        stands_out.append(", ".join(f"{name} {score:+.1f}" for name, score in odd.items()))
    return cards.dropna(axis=1, how="all").assign(stands_out_in=stands_out)


def plot_scores(statistics: pd.DataFrame, scores: pd.DataFrame, odd_beyond: float) -> Figure:
    """Classes by statistics, coloured by robust z-score; of many classes those that stand out most."""
    shown = scores.abs().max(axis=1).nlargest(MAX_CLASSES).index
    shown = scores.index[scores.index.isin(shown)]
    drawing, axes = new_figure(width=9.5, height=2.2 + 0.23 * len(shown))
    draw_scores(scores.loc[shown], odd_beyond, ax=axes[0, 0])
    drawing.colorbar(axes[0, 0].images[0], ax=axes[0, 0], label="robust z-score", shrink=0.8, extend="both")
    long = pd.DataFrame({"value": statistics.loc[shown].stack(), "robust_score": scores.loc[shown].stack()})
    return Figure(
        name="class_scores",
        title="In what does each class stand out?",
        caption="Red is above the median class, blue below, white as usual; grey is not known. A dot marks "
        f"values more than {odd_beyond:g} robust standard deviations away."
        + note_on_shown(len(shown), len(scores), "those that stand out most"),
        drawing=drawing,
        table=long.rename_axis(index=["label", "statistic"]).reset_index(),
    )


def draw_scores(scores: pd.DataFrame, odd_beyond: float, *, ax: Axes) -> Axes:
    """One cell a class and statistic."""
    ax.set_facecolor("#DDDDDD")
    ax.imshow(scores, cmap=DIVERGING, vmin=-MAX_SCORE_DRAWN, vmax=MAX_SCORE_DRAWN, aspect="auto")
    rows, columns = np.nonzero(scores.abs().to_numpy() > odd_beyond)
    ax.scatter(columns, rows, s=12, color="black")
    names = [name.removesuffix("_bits").replace("_", " ") for name in scores.columns]
    ax.set_xticks(range(len(names)), names, rotation=45, ha="right", rotation_mode="anchor")
    label_class_axis(ax, scores.index)
    ax.grid(visible=False)
    return ax


def _notes(statistics: pd.DataFrame) -> list[str]:
    if statistics.empty:
        return ["No image has a label, so there is no class to describe."]
    if len(statistics) < MIN_CLASSES:
        return [f"With fewer than {MIN_CLASSES} classes there is no usual value to stand out from."]
    return []


if __name__ == "__main__":
    run_stage(class_statistics)

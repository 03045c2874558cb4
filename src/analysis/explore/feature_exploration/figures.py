"""Drawings of what sets classes apart: alike pairs in pictures, recalls, similarities, features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from analysis.contract import Figure
from analysis.drawing.class_axis import MAX_CLASSES, label_class_axis, note_on_shown, short_label, spread_over
from analysis.drawing.style import ACCENT, DIVERGING, MUTED, WARNING, new_figure
from analysis.explore.discriminant import class_means

ROW_INCHES = 0.21
PICTURES_PER_CLASS = 6
SPACES = {
    "embedding": ("embeddings", ACCENT, "o", -0.12),
    "feature": ("features made by hand", WARNING, "s", 0.12),
}


def plot_alike_pairs(
    pairs: pd.DataFrame,
    pictures: np.ndarray,
    labels: np.ndarray,
    distances: np.ndarray,
    classes: Sequence[str],
) -> Figure:
    """For each pair the images of either class that lie nearest to the other, relative to their own."""
    columns = 2 * PICTURES_PER_CLASS + 1  # one left free between the classes
    drawing, axes = new_figure(width=9, height=0.2 + 0.95 * len(pairs), rows=len(pairs), columns=columns)
    for ax in axes.flat:
        ax.set_axis_off()
    place = {label: code for code, label in enumerate(classes)}
    for row, pair in zip(axes, pairs.itertuples(), strict=True):
        for start, own, other in (
            (0, pair.label_a, pair.label_b),
            (PICTURES_PER_CLASS + 1, pair.label_b, pair.label_a),
        ):
            rows = np.flatnonzero(labels == own)
            towards_other = distances[rows, place[other]] - distances[rows, place[own]]
            shown = rows[np.argsort(towards_other, kind="stable")[:PICTURES_PER_CLASS]]
            for ax, i in zip(row[start:], shown, strict=False):
                ax.imshow(pictures[i])
            title = short_label(own, 20) + (f", AUROC {pair.auroc:.3f}" if start else "")
            row[start].set_title(title, fontsize=8, parse_math=False)
    return Figure(
        name="alike_pairs",
        title="The classes that are hardest to tell apart",
        caption="One row per pair: of each class the images that look most like the other (by embeddings). "
        "AUROC says how well all their images are told apart: 0.5 not at all, 1 perfectly. Look for images "
        "in the wrong class, and for classes that differ in name only.",
        drawing=drawing,
        table=pairs,
    )


def plot_separability(recalls: Mapping[str, pd.DataFrame], classes: Sequence[str]) -> Figure:
    """Recall of each class with its interval, in both spaces, the hardest class first."""
    order = recalls["embedding"]["recall"].sort_values(kind="stable").index
    shown = order[:MAX_CLASSES]
    drawing, axes = new_figure(width=8, height=1.5 + ROW_INCHES * len(shown) * 1.2)
    ax = axes[0, 0]
    for space, rows in recalls.items():
        name, colour, marker, offset = SPACES[space]
        rows, places = rows.loc[shown], np.arange(len(shown)) + offset
        ax.hlines(places, rows["recall_low"], rows["recall_high"], color=colour, linewidth=1.6)
        ax.scatter(rows["recall"], places, color=colour, marker=marker, s=20, zorder=3, label=name)
    ax.axvline(1 / len(classes), color=MUTED, linestyle="--", linewidth=1, label="chance")
    ax.set_xlim(-0.02, 1.02)
    ax.set_xlabel("recall of held-out images")
    label_class_axis(ax, [classes[code] for code in shown])
    drawing.legend(*ax.get_legend_handles_labels(), loc="outside upper left", ncols=3)
    table = pd.concat(recalls, names=["space"]).reset_index(level=0)
    return Figure(
        name="separability",
        title="How well each class can be told from the others",
        caption="Share of a class's images that a linear discriminant recognises, fitted to other images, "
        "with 95% intervals; hardest classes first. The dashed line is chance."
        + note_on_shown(len(shown), len(classes), "the hardest"),
        drawing=drawing,
        table=table.assign(label=[classes[code] for code in table.index]),
    )


def plot_similarity(cosines: Mapping[str, np.ndarray], classes: Sequence[str]) -> Figure:
    """One panel a space: cosine of the means of each two classes."""
    shown = spread_over(list(range(len(classes))), MAX_CLASSES)
    names = [classes[code] for code in shown]
    side = max(2.4, ROW_INCHES * len(shown))
    drawing, axes = new_figure(width=9, height=min(side, 4.0) + 1.4, columns=len(cosines))
    for ax, (space, matrix) in zip(axes.flat, cosines.items(), strict=True):
        plot_cosines(matrix[np.ix_(shown, shown)], names, ax=ax)
        ax.set_title(SPACES[space][0])
    axes[0, 1].set_yticklabels([])
    drawing.colorbar(axes[0, 0].images[0], ax=axes[0, :], label="cosine", shrink=0.8, pad=0.01)
    return Figure(
        name="similarity",
        title="How alike the classes are",
        caption="Cosine of the means of each two classes, seen from the mean of all: red they differ from "
        "the rest in the same way, blue in opposite ways."
        + note_on_shown(len(shown), len(classes), "evenly spread over the dataset's order"),
        drawing=drawing,
        table=pd.DataFrame(cosines["embedding"][np.ix_(shown, shown)], columns=names).assign(label=names),
    )


def plot_cosines(matrix: np.ndarray, names: Sequence[str], *, ax: Axes) -> Axes:
    ax.imshow(matrix, cmap=DIVERGING, vmin=-1, vmax=1)
    label_class_axis(ax, names)
    ax.set_xticks(
        range(len(names)),
        [short_label(name, 14) for name in names],
        rotation=90,
        fontsize=8,
        parse_math=False,
    )
    if len(names) <= 12:
        for (row, column), cosine in np.ndenumerate(matrix):
            if row != column and np.isfinite(cosine):
                colour = "white" if abs(cosine) > 0.6 else "black"
                ax.text(column, row, f"{cosine:z.1f}", ha="center", va="center", fontsize=6, color=colour)
    ax.grid(visible=False)
    return ax


def plot_class_features(
    features: pd.DataFrame, codes: np.ndarray, classes: Sequence[str], explained: pd.DataFrame
) -> Figure:
    """Heat map of class means in standard deviations; `features`, a column per feature, are standardised."""
    eta = explained.set_index("feature")["eta_squared"]
    varying = [name for name in features if features[name].any()]
    by_class = class_means(features.to_numpy(), codes, len(classes))
    means = pd.DataFrame(by_class, columns=list(features))[varying]
    means.insert(0, "label", classes)
    shown = means.iloc[spread_over(list(range(len(classes))), MAX_CLASSES)]
    drawing, axes = new_figure(width=9, height=2.6 + ROW_INCHES * len(shown))
    ax = axes[0, 0]
    ax.imshow(shown[varying], cmap=DIVERGING, vmin=-1.5, vmax=1.5, aspect="auto")
    label_class_axis(ax, shown["label"])
    names = [name.replace("_", " ") + (f"  {eta[name]:.2f}" if eta[name] >= 0 else "") for name in varying]
    ax.set_xticks(range(len(varying)), names, rotation=90, fontsize=7)
    ax.grid(visible=False)
    drawing.colorbar(ax.images[0], ax=ax, label="standard deviations", extend="both", pad=0.01)
    return Figure(
        name="class_features",
        title="What the classes look like, by feature",
        caption="Mean of each class, in standard deviations from the mean of all. Behind each feature: eta "
        "squared, the part of it that the class explains. Scale 0 is the finest; pattern 0 to 8 are local "
        "binary patterns from a bright spot over edges to a dark spot or plain ground, 9 is irregular."
        + note_on_shown(len(shown), len(classes), "evenly spread over the dataset's order"),
        drawing=drawing,
        table=shown,
    )

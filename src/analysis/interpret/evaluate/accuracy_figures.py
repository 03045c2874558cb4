"""Drawings that set accuracies side by side: adjusted for what Scrub doubts, and by group of classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from analysis.contract import Figure
from analysis.drawing.class_axis import label_class_axis, short_label
from analysis.drawing.style import ACCENT, MUTED, OKABE_ITO, new_figure
from analysis.interpret.evaluate.adjusted_accuracy import AS_IT_IS, OF_LABELS

PLAIN, LABELS = OKABE_ITO[7], OKABE_ITO[1]


def plot_adjusted_accuracies(table: pd.DataFrame, *, split: str) -> Figure:
    """A forest plot of what `adjusted_accuracies` makes; the accuracy as it is at the top."""
    shown = table[(table["case"] == AS_IT_IS) | ((table["n_doubted"] > 0) & (table["n_items"] > 0))]
    drawing, axes = new_figure(width=8.5, height=1.3 + 0.3 * len(shown))
    ax = axes[0, 0]
    colours = np.select([shown["case"] == AS_IT_IS, shown["case"].isin(OF_LABELS)], [PLAIN, LABELS], ACCENT)
    draw_forest(shown, colours, ax=ax)
    labels = [f"{row.case} ({row.n_items:,})" for row in shown.itertuples()]
    ax.set_yticks(range(len(shown)), labels)
    ax.tick_params(axis="y", length=0)
    ax.axvline(shown["accuracy"].iloc[0], color=MUTED, linestyle="--", linewidth=1)
    ax.set_title(f"{split} (n = {shown['n_items'].iloc[0]:,})")
    return Figure(
        name="adjusted_accuracy",
        title="What the accuracy is without what Scrub doubts",
        caption="Accuracy with its 95% Wilson interval, and in brackets the images it is of. Blue: leaving "
        "out images that are also in training, or taking them alone. Orange: where labels are doubted, the "
        "most and the least that the truth can be, and what it would be if the suggestions were right.",
        drawing=drawing,
        table=shown,
    )


def plot_class_groups(
    groups: Mapping[str, Sequence[str]], scores: pd.DataFrame, per_class: pd.DataFrame, *, split: str
) -> Figure:
    """Accuracy of each group, as `group_scores` makes it, with the recall of its classes."""
    drawing, axes = new_figure(width=8, height=1.5 + 0.45 * len(scores))
    ax = axes[0, 0]
    for place, labels in enumerate(groups.values()):
        recall = per_class.loc[per_class["label"].isin(labels), "recall"]
        ax.plot(recall, [place] * len(recall), "o", color=MUTED, markersize=7, alpha=0.5)
    draw_forest(scores, [ACCENT] * len(scores), ax=ax)
    label_class_axis(ax, [f"{short_label(row.group, 16)} ({row.n_items:,})" for row in scores.itertuples()])
    ax.set_title(f"{split}, each grey dot a class")
    return Figure(
        name="class_groups",
        title="Groups of classes compared",
        caption="Blue: accuracy over each group's images (their number in brackets) with its 95% Wilson "
        "interval. Grey: recall of each of its classes. Where the classes of one group are as far apart as "
        "the groups, the kind of class explains little, however narrow the blue intervals are.",
        drawing=drawing,
        table=scores,
    )


def draw_forest(rows: pd.DataFrame, colours: Sequence[str] | np.ndarray, *, ax: Axes) -> Axes:
    """Accuracies (`accuracy`, `accuracy_low`, `accuracy_high`) with intervals, the first at the top."""
    places = range(len(rows))
    ax.hlines(places, rows["accuracy_low"], rows["accuracy_high"], color=colours, linewidth=2, alpha=0.6)
    ax.scatter(rows["accuracy"], places, color=colours, s=28, zorder=3)
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.grid(visible=False, axis="y")
    ax.set(xlabel="Accuracy")
    return ax

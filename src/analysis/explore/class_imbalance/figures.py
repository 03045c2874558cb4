"""Drawings of recall against class frequency, and of where the errors go."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from analysis.contract import Figure
from analysis.drawing.class_axis import (
    MAX_CLASSES,
    class_positions,
    label_class_axis,
    note_on_shown,
    short_label,
)
from analysis.drawing.style import ACCENT, MUTED, SEQUENTIAL, WARNING, new_figure
from analysis.statistics.correlation import rank_correlation

ROW_INCHES = 0.21
MAX_NAMED = 12  # points that carry the name of their class


def plot_recall_by_frequency(recalls: pd.DataFrame) -> Figure:
    """Recall over training images, one point a class, joined to its recall with classes weighted alike."""
    drawing, axes = new_figure(width=9, height=4.6)
    plot_recall_points(recalls, ax=axes[0, 0])
    correlation, low, high = rank_correlation(recalls["n_train"], recalls["recall"])
    strength = (
        f"Spearman's ρ = {correlation:.2f}" if np.isfinite(correlation) else "recall does not vary with it"
    )
    interval = f" ({low:.2f} to {high:.2f})" if np.isfinite(low) else ""
    n = recalls["n_evaluated"].sum()
    axes[0, 0].set_title(
        f"Recall and frequency of {len(recalls):,} classes (n = {n:,}): {strength}{interval}"
    )
    return Figure(
        name="recall_by_frequency",
        title="Do rare classes suffer?",
        caption="A filled dot is a class's recall by the model trained on classes as frequent as they are, "
        "with its 95% interval; the hollow one with all classes weighted alike. An upward line is recall "
        "lost to rarity. The warning colour marks classes for which that is sure and matters; the vertical "
        "line is where all classes would stand if they were of one size.",
        drawing=drawing,
        table=recalls,
    )


def plot_recall_points(recalls: pd.DataFrame, *, ax: Axes) -> Axes:
    """All classes are named if they are few, otherwise those that suffer most."""
    x = recalls["n_train"].to_numpy()
    colours = np.where(recalls["suffers"], WARNING, ACCENT)
    if len(recalls) <= MAX_CLASSES:
        ax.vlines(x, recalls["recall_low"], recalls["recall_high"], colors="#C5CBD0", linewidth=3)
    ax.vlines(x, recalls["recall"], recalls["recall_weighted"], colors=colours, linewidth=1.2)
    ax.scatter(x, recalls["recall_weighted"], s=26, facecolors="white", edgecolors=colours, zorder=3)
    ax.scatter(x, recalls["recall"], s=26, c=colours, zorder=4)
    ax.axvline(x.mean(), color=MUTED, linestyle="--", linewidth=1)
    named = recalls if len(recalls) <= MAX_NAMED else recalls[recalls["suffers"]]
    for row in named.nlargest(MAX_NAMED, "lost_to_rarity").itertuples():
        ax.annotate(
            short_label(row.label, 14),
            (row.n_train, row.recall),
            xytext=(5, -3),
            textcoords="offset points",
            fontsize=8,
            parse_math=False,
        )
    if x.max() > 3 * x.min():
        ax.set_xscale("log")
        ax.xaxis.set_major_formatter(lambda n, _: f"{n:,.0f}")
        ax.xaxis.set_minor_formatter(lambda *_: "")
    ax.margins(x=0.12)
    ax.set_ylim(-0.03, 1.03)
    ax.set_xlabel("training images" + " (log)" * (ax.get_xscale() == "log"))
    ax.set_ylabel("recall, cross-validated")
    return ax


def plot_errors(recalls: pd.DataFrame) -> Figure:
    """One bar a class: recognised, lost to rarity, lost to difficulty."""
    shown = recalls.iloc[class_positions(len(recalls))]
    drawing, axes = new_figure(width=9, height=1.6 + ROW_INCHES * len(shown))
    ax = axes[0, 0]
    rows = np.arange(len(shown))
    recall, lost = shown["recall"].to_numpy(), shown["lost_to_rarity"].clip(lower=0).to_numpy()
    ax.barh(rows, recall, color=ACCENT, height=0.75, label="recognised")
    ax.barh(rows, lost, left=recall, color=WARNING, height=0.75, label="lost to rarity")
    rest = 1 - recall - lost
    ax.barh(rows, rest, left=recall + lost, color="#DDE1E4", height=0.75, label="lost to difficulty")
    label_class_axis(ax, [f"{short_label(r.label, 18)} ({r.n_train:,})" for r in shown.itertuples()])
    ax.set_xlim(0, 1)
    ax.set_xlabel("share of the class's images")
    drawing.legend(loc="outside upper right", ncols=3)
    return Figure(
        name="rarity_and_difficulty",
        title="Rarity or difficulty?",
        caption="Classes from the most to the least frequent, with their training images. Orange is what "
        "the model recognises once classes are weighted alike and misses otherwise; grey it misses in any "
        "case." + note_on_shown(len(shown), len(recalls), "the most and the least frequent"),
        drawing=drawing,
        table=shown,
    )


def plot_confusion(recalls: pd.DataFrame, confusion: pd.DataFrame) -> Figure:
    """Share of each class's images by predicted class, both from the most to the least frequent."""
    shown = recalls["label"].iloc[class_positions(len(recalls))].tolist()
    shares = confusion.div(confusion.sum(axis=1), axis=0).loc[shown, shown]
    side = 2.2 + 0.24 * len(shown)
    drawing, axes = new_figure(width=max(5.0, side + 1.2), height=max(3.6, side))
    ax = axes[0, 0]
    picture = ax.imshow(shares, cmap=SEQUENTIAL, vmin=0, aspect="auto")
    label_class_axis(ax, shown)
    names = [short_label(label, 14) for label in shown]
    ax.set_xticks(range(len(shown)), names, rotation=90, parse_math=False)
    ax.grid(visible=False)
    ax.set(xlabel="predicted class", ylabel="class")
    drawing.colorbar(picture, ax=ax, label="share of the class's images", shrink=0.8)
    return Figure(
        name="confusion_by_frequency",
        title="Where the images of rare classes go",
        caption="Classes from the most frequent (top, left) to the least. Bright columns at the left are "
        "frequent classes that swallow others; a dark lower end of the diagonal is rare classes that are "
        "missed." + note_on_shown(len(shown), len(recalls), "the most and the least frequent"),
        drawing=drawing,
        table=shares.rename_axis(index="actual").reset_index(),
    )

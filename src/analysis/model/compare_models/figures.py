"""Drawings of recipes side by side: scores over seeds, differences to the first, recall by class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.image import AxesImage

from analysis.contract import Figure
from analysis.drawing.class_axis import MAX_CLASSES, label_class_axis, note_on_shown, short_label
from analysis.drawing.style import ACCENT, DIVERGING, MUTED, new_figure

MAX_NUMBERED_RECIPES = 8  # up to so many, each cell bears its number


def plot_scores(
    trainings: pd.DataFrame, differences: pd.DataFrame, recipes: Sequence[str], *, score: str
) -> Figure:
    """Each recipe's trainings by `score`, and its difference to the first recipe."""
    drawing, axes = new_figure(width=8.5, height=1.6 + 0.36 * len(recipes), columns=2)
    draw_trainings(trainings, recipes, score, ax=axes[0, 0])
    draw_differences(differences[differences["score"] == score], recipes, ax=axes[0, 1])
    n_seeds = trainings["seed"].nunique()
    return Figure(
        name="scores",
        title="Which recipe is better, and is it more than luck",
        caption=f"Left: a dot is one training (n = {n_seeds} seeds a recipe), the bar their mean with one "
        f"standard deviation to either side. Right: the mean difference to {recipes[0]}, seed by seed, with "
        f"its 95% t interval over {n_seeds} seeds; one that reaches the line may be luck. Few seeds make "
        "wide intervals.",
        drawing=drawing,
        table=trainings,
    )


def draw_trainings(trainings: pd.DataFrame, recipes: Sequence[str], score: str, *, ax: Axes) -> Axes:
    for row, recipe in enumerate(recipes):
        values = trainings.loc[trainings["recipe"] == recipe, score]
        mean, std = values.mean(), np.nan_to_num(values.std(ddof=1))
        ax.hlines(row, mean - std, mean + std, color=ACCENT, linewidth=6, alpha=0.3)
        ax.vlines(mean, row - 0.25, row + 0.25, color=ACCENT, linewidth=2)
        ax.plot(values, np.full(len(values), row), "o", color=ACCENT, markersize=4, alpha=0.8)
    label_class_axis(ax, recipes)
    ax.set(xlabel=_in_words(score))
    ax.set_title(f"n = {trainings['seed'].nunique()} seeds a recipe")
    return ax


def draw_differences(differences: pd.DataFrame, recipes: Sequence[str], *, ax: Axes) -> Axes:
    rows = [recipes.index(recipe) for recipe in differences["recipe"]]
    ax.hlines(rows, differences["difference_low"], differences["difference_high"], color=ACCENT, linewidth=2)
    ax.plot(differences["difference"], rows, "o", color=ACCENT, markersize=5)
    ax.axvline(0, color=MUTED, linestyle="--", linewidth=1)
    label_class_axis(ax, [""] * len(recipes))
    ax.set(xlabel=f"Difference to {short_label(recipes[0], 16)}")
    return ax


def _in_words(score: str) -> str:
    split, _, measure = score.partition("_")
    return f"{'Macro-F1' if measure == 'macro_f1' else 'Accuracy'} on {split}"


def plot_class_recall(recall: pd.DataFrame, recipes: Sequence[str], *, split: str) -> Figure:
    """Difference in recall to the first recipe by class; `recall` as `recall_by_class` makes it."""
    gains = recall[list(recipes[1:])].sub(recall[recipes[0]], axis=0)
    ranked = recall.assign(spread=gains.abs().max(axis=1)).sort_values(
        "spread", ascending=False, kind="stable"
    )
    shown = ranked.head(MAX_CLASSES)
    drawing, axes = new_figure(width=3.6 + 0.8 * len(recipes), height=1.9 + 0.26 * len(shown))
    cells = draw_gains(gains.loc[shown.index], [*shown["label"]], ax=axes[0, 0])
    axes[0, 0].set_title(f"{split} (n = {recall['n_items'].sum():,})")
    drawing.colorbar(cells, ax=axes[0, 0], label=f"recall above that of {short_label(recipes[0], 16)}")
    return Figure(
        name="class_recall",
        title="Which classes a recipe helps, and which it harms",
        caption=f"Recall of each class with a recipe minus that with {recipes[0]}, means over seeds; blue is "
        "worse, red is better. Of few images a class, differences of some points are luck."
        + note_on_shown(len(shown), len(recall), "those that differ most"),
        drawing=drawing,
        table=recall,
    )


def draw_gains(gains: pd.DataFrame, labels: Sequence[str], *, ax: Axes) -> AxesImage:
    """Returns what a colour bar explains."""
    largest = max(0.01, np.nanmax(np.abs(gains.to_numpy()), initial=0))
    cells = ax.imshow(gains, cmap=DIVERGING, vmin=-largest, vmax=largest, aspect="auto")
    if len(gains.columns) <= MAX_NUMBERED_RECIPES:
        for (row, column), gain in np.ndenumerate(gains.to_numpy()):
            if np.isnan(gain):  # no image of the class
                continue
            colour = "white" if abs(gain) > 0.6 * largest else "black"
            ax.text(column, row, f"{gain:+.2f}", ha="center", va="center", fontsize=7.5, color=colour)
    label_class_axis(ax, labels)
    ax.set_xticks(range(len(gains.columns)), [short_label(name, 14) for name in gains])
    ax.tick_params(axis="x", length=0, rotation=30)
    ax.grid(visible=False)
    return cells

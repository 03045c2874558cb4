from __future__ import annotations

import pandas as pd

from analysis.contract import Figure
from analysis.drawing.class_axis import class_positions, label_class_axis, note_on_shown
from analysis.drawing.style import SEQUENTIAL, new_figure

ROW_INCHES = 0.24


def plot_telling(by_class: pd.DataFrame) -> Figure:
    """Balanced accuracy of each fact (columns) for each class (rows), the most told class first."""
    table = by_class.pivot(index="group", columns="fact", values="balanced_accuracy")
    table = table[by_class["fact"].drop_duplicates()]
    table = table.loc[table.max(axis=1).sort_values(ascending=False, kind="stable").index]
    shown = table.iloc[class_positions(len(table))]
    drawing, axes = new_figure(width=8, height=1.6 + ROW_INCHES * len(shown))
    ax = axes[0, 0]
    image = ax.imshow(shown.to_numpy(), cmap=SEQUENTIAL, vmin=0.5, vmax=1, aspect="auto")
    label_class_axis(ax, list(shown.index))
    names = [name.replace("_", " ") for name in shown.columns]
    ax.set_xticks(range(len(names)), names, rotation=35, ha="right")
    ax.grid(visible=False)
    for row, values in enumerate(shown.to_numpy()):
        for column, value in enumerate(values):
            colour = "black" if value > 0.75 else "white"  # the scale is bright at its upper end
            ax.text(column, row, f"{value:.2f}", ha="center", va="center", fontsize=7, color=colour)
    drawing.colorbar(image, ax=ax, label="Balanced accuracy")
    return Figure(
        name="telling_facts",
        title="What a file's facts tell of its class",
        caption="How well each fact alone tells a class's images from all others: 0.5 is chance, 1 gives the "
        "class away." + note_on_shown(len(shown), len(table), "the most and the least told"),
        drawing=drawing,
        table=table.reset_index(),
    )

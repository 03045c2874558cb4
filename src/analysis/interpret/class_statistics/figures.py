from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from analysis.contract import Figure
from analysis.drawing.class_axis import MAX_CLASSES, label_class_axis, note_on_shown
from analysis.drawing.style import DIVERGING, new_figure

MAX_SCORE_DRAWN = 5.0  # the end of the colour scale


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

from __future__ import annotations

import pandas as pd

from analysis.contract import Figure
from analysis.drawing.style import ACCENT, new_figure


def plot_learning_curve(curve: pd.DataFrame, *, split: str) -> Figure:
    """Accuracy over the number of training images, each twice the one before."""
    drawing, axes = new_figure(width=8, height=3.8)
    ax, n = axes[0, 0], curve["n_training_images"]
    ax.fill_between(n, curve["accuracy_low"], curve["accuracy_high"], color=ACCENT, alpha=0.15, linewidth=0)
    ax.plot(n, curve["accuracy"], "o-", color=ACCENT)
    for row in curve.itertuples():
        place = (row.n_training_images, row.accuracy)
        ax.annotate(f"{row.accuracy:.1%}", place, xytext=(0, 9), textcoords="offset points", ha="center")
    ax.set_xscale("log", base=2)
    ax.set_xticks(n, [f"{size:,}" for size in n])
    ax.margins(x=0.08, y=0.15)
    ax.set(xlabel="training images (log)", ylabel=f"accuracy on {split}")
    ax.set_title(f"Linear probe, {split} (n = {curve['n_items'].iloc[0]:,})")
    return Figure(
        name="learning_curve",
        title="Would more images help?",
        caption="Accuracy of a linear head on the embeddings, trained on an eighth, a quarter, half and all "
        "of the training images, each a part of the next; band: 95% Wilson interval. Where the line still "
        "rises at its end, more images of the same kind will probably help; where it is flat, better labels "
        "or features will.",
        drawing=drawing,
        table=curve,
    )

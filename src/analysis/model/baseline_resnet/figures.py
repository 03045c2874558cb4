"""Drawings of a training run."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes

from analysis.contract import Figure
from analysis.drawing.style import ACCENT, MUTED, SPLIT_COLOURS, new_figure
from models.training.loop import TrainingRun


def plot_training_curves(run: TrainingRun, images: Mapping[str, pd.DataFrame]) -> Figure:
    """Loss and macro-F1 by epoch, with the kept epoch marked."""
    drawing, axes = new_figure(width=8.0, height=3.4, columns=2)
    plot_losses(run.curves, ax=axes[0, 0])
    plot_validation_score(run.curves, ax=axes[0, 1])
    for ax in axes.flat:
        ax.axvline(run.best_epoch, color=MUTED, linestyle="--", linewidth=1)
        ax.xaxis.get_major_locator().set_params(integer=True)
    return Figure(
        name="training_curves",
        title="Training curves",
        caption=(
            f"Mean loss over {len(images['train']):,} training and {len(images['validation']):,} validation "
            "images, and macro-F1 on validation, by epoch; the dashed line marks the epoch whose weights "
            "were kept. Training loss far below validation loss is overfitting; both still falling at the "
            "end ask for more epochs."
        ),
        drawing=drawing,
        table=run.curves,
    )


def plot_losses(curves: pd.DataFrame, *, ax: Axes) -> Axes:
    for split in ("train", "validation"):
        if f"{split}_loss" in curves:
            ax.plot(
                curves["epoch"],
                curves[f"{split}_loss"],
                marker="o",
                markersize=3,
                color=SPLIT_COLOURS[split],
                label=split,
            )
    ax.set(title="Loss", xlabel="Epoch", ylabel="Cross-entropy (nats)", ylim=(0, None))
    ax.legend()
    return ax


def plot_validation_score(curves: pd.DataFrame, *, ax: Axes) -> Axes:
    ax.set(title="Validation score", xlabel="Epoch", ylabel="Macro-F1", ylim=(0, 1.02))
    if "validation_macro_f1" in curves:
        ax.plot(curves["epoch"], curves["validation_macro_f1"], marker="o", markersize=3, color=ACCENT)
    else:
        ax.text(0.5, 0.5, "no validation split", transform=ax.transAxes, ha="center", color=MUTED)
    return ax

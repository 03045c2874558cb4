"""Drawing of calibration: how often the classifier is right against how sure it is."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes

from analysis.contract import Figure
from analysis.drawing.style import ACCENT, MUTED, WARNING, new_figure
from analysis.interpret.evaluate.calibration import ERRORS

TITLES = dict(zip(ERRORS, ("bins of equal width", "bins of equally many images"), strict=True))


def plot_reliability(
    before: pd.DataFrame, after: pd.DataFrame | None, table: pd.DataFrame, *, temperature: float, split: str
) -> Figure:
    """`before` and `after` temperature scaling as `reliability_bins` makes them, `table` the measures."""
    drawing, axes = new_figure(width=9, height=5.6, rows=2, columns=2)
    axes[0, 0].get_gridspec().set_height_ratios([3.2, 1])
    drawn = [(before.assign(temperature=1.0), "value", ACCENT, "as it is")]
    if after is not None:
        drawn += [(after.assign(temperature=temperature), "scaled", WARNING, f"T = {temperature:.2f}")]
    values = table.set_index("measure")
    for measure, (diagram, histogram) in zip(ERRORS, axes.T, strict=True):
        for bins, column, colour, label in drawn:
            error = f"{label}: ECE {values.loc[measure, column]:.3f}"
            draw_reliability(bins[bins["measure"] == measure], ax=diagram, colour=colour, label=error)
        draw_bin_sizes(before[before["measure"] == measure], ax=histogram)
        diagram.set_title(TITLES[measure])
        diagram.legend(loc="lower right")
    start = max(0, pd.concat(bins for bins, *_ in drawn)["mean_confidence"].min() - 0.03)
    for ax in axes.flat:
        ax.set_xlim(start, 1.02)
    n_items = before["n_items"].sum() // len(ERRORS)
    mended = " Orange: with the temperature T that was fitted on validation." if after is not None else ""
    return Figure(
        name="reliability",
        title="May the confidence be read as a probability?",
        caption=f"Of {split} images alike in confidence (n = {n_items:,}), the share that was right, with "
        "95% Wilson intervals. On the dashed line confidence is that share; points below it are surer than "
        f"right. Below: the images in each bin.{mended} {_against_chance(values)}",
        drawing=drawing,
        table=pd.concat(bins for bins, *_ in drawn),
    )


def _against_chance(values: pd.DataFrame) -> str:
    found, chance, high = values.loc[ERRORS[0], ["value", "if_calibrated", "if_calibrated_high"]]
    return (
        f"An ECE is above 0 by chance: with so many images a perfectly calibrated classifier would show "
        f"{chance:.3f} on average and up to {high:.3f}; found is {found:.3f} (bins of equal width)."
    )


def draw_reliability(bins: pd.DataFrame, *, ax: Axes, colour: str, label: str) -> Axes:
    """Dots with intervals at each bin's mean confidence."""
    ax.plot([0, 1], [0, 1], color=MUTED, linestyle="--", linewidth=1)
    places = bins["mean_confidence"]
    ax.vlines(places, bins["accuracy_low"], bins["accuracy_high"], color=colour, alpha=0.45, linewidth=2)
    ax.plot(places, bins["accuracy"], "o", color=colour, markersize=5, label=label)
    ax.set(ylabel="Share that was right", ylim=(-0.02, 1.02))
    return ax


def draw_bin_sizes(bins: pd.DataFrame, *, ax: Axes) -> Axes:
    ax.vlines(bins["mean_confidence"], 0, bins["n_items"], color=ACCENT, linewidth=3)
    ax.set(xlabel="Confidence (probability of the predicted class)", ylabel="Images", ylim=(0, None))
    return ax

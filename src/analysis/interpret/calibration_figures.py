"""Drawing of calibration: how often the classifier is right against how sure it is."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes

from analysis.figures import ACCENT, MUTED, WARNING, new_figure
from analysis.interpret.calibration import ERRORS
from analysis.stage import Figure

TITLES = dict(zip(ERRORS, ("bins of equal width", "bins of equally many images"), strict=True))


def plot_reliability(
    before: pd.DataFrame, after: pd.DataFrame | None, table: pd.DataFrame, *, temperature: float, split: str
) -> Figure:
    """`before` and `after` temperature scaling as `reliability_bins` makes them, `table` the measures."""
    drawing, axes = new_figure(width=9, height=5.6, rows=2, columns=2)
    axes[0, 0].get_gridspec().set_height_ratios([3.2, 1])
    n_images = before["n_images"].sum() // len(ERRORS)
    values = table.set_index("measure")
    for measure, (diagram, histogram) in zip(ERRORS, axes.T, strict=True):
        bins = before[before["measure"] == measure]
        draw_reliability(bins, ax=diagram, colour=ACCENT, label=f"ECE {values.loc[measure, 'value']:.3f}")
        draw_bin_sizes(bins, ax=histogram)
        if after is not None:
            label = f"with T = {temperature:.2f}: ECE {values.loc[measure, 'scaled']:.3f}"
            scaled = after[after["measure"] == measure]
            draw_reliability(scaled, ax=diagram, colour=WARNING, label=label)
        diagram.set_title(f"{TITLES[measure]}, {split} (n = {n_images:,})")
        diagram.legend(loc="upper left")
    mended = " Orange: with the temperature fitted on validation." if after is not None else ""
    return Figure(
        name="reliability",
        title="May the confidence be read as a probability?",
        caption="Of images alike in confidence, the share that was right, with 95% Wilson intervals. On the "
        "dashed line confidence is that share; points below it are surer than right. Below: how many images "
        f"each bin holds. {_against_chance(values)}{mended}",
        drawing=drawing,
        table=before.assign(temperature=1.0)
        if after is None
        else pd.concat([before.assign(temperature=1.0), after.assign(temperature=temperature)]),
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
    ax.vlines(
        bins["mean_confidence"], bins["accuracy_low"], bins["accuracy_high"], color=colour, alpha=0.45, lw=2
    )
    ax.plot(
        bins["mean_confidence"], bins["accuracy"], "o-", color=colour, markersize=4, linewidth=1, label=label
    )
    start = min(bins["mean_confidence"].min(), 0.9) - 0.03
    ax.set(ylabel="Share that was right", ylim=(-0.02, 1.02))
    ax.set_xlim(min(start, ax.get_xlim()[0]) if len(ax.lines) > 2 else start, 1.01)
    return ax


def draw_bin_sizes(bins: pd.DataFrame, *, ax: Axes) -> Axes:
    ax.vlines(bins["mean_confidence"], 0, bins["n_images"], color=ACCENT, linewidth=5)
    ax.set(xlabel="Confidence (probability of the predicted class)", ylabel="Images", ylim=(0, None))
    return ax

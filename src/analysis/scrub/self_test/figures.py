"""Draws what the self-test found: recall and precision of each fault, and pictures found and missed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from analysis.contract import Figure
from analysis.drawing.pictures import show_image
from analysis.drawing.style import ACCENT, WARNING, new_figure
from analysis.scrub.self_test.trials import Trial


def plot_recall(results: pd.DataFrame) -> Figure:
    """Recall and precision with their intervals, one row per fault."""
    drawing, axes = new_figure(width=8, height=1.2 + 0.34 * len(results))
    axis = axes[0, 0]
    for measure, colour, shift in (("recall", ACCENT, -0.13), ("precision", WARNING, 0.13)):
        _plot_intervals(results, measure, colour, shift, ax=axis)
    axis.set_yticks(
        range(len(results)),
        [f"{f} (n = {n:,})" for f, n in zip(results["fault"], results["n_planted"], strict=True)],
    )
    axis.set_ylim(len(results) - 0.5, -0.5)
    axis.set_xlim(-0.02, 1.02)
    axis.set_xlabel("share, with 95% interval")
    axis.set_title("What the checks find of planted faults")
    axis.legend(loc="lower left")
    return Figure(
        name="recall",
        title="Recall and precision on planted faults",
        caption="Recall: the share of planted faults that the check found. Precision: the share of what it "
        "reported that was planted; untouched images with a fault of their own lower it.",
        drawing=drawing,
        table=results,
    )


def _plot_intervals(results: pd.DataFrame, measure: str, colour: str, shift: float, *, ax: Axes) -> Axes:
    places = np.arange(len(results)) + shift
    ax.hlines(
        places, results[f"{measure}_low"], results[f"{measure}_high"], color=colour, linewidth=2, alpha=0.5
    )
    ax.plot(results[measure], places, "o", color=colour, markersize=6, label=measure)
    return ax


def plot_examples(trials: Sequence[Trial], *, n_examples: int) -> Figure:
    """For each fault some originals beside what was planted; missed ones first, in their true proportion."""
    drawing, axes = new_figure(
        width=1.5 + 1.15 * n_examples,
        height=0.3 + 0.78 * len(trials),
        rows=len(trials),
        columns=2 * n_examples,
    )
    rows = []
    for line, trial in zip(axes, trials, strict=True):
        for axis in line:
            axis.set_axis_off()
        line[0].text(-0.2, 0.5, trial.fault, transform=line[0].transAxes, ha="right", va="center", fontsize=8)
        chosen = _chosen(trial.is_found, n_examples)
        for place, number in enumerate(chosen):
            found = bool(trial.is_found[number])
            show_image(line[2 * place], trial.originals[number])
            show_image(line[2 * place + 1], trial.planted[number])
            _frame(line[2 * place + 1], ACCENT if found else WARNING)
            rows.append({"fault": trial.fault, "number": number, "is_found": found})
    return Figure(
        name="examples",
        title="Planted faults, found and missed",
        caption="Pairs of an original and what was planted, at 32 × 32 pixels. A blue frame: found; an "
        "orange one: missed. Missed ones stand first, in their true proportion, but at least one if any.",
        drawing=drawing,
        table=pd.DataFrame(rows, columns=["fault", "number", "is_found"]),
    )


def _chosen(is_found: np.ndarray, n: int) -> list[int]:
    missed, found = np.flatnonzero(~is_found), np.flatnonzero(is_found)
    n_missed = min(len(missed), int(np.ceil(n * len(missed) / max(len(is_found), 1))))
    return [*missed[:n_missed], *found[: n - n_missed]]


def _frame(ax: Axes, colour: str) -> None:
    ax.set_axis_on()
    ax.set(xticks=[], yticks=[])
    for spine in ax.spines.values():
        spine.set(visible=True, color=colour, linewidth=2)

"""Drawings of what cleaning changes and of how far the findings are decided."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from analysis.contract import Figure
from analysis.drawing.class_axis import MAX_CLASSES, label_class_axis, note_on_shown
from analysis.drawing.style import ACCENT, MUTED, SPLIT_COLOURS, WARNING, new_figure

ROW_INCHES = 0.26
ANSWER_COLOURS = {"drop": WARNING, "relabel": "#E69F00", "keep": ACCENT, "ignore": MUTED}


def plot_class_changes(counts: pd.DataFrame, *, is_applied: bool) -> Figure:
    """`counts` holds `label`, `split`, `n_before`, `n_after` and `change`."""
    changes = counts.pivot(index="label", columns="split", values="change")
    largest = changes.abs().max(axis=1).sort_values(ascending=False, kind="stable").index[:MAX_CLASSES]
    shown = changes.loc[changes.index.isin(largest)]  # in the dataset's order
    splits = list(shown.columns)
    drawing, axes = new_figure(width=8, height=1.3 + ROW_INCHES * len(shown), columns=len(splits))
    limit = max(1, int(shown.abs().to_numpy().max()))
    for ax, split in zip(axes[0], splits, strict=True):
        n_before, n_after = counts.loc[counts["split"] == split, ["n_before", "n_after"]].sum()
        draw_changes(shown[split], ax=ax, colour=SPLIT_COLOURS[split], limit=limit)
        ax.set_title(f"{split}: {n_before:,} → {n_after:,}")
    for ax in axes[0, 1:]:
        ax.set_yticklabels([])
    tense = (
        "Readable images that cleaning takes from (left) or adds to"
        if is_applied
        else ("Readable images that would be taken from (left) or added to")
    )
    condition = "" if is_applied else ", were clean.apply true"
    return Figure(
        name="class_changes",
        title="What cleaning changes" if is_applied else "What cleaning would change",
        caption=f"{tense} each class and split{condition}; decisions and proposals together."
        + note_on_shown(len(shown), len(changes), "those that change most"),
        drawing=drawing,
        table=counts,
    )


def draw_changes(change: pd.Series, *, ax: Axes, colour: str, limit: int) -> Axes:
    """One bar a class, with its number beside it."""
    places = np.arange(len(change))
    ax.barh(places, change, color=colour, height=0.7)
    ax.axvline(0, color="#5A636B", linewidth=0.8)
    for place, n in zip(places, change, strict=True):
        if n:
            ax.annotate(
                f"{n:+,}".replace("-", "−"),
                (n, place),
                xytext=(3 if n > 0 else -3, 0),
                textcoords="offset points",
                ha="left" if n > 0 else "right",
                va="center",
                fontsize=7,
            )
    label_class_axis(ax, list(change.index))
    ax.set_xlim(-1.45 * limit, 1.45 * limit)
    ax.xaxis.set_major_locator(MaxNLocator(nbins=3, integer=True, symmetric=True))
    ax.set_xlabel("images")
    return ax


def plot_answers(answers: pd.DataFrame) -> Figure:
    """`answers` holds `kind`, `answer`, `n_decided` and `n_proposed`."""
    kinds = list(dict.fromkeys(answers["kind"]))
    drawing, axes = new_figure(width=8, height=1.5 + 0.42 * len(kinds), columns=2)
    for ax, column, title in zip(axes[0], ("n_decided", "n_proposed"), ("Decided", "Proposed"), strict=True):
        draw_answers(answers, column, kinds, ax=ax)
        ax.set_title(f"{title}: {answers[column].sum():,}")
    axes[0, 1].set_yticklabels([])
    drawing.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return Figure(
        name="answers",
        title="How far the findings are decided",
        caption="Images with a decision in decisions.csv, and with a proposal in proposed.csv for want of "
        "one, by kind of finding.",
        drawing=drawing,
        table=answers,
    )


def draw_answers(answers: pd.DataFrame, column: str, kinds: list[str], *, ax: Axes) -> Axes:
    """Stacked bars, one a kind, one segment an answer."""
    n_items = answers.pivot(index="kind", columns="answer", values=column).reindex(kinds).fillna(0)
    start = np.zeros(len(kinds))
    for answer, colour in ANSWER_COLOURS.items():
        n = n_items[answer].to_numpy() if answer in n_items else np.zeros(len(kinds))
        ax.barh(np.arange(len(kinds)), n, left=start, color=colour, height=0.65, label=answer)
        start += n
    for place, n in enumerate(start):
        ax.annotate(
            f"{n:,.0f}", (n, place), xytext=(3, 0), textcoords="offset points", va="center", fontsize=8
        )
    label_class_axis(ax, [kind.replace("_", " ") for kind in kinds])
    ax.set_xlim(0, 1.18 * max(1, start.max()))
    ax.xaxis.set_major_locator(MaxNLocator(nbins=4, integer=True))
    ax.set_xlabel("images")
    return ax

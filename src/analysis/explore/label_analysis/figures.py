"""Drawings of label counts: per class and split, against training, and along the long tail."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from analysis.contract import Figure
from analysis.drawing.class_axis import MAX_CLASSES, class_positions, label_class_axis, note_on_shown
from analysis.drawing.style import MUTED, SPLIT_COLOURS, WARNING, new_figure
from analysis.explore.label_analysis.balance import measure_balance
from analysis.explore.label_analysis.shift import compare_shares
from analysis.statistics.proportions import Z_95

ROW_INCHES = 0.21


def plot_class_counts(counts: pd.DataFrame) -> Figure:
    """Bars, one panel a split; `counts` is (classes) × (splits)."""
    ranked = counts.sort_values(counts.columns[0], ascending=False, kind="stable")
    shown = ranked.iloc[class_positions(len(ranked))]
    drawing, axes = new_figure(width=9, height=1.2 + ROW_INCHES * len(shown), columns=len(counts.columns))
    for ax, split in zip(axes.flat, shown, strict=True):
        plot_bars(shown[split], ax=ax)
        balanced = counts[split].sum() / len(counts)
        ax.axvline(balanced, color=MUTED, linestyle="--", linewidth=1, zorder=3)
        ax.set_title(f"{split} (n = {counts[split].sum():,})")
        ax.set_xlabel("images")
        if len(shown) < len(counts):
            _mark_gap(ax, len(shown), len(counts) - len(shown), is_labelled=ax is axes.flat[0])
    for ax in axes.flat[1:]:
        ax.set_yticklabels([])
    return Figure(
        name="class_counts",
        title="Images per class and split",
        caption=f"Classes in the order of their {counts.columns[0]} images. The dashed line is where every "
        "class would stand if all were of one size."
        + note_on_shown(len(shown), len(counts), "the largest and the smallest"),
        drawing=drawing,
        table=shown.reset_index(),
    )


def plot_bars(n_items: pd.Series, *, ax: Axes) -> Axes:
    """Horizontal bars with their numbers; a class without images is named in the warning colour."""
    ax.barh(range(len(n_items)), n_items, color=SPLIT_COLOURS[n_items.name], height=0.75)
    for row, n in enumerate(n_items):
        ax.annotate(
            f"{n:,}",
            (n, row),
            xytext=(3, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
            color=WARNING if n == 0 else "black",
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5},  # over the line of balance
        )
    ax.set_xlim(0, max(1, n_items.max()) * 1.22)  # room for the numbers
    ax.locator_params(axis="x", nbins=4, integer=True)
    return label_class_axis(ax, n_items.index)


def _mark_gap(ax: Axes, n_shown: int, n_hidden: int, *, is_labelled: bool) -> None:
    ax.axhline(n_shown / 2 - 0.5, color=MUTED, linewidth=1, linestyle=":")
    if is_labelled:
        ax.annotate(
            f"{n_hidden:,} classes between",
            (0.5, n_shown / 2 - 0.5),
            xycoords=("axes fraction", "data"),
            ha="center",
            va="center",
            fontsize=8,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.5},
        )


def plot_label_shift(counts: pd.DataFrame, shift: pd.DataFrame) -> Figure:
    """Each class's share of the other splits minus its share of training, with what chance would allow."""
    others = counts.columns.drop("train")
    shares = {split: compare_shares(counts, "train", split) for split in others}
    shown = _most_shifted(counts, shares)
    drawing, axes = new_figure(width=9, height=1.4 + ROW_INCHES * len(shown), columns=len(others))
    for ax, split in zip(axes.flat, others, strict=True):
        plot_differences(shares[split].loc[shown], colour=SPLIT_COLOURS[split], ax=ax)
        pair = shift[(shift["split_a"] == "train") & (shift["split_b"] == split)].iloc[0]
        ax.set_title(
            f"{split}: {pair['total_variation']:.1%} shifted "
            f"(by chance {pair['total_variation_by_chance']:.1%})\n"
            f"Cramér's V = {pair['cramers_v']:.2f}, p = {pair['p_value_holm']:.2g}",
            fontsize=9,
        )
    for ax in axes.flat[1:]:
        ax.set_yticklabels([])
    return Figure(
        name="label_shift",
        title="Shares of classes, compared with training",
        caption="A dot is a class's share of the split minus its share of training. The grey bar holds 95 of "
        "100 dots if both splits were drawn from one population; a dot outside it has the warning colour. "
        "The title gives the share of images that would have to change class for the splits to agree."
        + note_on_shown(len(shown), len(counts), "those that differ most"),
        drawing=drawing,
        table=pd.concat({split: panel.loc[shown] for split, panel in shares.items()}, names=["split"])
        .reset_index()
        .rename(columns={"share_a": "share_of_train", "share_b": "share_of_split"}),
    )


def _most_shifted(counts: pd.DataFrame, shares: dict[str, pd.DataFrame]) -> pd.Index:
    """The classes to draw: all, by training images, if they fit, otherwise those that differ most."""
    if len(counts) <= MAX_CLASSES:
        return counts["train"].sort_values(ascending=False, kind="stable").index
    residuals = pd.concat([panel["residual"] for panel in shares.values()], axis=1).max(axis=1)
    return residuals.sort_values(ascending=False, kind="stable").index[:MAX_CLASSES]


def plot_differences(panel: pd.DataFrame, *, colour: str, ax: Axes) -> Axes:
    """Dots in percentage points around zero, over the bar of sampling variation."""
    rows = np.arange(len(panel))
    margin = 100 * Z_95 * panel["standard_error"]
    ax.barh(rows, 2 * margin, left=-margin, color="#DDE1E4", height=0.7)
    ax.axvline(0, color="#5A636B", linewidth=1)
    is_outside = panel["residual"] > Z_95
    colours = np.where(is_outside, WARNING, colour)
    ax.scatter(100 * panel["difference"], rows, c=colours, s=24, zorder=3)
    ax.set_xlabel("difference to train, percentage points")
    extent = max(margin.max(), 100 * panel["difference"].abs().max(), 0.01)
    ax.set_xlim(-1.1 * extent, 1.1 * extent)
    return label_class_axis(ax, panel.index)


def plot_long_tail(counts: pd.DataFrame, *, head_above: int, tail_below: int) -> Figure:
    """Left: images by rank of class on a log axis. Right: the Lorenz curve."""
    drawing, axes = new_figure(width=9, height=3.8, columns=2)
    table = pd.concat([rank_classes(counts[split]) for split in counts], ignore_index=True)
    plot_ranks(table, ax=axes[0, 0])
    if "train" in counts:
        mark_frequency_groups(counts["train"], head_above=head_above, tail_below=tail_below, ax=axes[0, 0])
    plot_lorenz(counts, ax=axes[0, 1])
    groups = f" Tail: under {tail_below} training images; head: over {head_above}." * ("train" in counts)
    return Figure(
        name="long_tail",
        title="Balance of classes",
        caption="Left: classes from the most to the least frequent; the steeper the line, the longer the "
        f"tail. Classes without images are not drawn.{groups} Right: the share of images that the smallest "
        "classes hold together; the further below the diagonal, the less balanced (Gini coefficient 0: "
        "balanced).",
        drawing=drawing,
        table=table,
    )


def rank_classes(n_items: pd.Series) -> pd.DataFrame:
    """One row per class, most frequent first, with the cumulative share of images."""
    ranked = n_items.sort_values(ascending=False, kind="stable")
    return pd.DataFrame(
        {
            "split": n_items.name,
            "rank": np.arange(1, len(ranked) + 1),
            "label": ranked.index,
            "n_items": ranked.to_numpy(),
            "cumulative_share": (ranked.cumsum() / ranked.sum()).to_numpy(),
        }
    )


def plot_ranks(table: pd.DataFrame, *, ax: Axes) -> Axes:
    """One line a split; points too while they can be told apart."""
    for split, ranked in table.groupby("split", sort=False):
        present = ranked[ranked["n_items"] > 0]
        marker = "o" if len(ranked) <= MAX_CLASSES else ""
        ax.plot(
            present["rank"],
            present["n_items"],
            marker=marker,
            markersize=4,
            label=split,
            color=SPLIT_COLOURS[split],
        )
    ax.set_yscale("log")
    ax.set_ylim(bottom=0.8, top=table["n_items"].max() * 2)
    ax.yaxis.set_major_formatter(lambda n, _: f"{n:,.0f}" if n >= 1 else "")
    ax.yaxis.set_minor_formatter(lambda *_: "")
    ax.locator_params(axis="x", integer=True)
    ax.set_xlabel("rank of class")
    ax.set_ylabel("images (log)")
    ax.set_title(f"Images by rank of {table['label'].nunique():,} classes")
    ax.legend(loc="lower left")
    return ax


def mark_frequency_groups(n_train: pd.Series, *, head_above: int, tail_below: int, ax: Axes) -> Axes:
    """Bands of head, medium and tail, each with its number of classes by training images."""
    bottom, top = ax.get_ylim()
    n_head, n_tail = int((n_train > head_above).sum()), int((n_train < tail_below).sum())
    bands = [
        ("head", max(head_above, bottom), top, n_head, "#E6F0F7"),
        ("medium", tail_below, head_above, len(n_train) - n_head - n_tail, "white"),
        ("tail", bottom, tail_below, n_tail, "#FBEBDD"),
    ]
    for group, low, high, n_classes, colour in bands:
        low, high = max(low, bottom), min(high, top)
        if low >= high:
            continue
        ax.axhspan(low, high, color=colour, zorder=0)
        ax.annotate(
            f"{group}: {n_classes:,}",
            (0.98, high),
            xytext=(0, -3),
            textcoords="offset points",
            xycoords=("axes fraction", "data"),
            ha="right",
            va="top",
            fontsize=8,
            bbox={"facecolor": colour, "edgecolor": "none", "pad": 1.5},  # over the lines
        )
    ax.set_ylim(bottom, top)
    return ax


def plot_lorenz(counts: pd.DataFrame, *, ax: Axes) -> Axes:
    """Cumulative share of images over that of classes, smallest class first, one line a split."""
    ax.plot([0, 1], [0, 1], color=MUTED, linestyle="--", linewidth=1, label="balanced")
    for split in counts:
        ascending = np.sort(counts[split].to_numpy())
        shares = np.r_[0, ascending.cumsum() / ascending.sum()]
        label = f"{split}, Gini {measure_balance(ascending)['gini']:.2f}"
        ax.plot(np.linspace(0, 1, len(shares)), shares, label=label, color=SPLIT_COLOURS[split])
    ax.set_xlabel("cumulative share of classes, smallest first")
    ax.set_ylabel("cumulative share of images")
    ax.set_title("Lorenz curve")
    ax.legend(loc="upper left")
    return ax

"""Drawings of what corruptions do to pictures and to a classifier's accuracy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle

from analysis.contract import Figure
from analysis.drawing.class_axis import MAX_CLASSES, label_class_axis, note_on_shown, short_label
from analysis.drawing.style import DIVERGING, MUTED, OKABE_ITO, SEQUENTIAL, WARNING, new_figure
from analysis.interpret.corruption_outcomes import Outcomes, typical_image
from analysis.interpret.corruptions import CORRUPTIONS, SEVERITIES
from analysis.statistics.paired import mean_interval
from analysis.statistics.proportions import Z_95, wilson_interval

GROUPS = dict.fromkeys(corruption.group for corruption in CORRUPTIONS)
GROUP_COLOURS = dict(zip(GROUPS, OKABE_ITO, strict=False))
TITLES = [corruption.title for corruption in CORRUPTIONS]
COLOUR_OF = {corruption.title: GROUP_COLOURS[corruption.group] for corruption in CORRUPTIONS}
PANEL_COLUMNS = 5
TILE = 0.9  # of a cell's side, that an example takes
NAMED_ABOVE = 0.1  # accuracy lost at the worst severity; lines below it lie too near one another for names
NAME_HEIGHT = 0.045  # of the largest accuracy lost, that a name takes


def plot_examples(pictures: np.ndarray, outcomes: Outcomes, classes: Sequence[str]) -> Figure:
    """The typical image under all corruptions (columns) at all severities (rows), framed where it is wrong.

    `pictures` is uint8 (K, 1 + S, H, W, 3), the clean one first.
    """
    place = typical_image(outcomes)
    actual = outcomes.actual[place]
    drawing, axes = new_figure(width=11, height=5.2)
    ax = axes[0, 0]
    for column in range(len(CORRUPTIONS)):
        for severity in (0, *SEVERITIES):
            predicted = outcomes.corrupted[column, severity - 1, place] if severity else outcomes.clean[place]
            shown = pictures[column, severity]
            _draw_tile(shown, (column, severity), is_right=predicted == actual, ax=ax)
    ax.set(xlim=(-0.5, len(CORRUPTIONS) - 0.5), ylim=(len(SEVERITIES) + 0.5, -0.5), ylabel="severity")
    ax.set_xticks(range(len(CORRUPTIONS)), [title.replace(" ", "\n") for title in TITLES])
    ax.set_yticks(range(1 + len(SEVERITIES)), ["clean", *SEVERITIES])
    ax.tick_params(length=0, top=False, labeltop=True, labelbottom=False)
    ax.spines[:].set_visible(False)
    ax.grid(visible=False)
    return Figure(
        name="examples",
        title="One image under every corruption",
        caption=f"An image of '{short_label(classes[actual])}' at the network's input size, "
        f"{pictures.shape[2]} px; clean in the first row, below it the severities. An orange frame marks a "
        "wrong prediction. Of the images recognised when clean, it is the one that is mistaken as often as "
        "the median. The table has what each severity is.",
        drawing=drawing,
        table=_amounts(pictures.shape[2]),
    )


def _draw_tile(image: np.ndarray, place: tuple[int, int], *, is_right: bool, ax: Axes) -> None:
    """The image in the cell (column, row) of an axes, framed unless it is predicted right."""
    (x, y), half = place, TILE / 2
    ax.imshow(image, extent=(x - half, x + half, y + half, y - half), aspect="equal")
    if not is_right:
        frame = Rectangle((x - half, y - half), TILE, TILE, fill=False, edgecolor=WARNING, linewidth=2.5)
        ax.add_patch(frame)


def _amounts(side_px: int) -> pd.DataFrame:
    """One row per corruption: what its amount is, and that of each severity."""
    rows = []
    for corruption in CORRUPTIONS:
        amounts = {f"severity_{s}": corruption.amount_at(s, side_px) for s in SEVERITIES}
        rows.append({"corruption": corruption.title, "amount": corruption.amount, **amounts})
    return pd.DataFrame(rows)


def plot_accuracy_by_severity(conditions: pd.DataFrame, outcomes: Outcomes, *, n_classes: int) -> Figure:
    """A panel a corruption, and one for the mean of all; severity 0 is clean."""
    n = len(outcomes.actual)
    clean = outcomes.is_right_clean
    clean_row = [clean.mean(), *wilson_interval(clean.sum(), n)]
    by_severity = outcomes.is_right.mean(axis=0)  # (S, n): each image's share over the corruptions
    rows = -(-(len(CORRUPTIONS) + 1) // PANEL_COLUMNS)
    drawing, axes = new_figure(width=10, height=1.9 * rows + 0.5, rows=rows, columns=PANEL_COLUMNS)
    columns = ["accuracy", "accuracy_low", "accuracy_high"]
    curves = {
        title: conditions.loc[conditions["corruption"] == title, columns].to_numpy() for title in TITLES
    }
    curves["mean of all"] = np.column_stack(mean_interval(by_severity))
    for i, (ax, (title, curve)) in enumerate(zip(axes.flat, curves.items(), strict=False)):
        _draw_curve(np.vstack([clean_row, curve]), COLOUR_OF.get(title, "black"), ax=ax)
        ax.axhline(1 / n_classes, color=MUTED, linestyle=":", linewidth=1)
        ax.set_title(title, fontsize=9)
        if i % PANEL_COLUMNS:
            ax.set_yticklabels([])
    drawing.supxlabel("severity (0: clean)", fontsize=10)
    drawing.supylabel("accuracy", fontsize=10)
    return Figure(
        name="accuracy_by_severity",
        title="How accuracy falls with severity",
        caption=f"Accuracy on the same {n:,} images at every severity, with 95% intervals; dashed: clean "
        "accuracy, dotted: chance. Colours are kinds of corruption.",
        drawing=drawing,
        table=conditions,
    )


def _draw_curve(curve: np.ndarray, colour: str, *, ax: Axes) -> Axes:
    """`curve` (1 + S, 3): accuracy and the ends of its interval, clean first."""
    severities = range(len(curve))
    ax.fill_between(severities, curve[:, 1], curve[:, 2], color=colour, alpha=0.25, linewidth=0)
    ax.plot(severities, curve[:, 0], color=colour, marker="o", markersize=3, linewidth=1.6)
    ax.axhline(curve[0, 0], color=MUTED, linestyle="--", linewidth=1)
    ax.set(ylim=(0, 1.02), xticks=list(severities))
    return ax


def plot_conditions(conditions: pd.DataFrame, clean_accuracy: float, *, n: int) -> Figure:
    """Heat maps of corruptions by severity: accuracy, and share of changed predictions; the worst first."""
    tables = {
        name: conditions.pivot(index="corruption", columns="severity", values=name)
        for name in ("accuracy", "flip_rate")
    }
    order = tables["accuracy"].mean(axis=1).sort_values(kind="stable").index
    drawing, axes = new_figure(width=9, height=1.2 + 0.3 * len(order), columns=2)
    titles = (f"accuracy (clean {clean_accuracy:.0%})", "predictions changed")
    for ax, (name, table), title in zip(axes[0], tables.items(), titles, strict=True):
        cells = draw_shares(table.loc[order].to_numpy(), ax=ax, cmap=SEQUENTIAL, limits=(0, 1))
        ax.set_xticks(range(len(SEVERITIES)), SEVERITIES)
        ax.set(xlabel="severity")
        ax.set_title(title)
        label_class_axis(ax, order if name == "accuracy" else [""] * len(order))
    drawing.colorbar(cells, ax=axes[0].tolist(), shrink=0.7, label="share of images")
    return Figure(
        name="conditions",
        title="What each corruption costs at each severity",
        caption=f"In percent of the same {n:,} images: left, those recognised; right, those whose predicted "
        "class is another one than on the clean image. The corruption that costs most comes first.",
        drawing=drawing,
        table=conditions[["corruption", "severity", "accuracy", "flip_rate"]],
    )


def draw_shares(shares: np.ndarray, *, ax: Axes, cmap: str, limits: tuple[float, float]) -> AxesImage:
    """A heat map with its numbers in percent; a blank cell where there is none."""
    cells = ax.imshow(shares, cmap=cmap, vmin=limits[0], vmax=limits[1], aspect="auto")
    for (row, column), share in np.ndenumerate(shares):
        if np.isfinite(share):
            red, green, blue, _ = cells.cmap(cells.norm(share))
            colour = "black" if 0.3 * red + 0.59 * green + 0.11 * blue > 0.5 else "white"
            # adding 0 turns -0 into 0
            ax.text(
                column,
                row,
                f"{np.round(100 * share) + 0:.0f}",
                ha="center",
                va="center",
                fontsize=7,
                color=colour,
            )
    ax.grid(visible=False)
    ax.tick_params(length=0)
    return cells


def plot_drop_against_similarity(excess: pd.DataFrame, *, n: int) -> Figure:
    """Drop against PSNR and SSIM, and by how much each corruption costs more than others of its SSIM."""
    drawing, axes = new_figure(width=11, height=4.4, columns=3)
    for ax, column, label in zip(axes[0], ("psnr_db", "ssim"), ("PSNR (dB)", "SSIM"), strict=False):
        for title, rows in excess.groupby("corruption", sort=False):
            ax.plot(rows[column], rows["drop"], "-o", color=COLOUR_OF[title], markersize=3.5, linewidth=1)
        _name_lines(excess[excess["severity"] == SEVERITIES[-1]], column, ax=ax)
        ax.margins(x=0.2)  # room for the names
        ax.set(xlabel=f"{label}, mean over images: more alike →")
    trend = excess.sort_values("ssim", kind="stable")
    axes[0, 1].plot(trend["ssim"], trend["expected_drop"], color="black", linestyle="--", linewidth=1.2)
    axes[0, 0].set_ylabel("accuracy lost")
    surplus = (excess["drop"] - excess["expected_drop"]).groupby(excess["corruption"]).mean()
    draw_surplus(surplus.sort_values(ascending=False, kind="stable"), ax=axes[0, 2])
    for group, colour in GROUP_COLOURS.items():
        axes[0, 0].plot([], [], "o", color=colour, label=group)
    drawing.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper left", ncols=len(GROUPS))
    return Figure(
        name="drop_against_similarity",
        title="Which corruption hurts more than its size suggests",
        caption=f"Each line is a corruption, its points the five severities (n = {n:,} images). The dashed "
        "line is what a change of that SSIM costs whatever its kind (isotonic regression). Right: mean "
        "distance from it. Above zero are corruptions the classifier has not learnt to see through. SSIM "
        "takes every moved pixel for a changed one, so that shift and rotation below it say little.",
        drawing=drawing,
        table=excess[["corruption", "severity", "psnr_db", "ssim", "drop", "expected_drop"]],
    )


def _name_lines(ends: pd.DataFrame, column: str, *, ax: Axes) -> None:
    """Names left of the lines' last points, from the highest, each far enough below the one before."""
    gap = NAME_HEIGHT * ends["drop"].max()
    height = np.inf
    for row in ends[ends["drop"] > NAMED_ABOVE].sort_values("drop", ascending=False).to_dict("records"):
        height = min(row["drop"], height - gap)
        ax.annotate(
            row["corruption"],
            (row[column], height),
            xytext=(-5, 0),
            textcoords="offset points",
            ha="right",
            va="center",
            fontsize=7,
            color=COLOUR_OF[row["corruption"]],
        )


def draw_surplus(surplus: pd.Series, *, ax: Axes) -> Axes:
    rows = range(len(surplus))
    ax.barh(rows, surplus, color=[COLOUR_OF[title] for title in surplus.index], height=0.7)
    ax.axvline(0, color="black", linewidth=1)
    label_class_axis(ax, surplus.index)
    ax.set(xlabel="accuracy lost beyond what SSIM suggests")
    return ax


def plot_class_fragility(drops: pd.DataFrame, fragility: pd.DataFrame, corruptions: pd.DataFrame) -> Figure:
    """Heat map of accuracy lost by class and corruption, either the worst first."""
    columns = corruptions.sort_values("corruption_error", ascending=False, kind="stable")["corruption"]
    present = fragility[fragility["n_images"] > 0]
    shown = present.head(MAX_CLASSES)
    cells = drops.loc[shown["label"], columns].to_numpy()
    cells = np.column_stack([shown["drop"], cells])
    drawing, axes = new_figure(width=10, height=2.2 + 0.28 * len(shown))
    ax = axes[0, 0]
    limit = max(0.05, np.abs(cells).max())
    drawn = draw_shares(cells, ax=ax, cmap=DIVERGING, limits=(-limit, limit))
    ax.axvline(0.5, color="white", linewidth=3)
    ax.set_xticks(range(cells.shape[1]), ["mean of all", *columns], rotation=40, ha="right")
    label_class_axis(ax, [f"{short_label(row.label)} ({row.n_images:,})" for row in shown.itertuples()])
    drawing.colorbar(drawn, ax=ax, shrink=0.7, label="accuracy lost")
    part = note_on_shown(len(shown), len(present), "the most fragile")
    n_usual = present["n_images"].median()
    return Figure(
        name="class_fragility",
        title="Which classes break first, and under what",
        caption="Accuracy lost, in points, mean over the five severities; the number of images in brackets. "
        f"With {n_usual:.0f} of them a cell is known to within {100 * Z_95 * 0.5 / np.sqrt(n_usual):.0f} "
        "points or less. Blue is a gain. A class may also lose little because whatever the classifier cannot "
        "read is taken for it: see mistakes_fraction in the table of classes." + part,
        drawing=drawing,
        table=drops.reset_index().merge(fragility[["label", "n_images"]], on="label", validate="1:1"),
    )

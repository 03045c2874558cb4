"""Drawings of hard images: which classes hold them, how training went with them, and the pictures."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure as Drawing
from matplotlib.figure import SubFigure
from matplotlib.ticker import PercentFormatter

from analysis.contract import Figure
from analysis.dataset.small_pictures import small_picture
from analysis.drawing.class_axis import MAX_CLASSES, label_class_axis, note_on_shown, short_label
from analysis.drawing.pictures import plot_image_grid, show_image
from analysis.drawing.style import ACCENT, MUTED, OKABE_ITO, SEQUENTIAL, WARNING, new_figure
from analysis.statistics.proportions import proportion_of

PICTURE_PX = 160  # of a picture's longer side; twice what it takes in print
COLUMNS = 8
MANY_POINTS = 5000  # of a scatter plot; with more, points are drawn smaller and fainter
OUTCOMES = {  # column of the classes' table -> name, colour
    "n_always_kept": ("learnt for good", OKABE_ITO[4]),
    "n_forgotten": ("forgotten at least once", OKABE_ITO[1]),
    "n_never_learnt": ("never learnt", OKABE_ITO[5]),
}


def plot_class_hardness(by_class: pd.DataFrame, fraction: float) -> Figure:
    """Share of hard images by class, and how training went; `by_class` is of `tabulate_class_hardness`."""
    shown = by_class.head(MAX_CLASSES)
    drawing, axes = new_figure(width=8.5, height=1.7 + 0.24 * len(shown), columns=2)
    draw_hard_share(shown, fraction, ax=axes[0, 0])
    draw_outcomes(shown, ax=axes[0, 1])
    return Figure(
        name="class_hardness",
        title="Which classes hold the hard images",
        caption=f"Left: share of each class's images (their number in brackets) among the hardest "
        f"{fraction:.0%} of their split, with its 95% Wilson interval; on the dashed line lies a class as "
        "hard as all. Right: of the images trained on, those that were learnt and stayed so, those that were "
        "right in one epoch and wrong in the next, and those that were wrong in every epoch."
        + note_on_shown(len(shown), len(by_class), "the hardest"),
        drawing=drawing,
        table=by_class,
    )


def draw_hard_share(shown: pd.DataFrame, fraction: float, *, ax: Axes) -> Axes:
    rows = range(len(shown))
    ax.hlines(rows, shown["hard_low"], shown["hard_high"], color=ACCENT, linewidth=2, alpha=0.5)
    ax.plot(shown["hard_fraction"], rows, "o", color=ACCENT, markersize=5)
    ax.axvline(fraction, color=MUTED, linestyle="--", linewidth=1)
    label_class_axis(ax, [f"{short_label(row.label, 18)} ({row.n_items:,})" for row in shown.itertuples()])
    ax.set(xlabel="Share of its images that are hard", xlim=(0, None))
    ax.xaxis.set_major_formatter(PercentFormatter(1))
    ax.set_title(f"n = {shown['n_items'].sum():,}")
    return ax


def draw_outcomes(shown: pd.DataFrame, *, ax: Axes) -> Axes:
    start = np.zeros(len(shown))
    for column, (name, colour) in OUTCOMES.items():
        share = np.nan_to_num(proportion_of(shown[column], shown["n_trained_on"]))
        ax.barh(range(len(shown)), share, left=start, color=colour, label=name, height=0.75)
        start += share
    label_class_axis(ax, [""] * len(shown))
    ax.set(xlabel="Share of the images trained on", xlim=(0, 1))
    ax.xaxis.set_major_formatter("{x:.0%}")
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, borderaxespad=0.2)
    return ax


def plot_dataset_map(trained_on: pd.DataFrame) -> Figure:
    """Each image trained on by mean and spread of its label's probability over the epochs."""
    drawing, axes = new_figure(width=7.2, height=4.4)
    points = draw_dataset_map(trained_on, ax=axes[0, 0])
    drawing.colorbar(points, ax=axes[0, 0], label="share of epochs in which it was right", format="{x:.0%}")
    n_doubted = int(trained_on["is_suspected"].sum())
    return Figure(
        name="dataset_map",
        title="Which images were easy, ambiguous and hard to learn",
        caption=f"The dataset map of Swayamdipta et al. (2020): one dot each of {len(trained_on):,} images "
        "trained on, by mean and standard deviation of its label's probability over the epochs. Top left: "
        "easy from the start. Right: ambiguous, now right and now wrong; these teach most. Bottom left: "
        f"never learnt, and where wrong labels gather; crosses mark the {n_doubted:,} labels that "
        "label_issues lists. With few epochs, the early ones, in which all images are new, weigh much.",
        drawing=drawing,
        table=trained_on[
            ["item_id", "label", "mean_probability", "std_probability", "learnt_fraction", "is_suspected"]
        ],
    )


def draw_dataset_map(trained_on: pd.DataFrame, *, ax: Axes) -> PathCollection:
    """Returns what a colour bar explains."""
    is_many = len(trained_on) >= MANY_POINTS
    points = ax.scatter(
        trained_on["std_probability"],
        trained_on["mean_probability"],
        c=trained_on["learnt_fraction"],
        cmap=SEQUENTIAL,
        vmin=0,
        vmax=1,
        s=3 if is_many else 12,
        linewidths=0,
    )
    doubted = trained_on[trained_on["is_suspected"]]
    ax.scatter(doubted["std_probability"], doubted["mean_probability"], c=WARNING, marker="X", s=34)
    ax.set(xlabel="Variability: standard deviation over epochs", xlim=(-0.01, 0.51))
    ax.set(ylabel="Confidence: mean probability of the label", ylim=(-0.02, 1.02))
    ax.set_title(f"n = {len(trained_on):,} images trained on")
    return points


def plot_hardest_by_loss(others: pd.DataFrame, n: int) -> Figure:
    """The pictures with the highest loss among those not trained on."""
    shown = others.sort_values("loss", ascending=False, kind="stable").head(n)
    captions = [f"{_taken(row)}\n{row.split}, {row.loss:.1f} nats" for row in shown.itertuples()]
    return Figure(
        name="hardest_by_loss",
        title="Hardest by loss",
        caption=f"The {len(shown)} of {len(others):,} images not trained on whose label the classifier gave "
        "the least probability, as label → predicted class.",
        drawing=plot_image_grid(_pictures(shown), captions, columns=COLUMNS),
        table=shown[["item_id", "path", "split", "label", "predicted_label", "loss"]],
    )


def plot_hardest_by_margin(trained_on: pd.DataFrame, n: int) -> Figure:
    """The pictures with the smallest area under the margin."""
    shown = trained_on.sort_values("area_under_margin", kind="stable").head(n)
    captions = [
        f"{_taken(row)}\n{row.area_under_margin:+.1f}, "
        + ("never learnt" if row.is_never_learnt else f"forgotten {row.n_forgetting_events}×")
        for row in shown.itertuples()
    ]
    return Figure(
        name="hardest_by_margin",
        title="Hardest in training",
        caption=f"The {len(shown)} of {len(trained_on):,} images trained on with the smallest area under the "
        "margin, as label → predicted class after training, with that area in logits and how often the image "
        "was forgotten. Wrong labels gather here, and so do rare views.",
        drawing=plot_image_grid(_pictures(shown), captions, columns=COLUMNS),
        table=shown[
            ["item_id", "path", "label", "predicted_label", "area_under_margin", "n_forgetting_events"]
        ],
    )


def plot_pair_images(images: pd.DataFrame, pairs: pd.DataFrame, *, split: str) -> Figure:
    """One row per confused pair: the images nearest to the boundary between its classes."""
    drawing = Drawing(figsize=(COLUMNS * 1.1, len(pairs) * 1.6))
    strips = np.atleast_1d(drawing.subfigures(len(pairs), 1))
    shown = []
    for place, (pair, strip) in enumerate(zip(pairs.itertuples(), strips, strict=True)):
        members = images[images["pair"] == place]
        near = members.loc[members["pair_log_odds"].abs().sort_values(kind="stable").index[:COLUMNS]]
        names = [short_label(label, 20) for label in (pair.first_label, pair.second_label)]
        draw_pair(near, f"{names[0]} and {names[1]} (confusion {pair.confusion:.1%})", strip=strip)
        shown.append(near.assign(pair=f"{pair.first_label} – {pair.second_label}"))
    columns = ["pair", "item_id", "path", "label", "predicted_label", "pair_log_odds"]
    return Figure(
        name="pair_boundaries",
        title="Where the classifier cannot decide between two classes",
        caption=f"One row per pair of classes, the most confused first: the {split} images of the two that "
        "lie nearest to the boundary between them, with their label and the probability that it gets of what "
        "the classifier gives to these two classes. Above the row, the mean probability that an image of one "
        "is given of being the other.",
        drawing=drawing,
        table=pd.concat(shown)[columns],
    )


def draw_pair(near: pd.DataFrame, title: str, *, strip: SubFigure) -> None:
    """The pictures side by side, each with its label and the label's probability of the two classes."""
    strip.suptitle(title, x=0.01, ha="left", fontsize=9, fontweight="bold", parse_math=False)
    axes = strip.subplots(1, COLUMNS)
    for ax in axes:
        ax.set_axis_off()
    for ax, row, picture in zip(axes, near.itertuples(), _pictures(near), strict=False):
        probability = 1 / (1 + np.exp(-row.pair_log_odds))
        show_image(ax, picture, f"{short_label(row.label, 14)}\n{probability:.0%}")


def _pictures(rows: pd.DataFrame) -> list[np.ndarray]:
    return [
        small_picture(row.path, PICTURE_PX, value_range=row.value_range, allow_truncated=row.is_truncated)
        for row in rows.itertuples()
    ]


def _taken(row: Any) -> str:
    """What it is, and what it was taken for if that is something else."""
    if row.label == row.predicted_label:
        return short_label(row.label, 20)
    return f"{short_label(row.label, 9)} → {short_label(row.predicted_label, 9)}"

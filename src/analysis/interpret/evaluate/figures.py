"""Drawings of a classifier's predictions: confusion, recall by class, and the mistakes themselves."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.image import AxesImage

from analysis.contract import Figure
from analysis.drawing.class_axis import MAX_CLASSES, label_class_axis, note_on_shown, short_label
from analysis.drawing.pictures import plot_image_grid, show_image
from analysis.drawing.style import ACCENT, MUTED, SEQUENTIAL, new_figure
from analysis.interpret.kept_pictures import pictures_of
from analysis.interpret.predict.parameters import PICTURES_PER_PAIR
from analysis.statistics.proportions import proportion_of

MAX_COUNTED_CLASSES = 20  # up to so many, each cell bears its number
COUNTED_INCHES, BARE_INCHES = 0.36, 0.24  # side of a cell with and without its number
MISTAKE_COLUMNS = 8


def plot_confusion_matrix(counts: np.ndarray, classes: Sequence[str], *, split: str) -> Figure:
    """Shares of each class's images by predicted class; `counts` is (C, C), actual by predicted."""
    pooled, labels = pool_classes(counts, classes)
    side = max(4.5, 2 + len(labels) * (COUNTED_INCHES if _is_counted(labels) else BARE_INCHES))
    drawing, axes = new_figure(width=side + 1.2, height=side)
    cells = draw_confusion(pooled, labels, ax=axes[0, 0])
    axes[0, 0].set_title(f"{split} (n = {counts.sum():,})")
    drawing.colorbar(cells, ax=axes[0, 0], shrink=0.7, label="share of the actual class (row)")
    part = (
        f" The {len(labels) - 1} classes with most mistakes are shown; the other "
        f"{len(classes) - len(labels) + 1} are one row and column."
    )
    return Figure(
        name="confusion_matrix",
        title="What is taken for what",
        caption="A row is a class's images, a column what they were predicted to be, a colour the share of "
        "the row; the scale is stretched at its low end so that rare confusions show. Off the diagonal are "
        "mistakes." + (part if len(labels) < len(classes) else ""),
        drawing=drawing,
        table=confusion_pairs(counts, classes),
    )


def pool_classes(counts: np.ndarray, classes: Sequence[str]) -> tuple[np.ndarray, list[str]]:
    """The classes with most mistakes, in their order, and the rest as one; all of them if they fit."""
    if len(classes) <= MAX_CLASSES:
        return counts, list(classes)
    n_mistakes = counts.sum(axis=0) + counts.sum(axis=1) - 2 * np.diag(counts)
    shown = np.sort(np.argsort(-n_mistakes, kind="stable")[: MAX_CLASSES - 1])
    group = np.full(len(classes), len(shown))
    group[shown] = np.arange(len(shown))
    pooled = np.zeros((len(shown) + 1,) * 2, dtype=counts.dtype)
    np.add.at(pooled, (group[:, None], group[None, :]), counts)
    return pooled, [*(classes[i] for i in shown), f"{len(classes) - len(shown)} others"]


def confusion_pairs(counts: np.ndarray, classes: Sequence[str]) -> pd.DataFrame:
    """The matrix in long form, without its empty cells, most images first."""
    actual, predicted = np.nonzero(counts)
    names = np.array(classes, dtype=object)
    n_items = counts[actual, predicted]
    pairs = pd.DataFrame(
        {
            "actual": names[actual],
            "predicted": names[predicted],
            "n_items": n_items,
            "class_fraction": n_items / counts.sum(axis=1)[actual],
        }
    )
    return pairs.sort_values("n_items", ascending=False, kind="stable", ignore_index=True)


def draw_confusion(counts: np.ndarray, labels: Sequence[str], *, ax: Axes) -> AxesImage:
    """Colour by share of the row, with the counts if there is room. Returns what a colour bar explains."""
    shares = proportion_of(counts, counts.sum(axis=1, keepdims=True))
    cells = ax.imshow(shares, cmap=SEQUENTIAL, norm=PowerNorm(0.5, vmin=0, vmax=1), aspect="equal")
    if _is_counted(labels):
        for row, column in zip(*np.nonzero(counts), strict=True):
            colour = "black" if shares[row, column] > 0.3 else "white"
            ax.text(
                column, row, f"{counts[row, column]:,}", ha="center", va="center", fontsize=7, color=colour
            )
    label_class_axis(ax, labels)
    ax.set_xticks(range(len(labels)), [short_label(label) for label in labels], parse_math=False)
    ax.tick_params(axis="x", length=0, rotation=90 if max(map(len, labels)) > 2 else 0)
    ax.grid(visible=False)
    ax.set(xlabel="Predicted class", ylabel="Actual class")
    return cells


def _is_counted(labels: Sequence[str]) -> bool:
    """Whether cells are large enough, and few enough, for their numbers to be read."""
    return len(labels) <= MAX_COUNTED_CLASSES


def plot_class_recall(per_class: pd.DataFrame, *, split: str) -> Figure:
    """Recall by class with its interval, the worst first; `per_class` as `per_class_scores` makes it."""
    ranked = per_class.sort_values("recall", kind="stable")  # classes without images come last
    shown = ranked.head(MAX_CLASSES)
    drawing, axes = new_figure(width=8, height=1.3 + 0.24 * len(shown))
    draw_recall(shown, ax=axes[0, 0])
    axes[0, 0].axvline(per_class["recall"].mean(), color=MUTED, linestyle="--", linewidth=1)
    axes[0, 0].set_title(f"{split} (n = {per_class['n_items'].sum():,})")
    part = note_on_shown(len(shown), len(ranked), "those recognised worst")
    return Figure(
        name="class_recall",
        title="Which classes are recognised, and which are not",
        caption="Share of each class's images that were recognised, with its 95% Wilson interval and the "
        "number of images; the dashed line is the mean over classes. A class whose interval reaches the line "
        "may differ from it by chance alone." + part,
        drawing=drawing,
        table=shown,
    )


def draw_recall(scores: pd.DataFrame, *, ax: Axes) -> Axes:
    rows = range(len(scores))
    ax.hlines(rows, scores["recall_low"], scores["recall_high"], color=ACCENT, linewidth=2, alpha=0.5)
    ax.plot(scores["recall"], rows, "o", color=ACCENT, markersize=5)
    label_class_axis(ax, [f"{short_label(row.label)} ({row.n_items:,})" for row in scores.itertuples()])
    ax.set(xlabel="Recall", xlim=(max(0, scores["recall_low"].min() - 0.05), 1.01))
    return ax


def plot_confident_mistakes(
    mistakes: pd.DataFrame, kept: pd.DataFrame, classes: Sequence[str], *, split: str
) -> Figure:
    """The kept pictures of `mistakes` (`item_id`, `path`, `class_index`, `predicted_index`, `confidence`)."""
    captions = []
    for row in mistakes.itertuples():
        actual, predicted = (short_label(classes[i], 12) for i in (row.class_index, row.predicted_index))
        captions.append(f"{actual}\n→ {predicted}, {row.confidence:.0%}")
    return Figure(
        name="confident_mistakes",
        title="The surest mistakes",
        caption=f"The {len(mistakes)} {split} images on which the classifier was surest and wrong, as "
        "actual → predicted class, with the probability it gave. Sure mistakes on clear pictures point to "
        "wrong labels; on unusual ones, to what training lacks.",
        drawing=plot_image_grid(pictures_of(kept, mistakes["item_id"]), captions, columns=MISTAKE_COLUMNS),
        table=_mistakes_table(mistakes, classes),
    )


def most_confused_pairs(counts: np.ndarray, classes: Sequence[str], n: int) -> pd.DataFrame:
    """At most `n` rows of `confusion_pairs` that are repeated mistakes, those with most images first."""
    pairs = confusion_pairs(counts, classes)
    is_repeated = (pairs["actual"] != pairs["predicted"]) & (pairs["n_items"] > 1)
    return pairs[is_repeated].head(n).reset_index(drop=True)


def plot_confused_pairs(
    pairs: pd.DataFrame, judged: pd.DataFrame, kept: pd.DataFrame, classes: Sequence[str], *, split: str
) -> Figure:
    """A row a pair, as `most_confused_pairs` gives them: its surest mistakes among `judged`."""
    places = {label: i for i, label in enumerate(classes)}
    ranked = judged.sort_values("confidence", ascending=False, kind="stable")
    columns = min(PICTURES_PER_PAIR, pairs["n_items"].max()) + 1
    drawing, axes = new_figure(
        width=1.15 * columns, height=1.35 * len(pairs), rows=len(pairs), columns=columns
    )
    shown = []
    for (title, *cells), pair in zip(axes, pairs.itertuples(), strict=True):
        is_pair = (ranked["class_index"] == places[pair.actual]) & (
            ranked["predicted_index"] == places[pair.predicted]
        )
        mistakes = ranked[is_pair].head(PICTURES_PER_PAIR)
        draw_pair_title(pair, ax=title)
        for ax in cells:
            ax.set_axis_off()
        pictures = pictures_of(kept, mistakes["item_id"])
        for ax, picture, confidence in zip(cells, pictures, mistakes["confidence"], strict=False):
            show_image(ax, picture, f"{confidence:.0%}")
        shown.append(mistakes)
    return Figure(
        name="confused_pairs",
        title="The pairs of classes most often confused",
        caption=f"A row a pair, actual → predicted class, with the number of {split} images and their share "
        f"of the actual class; beside it up to {PICTURES_PER_PAIR} of them, those on which the classifier "
        "was surest, with the probability it gave. Ask of each row whether a person could do better.",
        drawing=drawing,
        table=_mistakes_table(pd.concat(shown), classes),
    )


def draw_pair_title(pair: tuple, *, ax: Axes) -> Axes:
    ax.set_axis_off()
    text = (
        f"{short_label(pair.actual, 16)}\n→ {short_label(pair.predicted, 14)}\n"
        f"{pair.n_items:,} images, {pair.class_fraction:.1%}"
    )
    ax.text(1, 0.5, text, ha="right", va="center", fontsize=8, transform=ax.transAxes, parse_math=False)
    return ax


def _mistakes_table(mistakes: pd.DataFrame, classes: Sequence[str]) -> pd.DataFrame:
    names = np.array(classes, dtype=object)
    return mistakes[["item_id", "path"]].assign(
        label=names[mistakes["class_index"]],
        predicted_label=names[mistakes["predicted_index"]],
        probability=mistakes["confidence"],
    )

"""Classes along an axis: legible for ten classes and for a thousand, whatever they are called."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

MAX_CLASSES = 30  # rows of text that stay legible one below another


def short_label(label: str, limit: int = 26) -> str:
    """The label on one line of at most `limit` characters; the middle gives way: both ends tell apart."""
    label = " ".join(str(label).split())
    if len(label) <= limit:
        return label
    tail = (limit - 1) // 3
    return f"{label[: limit - 1 - tail]}…{label[-tail:]}"


def class_positions(n_classes: int) -> np.ndarray:
    """Which of a ranking's places are drawn: all if they fit, otherwise the first and the last."""
    if n_classes <= MAX_CLASSES:
        return np.arange(n_classes)
    half = MAX_CLASSES // 2
    return np.r_[0:half, n_classes - half : n_classes]


def spread_over(classes: Sequence[str], limit: int) -> list[str]:
    """At most `limit` classes, evenly spread from the first to the last."""
    places = np.linspace(0, len(classes) - 1, min(limit, len(classes))).round().astype(int)
    return [classes[place] for place in places]


def note_on_shown(n_shown: int, n_classes: int, which: str) -> str:
    """A sentence for the caption where only a part of the classes is drawn."""
    return f" Shown are {n_shown} of {n_classes:,} classes, {which}." if n_shown < n_classes else ""


def label_class_axis(ax: Axes, labels: Sequence[str]) -> Axes:
    """One row per class, the first at the top; labels are drawn as they are, never as mathematics."""
    texts = [short_label(label) for label in labels]
    ax.set_yticks(range(len(labels)), texts, parse_math=False)
    ax.set_ylim(len(labels) - 0.5, -0.5)
    ax.tick_params(axis="y", length=0)
    ax.grid(visible=False, axis="y")
    return ax

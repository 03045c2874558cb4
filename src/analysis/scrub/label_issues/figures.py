"""Drawings of doubtful labels: the pictures, the noise of each class, what is taken for what, the scores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from analysis.contract import Figure
from analysis.dataset.small_pictures import small_picture
from analysis.drawing.class_axis import MAX_CLASSES, label_class_axis, note_on_shown, short_label
from analysis.drawing.pictures import plot_image_grid, show_image
from analysis.drawing.style import ACCENT, MUTED, SEQUENTIAL, WARNING, new_figure
from analysis.scrub.label_issues.evidence import GIVEN, N_NEAREST, SUGGESTED

SUSPECT_PX = 160  # of a picture's longer side; twice what it takes in print
SUSPECT_COLUMNS = 8
MAX_EVIDENCE = 12  # doubted images shown with those nearest to them
MAX_NUMBERED_CLASSES = 20  # up to so many, each cell bears its number
N_BINS = 50


def plot_suspects(suspects: pd.DataFrame, n_issues: int) -> Figure:
    """The pictures of `suspects`, rows of the images' table with what opens them, the most doubtful first."""
    pictures, captions = [], []
    for row in suspects.itertuples():
        pictures.append(_picture(row))
        given, suggested = short_label(row.label, 14), short_label(row.suggested_label, 12)
        captions.append(f"{given}\n→ {suggested}, {row.score:.0%}")
    return Figure(
        name="suspects",
        title="Labels that are probably wrong",
        caption=f"The {len(suspects)} most doubtful of {n_issues:,} doubted labels, as given → suggested "
        "class, with the probability that the given one is wrong.",
        drawing=plot_image_grid(pictures, captions, columns=SUSPECT_COLUMNS, size=1.15),
        table=suspects[["item_id", "path", "split", "label", "suggested_label", "score"]],
    )


def plot_evidence(suspects: pd.DataFrame, images: pd.DataFrame, evidence: pd.DataFrame) -> Figure:
    """The first `suspects`, each with the nearest `images` of both classes (`nearest_of_both_classes`)."""
    shown = suspects.head(MAX_EVIDENCE)
    files = images.set_index("item_id")
    drawing, axes = new_figure(
        width=9, height=1.25 * len(shown) + 0.3, rows=len(shown), columns=2 * N_NEAREST + 3
    )
    for axis in axes.flat:
        axis.set_axis_off()
    for row, suspect in zip(axes, shown.itertuples(), strict=True):
        show_image(row[0], _picture(suspect), f"{suspect.score:.0%} wrong")
        of_both = evidence[evidence["item_id"] == suspect.item_id]
        for shown_for, first in ((GIVEN, 2), (SUGGESTED, 3 + N_NEAREST)):
            for hit in of_both[of_both["shown_for"] == shown_for].itertuples():
                axis = row[first + hit.place - 1]
                show_image(axis, _picture(files.loc[hit.neighbour_id]), f"{hit.cosine_similarity:.2f}")
                if hit.place == 1:
                    axis.set_title(
                        f"{shown_for}: {short_label(hit.label, 20)}", fontsize=7, loc="left", parse_math=False
                    )
    return Figure(
        name="evidence",
        title="Why these labels are doubted",
        caption=f"Left the {len(shown)} most doubtful images, beside each the {N_NEAREST} most like it of "
        "the class that its label names, and right those of the class that is suggested, with their cosine "
        "similarity. Doubted images are not among them. label_evidence.csv has them for all doubted labels.",
        drawing=drawing,
        table=evidence[evidence["item_id"].isin(shown["item_id"])],
    )


def _picture(row: Any) -> np.ndarray:
    return small_picture(
        row.path, SUSPECT_PX, value_range=row.value_range, allow_truncated=bool(row.is_truncated)
    )


def plot_class_noise(noise: pd.DataFrame) -> Figure:
    """Noise of each class with its interval, the noisiest first; `noise` is of `tabulate_class_noise`."""
    shown = noise.head(MAX_CLASSES)
    drawing, axes = new_figure(width=8, height=1.3 + 0.24 * len(shown))
    ax = axes[0, 0]
    rows = range(len(shown))
    ax.hlines(rows, shown["noise_low"], shown["noise_high"], color=ACCENT, linewidth=2, alpha=0.5)
    ax.plot(shown["estimated_noise"], rows, "o", color=ACCENT, markersize=5)
    label_class_axis(ax, [f"{short_label(row.label)} ({row.n_anchors:,})" for row in shown.itertuples()])
    ax.set(
        xlabel="Share of typical pictures labelled otherwise", xlim=(-0.01, shown["noise_high"].max() * 1.05)
    )
    ax.xaxis.set_major_formatter("{x:.0%}")
    ax.set_title(f"n = {noise['n_anchors'].sum():,} typical pictures")
    return Figure(
        name="class_noise",
        title="How often pictures of a class are labelled otherwise",
        caption="Of the pictures most surely of a class (their number in brackets), the share with another "
        "label, with its 95% Wilson interval. Where the model takes other classes for this one, that counts "
        "as noise too." + note_on_shown(len(shown), len(noise), "the noisiest"),
        drawing=drawing,
        table=shown,
    )


def plot_noise_matrix(noise: np.ndarray, classes: Sequence[str], *, n_anchors: int) -> Figure:
    """P(given | true); `noise` is (C, C), true class by given label."""
    off_diagonal = noise * ~np.eye(len(noise), dtype=bool)
    weight = off_diagonal.sum(axis=0) + off_diagonal.sum(axis=1)
    shown = np.sort(np.argsort(-weight, kind="stable")[:MAX_CLASSES])
    cells = off_diagonal[np.ix_(shown, shown)]
    labels = [classes[i] for i in shown]
    is_numbered = len(labels) <= MAX_NUMBERED_CLASSES
    side = max(4.5, 2 + len(labels) * (0.42 if is_numbered else 0.24))
    drawing, axes = new_figure(width=side + 1.2, height=side)
    ax = axes[0, 0]
    np.fill_diagonal(cells, np.nan)
    largest = max(np.nanmax(cells), 0.01)  # noise of less looks like none
    image = ax.imshow(cells, cmap=SEQUENTIAL, vmin=0, vmax=largest, aspect="equal")
    if is_numbered:
        for row, column in zip(*np.nonzero(~np.isnan(cells)), strict=True):
            share = cells[row, column]
            colour = "black" if share > 0.6 * largest else "white"
            ax.text(column, row, f"{share:.1%}", ha="center", va="center", fontsize=6.5, color=colour)
    label_class_axis(ax, labels)
    ax.set_xticks(range(len(labels)), [short_label(label) for label in labels], parse_math=False)
    ax.tick_params(axis="x", length=0, rotation=90 if max(map(len, labels)) > 2 else 0)
    ax.grid(visible=False)
    ax.set(xlabel="Label given", ylabel="Class of the picture", title=f"n = {n_anchors:,} typical pictures")
    drawing.colorbar(image, ax=ax, shrink=0.7, label="probability of the label", format="{x:.1%}")
    true, given = np.nonzero(~np.eye(len(noise), dtype=bool))
    names = np.array(classes, dtype=object)
    table = pd.DataFrame({"class": names[true], "label": names[given], "probability": noise[true, given]})
    return Figure(
        name="noise_matrix",
        title="Which wrong labels are given to which classes",
        caption="The estimated probability that a picture of the class in the row is given the label in the "
        "column (right labels, on the diagonal, are left out). Rates of few pictures are drawn towards the "
        "mean of all." + note_on_shown(len(shown), len(classes), "those with most noise"),
        drawing=drawing,
        table=table.sort_values("probability", ascending=False, kind="stable", ignore_index=True),
    )


def plot_scores(table: pd.DataFrame, *, min_score: float) -> Figure:
    """How many labels have which probability of being wrong, on a logarithmic axis."""
    scores = table["score"].dropna().to_numpy()
    counts, edges = np.histogram(scores, N_BINS, range=(0, 1))
    drawing, axes = new_figure(width=8, height=3.2)
    ax = axes[0, 0]
    ax.stairs(counts, edges, fill=True, color=ACCENT)
    ax.axvline(min_score, color=WARNING, linewidth=1.5)
    ax.set(xlabel="Probability that the label is wrong", ylabel="labels", xlim=(0, 1))
    ax.set_ylim(0.7, 2 * max(5, counts.max()))  # before the scale: a logarithmic axis cannot hold only zeros
    ax.set_yscale("log")
    ax.set_title(f"n = {len(scores):,}", color=MUTED)
    return Figure(
        name="scores",
        title="How doubtful the labels are",
        caption="Labels by the probability that they are wrong; the number axis is logarithmic, so that a "
        f"single one shows. Right of the line ({min_score:g}, label_issues.min_score) they are listed. Wrong "
        "labels that the model can tell stand apart on the right.",
        drawing=drawing,
        table=pd.DataFrame({"from": edges[:-1], "to": edges[1:], "n_labels": counts}),
    )

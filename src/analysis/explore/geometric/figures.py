"""Drawings of layout and poses: verdicts beside the pictures, evidence, directions, symmetry and detail."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from analysis.contract import Figure
from analysis.drawing.class_axis import MAX_CLASSES, label_class_axis, note_on_shown, short_label, spread_over
from analysis.drawing.style import ACCENT, MUTED, SEQUENTIAL, WARNING, new_figure
from analysis.explore.geometric.image_geometry import DIRECTION_BINS, gradients
from analysis.explore.geometric.poses import POSE_NAMES, POSES, describe_pose
from analysis.explore.geometric.verdicts import CHANGED, SAFE, TOO_FEW, UNCLEAR, UNUSUAL, VERDICTS

VERDICT_COLOURS = {SAFE: "#009E73", UNUSUAL: "#E69F00", CHANGED: WARNING, UNCLEAR: MUTED, TOO_FEW: "#D5D9DC"}
ROW_INCHES = 0.21
GALLERY_CLASSES = 20
CELL_WIDTH, CELL_HEIGHT = 1.12, 1.45  # of a picture with its frame and words; the picture is 1 by 1
MAP_COLUMNS = 6
PANELS = {
    "edge density": ["edge_density"],
    "flip difference": ["flip_difference_horizontal", "flip_difference_vertical"],
    "symmetry (correlation)": ["symmetry_horizontal", "symmetry_vertical", "symmetry_half_turn"],
}
FLIP_STYLES = {
    "horizontal": (ACCENT, "o", "left-right"),
    "vertical": (WARNING, "s", "upside down"),
    "half_turn": ("#444444", "^", "half turn"),
}


def plot_augmentations(
    thumbnails: np.ndarray, pictures: np.ndarray, labels: pd.Series, judged: pd.DataFrame
) -> Figure:
    """One picture of each class as it is and transformed, framed in the colour of the verdict.

    `thumbnails` (n, H, W, 3) uint8 and `pictures`, the same smoothed, are row by row those of `labels`.
    """
    classes = list(judged["label"].unique())
    shown = spread_over(classes, GALLERY_CLASSES)
    n_blocks = 1 if len(shown) <= 4 else 2
    n_rows = -(-len(shown) // n_blocks)
    block_width = CELL_WIDTH * (1 + len(POSES)) + 0.6
    width = 9 if n_blocks == 2 else 7
    height = width * (CELL_HEIGHT * n_rows + 0.6) / (block_width * n_blocks) + 0.4
    drawing, axes = new_figure(width=width, height=height)
    ax = axes[0, 0]
    rows = judged.set_index(["label", "transform"])
    for i, label in enumerate(shown):
        corner = (block_width * (i // n_rows), CELL_HEIGHT * (i % n_rows))
        is_own = labels.eq(label).to_numpy()
        typical = _most_typical(describe_pose(pictures[is_own]))
        plot_class_poses(thumbnails[is_own], typical, rows.loc[label], label, corner=corner, ax=ax)
    for block in range(n_blocks):
        for column, name in enumerate(["as it is", *POSE_NAMES.values()]):
            x = block_width * block + CELL_WIDTH * column + 0.5
            ax.text(x, -0.08, name.replace(" ", "\n", 1), ha="center", va="bottom", fontsize=7)
    ax.set_xlim(-0.1, block_width * n_blocks - 0.6)
    ax.set_ylim(CELL_HEIGHT * n_rows, -0.6)
    ax.set_aspect("equal")
    ax.set_axis_off()
    names = [v for v in VERDICTS if judged["verdict"].eq(v).any()]
    handles = [Rectangle((0, 0), 1, 1, color=VERDICT_COLOURS[v]) for v in names]
    drawing.legend(handles, names, loc="outside upper left", ncols=len(names))
    return Figure(
        name="augmentations",
        title="Which flips and rotations are safe",
        caption="A typical image of each class as it is, then transformed; where a transform changes the "
        "class, the image that passes best for the other. AUROC: how well transformed images are told from "
        "those as they are (0.5: not at all). Kept: share of them that is still recognised."
        + note_on_shown(len(shown), len(classes), "evenly spread over the dataset's order"),
        drawing=drawing,
        table=judged.drop(columns="clearest"),
    )


def plot_class_poses(
    thumbnails: np.ndarray,
    typical: int,
    judged: pd.DataFrame,
    label: str,
    *,
    corner: tuple[float, float],
    ax: Axes,
) -> Axes:
    """One row of pictures from `corner` on: the class's typical one, then its transforms with verdicts."""
    left, top = corner
    _place(thumbnails[typical], short_label(label, 14), "black", left=left, top=top, ax=ax)
    for column, transform in enumerate(POSES, start=1):
        row = judged.loc[transform]
        picture = thumbnails[int(row["clearest"]) if row["verdict"] == CHANGED else typical]
        posed = POSES[transform](picture[None], np.ones(1, dtype=int))[0]
        colour = VERDICT_COLOURS[row["verdict"]]
        _place(posed, _words(row), colour, left=left + CELL_WIDTH * column, top=top, ax=ax)
    return ax


def _most_typical(descriptors: np.ndarray) -> int:
    """Place of the row nearest to the mean of all."""
    return int(((descriptors - descriptors.mean(axis=0)) ** 2).sum(axis=1).argmin())


def _words(row: pd.Series) -> str:
    if row["verdict"] == TOO_FEW:
        return f"n = {row['n_images']:,}"
    if row["verdict"] == CHANGED:
        return f"{row['passing_fraction']:.0%} pass\nfor {short_label(row['passes_for'], 10)}"
    return f"AUROC {row['auroc']:.2f}\nkept {row['kept_fraction']:.0%}"


def _place(picture: np.ndarray, words: str, colour: str, *, left: float, top: float, ax: Axes) -> None:
    ax.imshow(picture, extent=(left, left + 1, top + 1, top), zorder=2)
    frame = Rectangle((left, top), 1, 1, fill=False, edgecolor=colour, linewidth=2.2, zorder=3)
    ax.add_patch(frame)
    ax.text(left + 0.5, top + 1.04, words, ha="center", va="top", fontsize=5.5, parse_math=False)


def plot_pose_evidence(judged: pd.DataFrame, min_unusual_auroc: float) -> Figure:
    """One panel a transform: how well each class's transformed images are told from those as they are."""
    judged = judged[judged["verdict"].ne(TOO_FEW)]
    classes = list(judged["label"].unique())
    shown = spread_over(classes, MAX_CLASSES)
    drawing, axes = new_figure(width=9, height=1.5 + ROW_INCHES * len(shown), columns=len(POSES))
    for ax, (transform, name) in zip(axes.flat, POSE_NAMES.items(), strict=True):
        rows = judged[judged["transform"] == transform].set_index("label").loc[shown]
        plot_intervals(rows, ax=ax)
        ax.axvline(0.5, color="#5A636B", linewidth=1)
        ax.axvline(min_unusual_auroc, color=MUTED, linestyle="--", linewidth=1)
        ax.set_xlim(0.35, 1.03)
        ax.set_title(name, fontsize=9)
        ax.set_xlabel("AUROC")
    for ax in axes.flat[1:]:
        ax.set_yticklabels([])
    verdicts = [v for v in VERDICTS if judged["verdict"].eq(v).any()]
    handles = [axes[0, 0].scatter([], [], color=VERDICT_COLOURS[v], s=24) for v in verdicts]
    drawing.legend(handles, verdicts, loc="outside upper left", ncols=len(verdicts))
    return Figure(
        name="pose_evidence",
        title="Does a class come in that pose already?",
        caption="How well a classifier tells a class's transformed images from the same images as they are, "
        "on images it was not fitted to, with 95% intervals. 0.5: not at all, the pose is there already. "
        "Right of the dashed line it is not; the transform can then be safe only if the class is recognised "
        "all the same." + note_on_shown(len(shown), len(classes), "evenly spread over the dataset's order"),
        drawing=drawing,
        table=judged.drop(columns="clearest"),
    )


def plot_intervals(rows: pd.DataFrame, *, ax: Axes) -> Axes:
    """Dots with intervals, coloured by verdict, the first class at the top."""
    places = np.arange(len(rows))
    colours = rows["verdict"].map(VERDICT_COLOURS)
    ax.hlines(places, rows["auroc_low"], rows["auroc_high"], color=colours, linewidth=2)
    ax.scatter(rows["auroc"], places, color=colours, s=20, zorder=3)
    return label_class_axis(ax, rows.index)


def plot_directions(histograms: np.ndarray, labels: pd.Series, geometry: pd.DataFrame) -> Figure:
    """A rose for each class: how much of its contours runs in which direction."""
    means = pd.DataFrame(histograms).groupby(labels.to_numpy(), observed=True).mean()
    geometry = geometry.set_index("label")
    shown = spread_over(list(geometry.index), MAX_CLASSES)
    columns = min(MAP_COLUMNS, len(shown))
    rows = -(-len(shown) // columns)
    drawing, _ = new_figure(width=9, height=0.3 + 1.75 * rows)
    drawing.clear()
    axes = drawing.subplots(rows, columns, squeeze=False, subplot_kw={"projection": "polar"})
    longest = np.nanmax(means.loc[shown].to_numpy())
    for ax in axes.flat[len(shown) :]:
        ax.set_axis_off()
    for ax, label in zip(axes.flat, shown, strict=False):
        plot_rose(means.loc[label].to_numpy(), longest=longest, ax=ax)
        degrees, strength = geometry.loc[label, ["orientation_degrees", "orientation_strength"]]
        title = f"{short_label(label, 16)}\n{round(degrees) % 180}°, strength {strength:.2f}"
        ax.set_title(title, fontsize=8, loc="center", parse_math=False)
    table = means.loc[shown].rename(columns=lambda i: f"{i * 180 // DIRECTION_BINS}_degrees")
    return Figure(
        name="directions",
        title="Directions of contours",
        caption="How much of a class's contours runs in which direction, as areas; the circle is where all "
        "would end if directions were equally frequent. Above each rose: the mean direction and how strongly "
        "it prevails (0 not at all, 1 all contours are parallel)."
        + note_on_shown(len(shown), len(geometry), "evenly spread over the dataset's order"),
        drawing=drawing,
        table=table.rename_axis("label").reset_index(),
    )


def plot_rose(shares: np.ndarray, *, longest: float, ax: Axes) -> Axes:
    """`shares` (DIRECTION_BINS,) from 0° to 170°; each is drawn on both sides."""
    angles = np.pi * np.arange(2 * DIRECTION_BINS) / DIRECTION_BINS
    radii = np.sqrt(np.tile(shares, 2))  # so that areas, which the eye compares, are proportional
    ax.bar(angles, radii, width=np.pi / DIRECTION_BINS, color=ACCENT, linewidth=0)
    ax.plot(np.linspace(0, 2 * np.pi, 90), np.full(90, DIRECTION_BINS**-0.5), color="#444444", linewidth=0.8)
    ax.set_ylim(0, np.sqrt(longest) * 1.05)
    ax.set_xticks([])
    ax.set_yticks([])
    ax.spines["polar"].set_visible(False)
    return ax


def plot_detail(pictures: np.ndarray, measures: pd.DataFrame) -> Figure:
    """Mean gradient magnitude of each class with the mean place of the detail and its spread."""
    classes = list(measures["label"].cat.remove_unused_categories().cat.categories)
    shown = spread_over(classes, MAX_CLASSES)
    columns = min(10, len(shown)) if len(shown) <= 4 else min(10, -(-len(shown) // 2))
    rows = -(-len(shown) // columns)
    drawing, axes = new_figure(
        width=9 if columns > 4 else 2 * columns,
        height=rows * (9 / max(columns, 5) + 0.35),
        rows=rows,
        columns=columns,
    )
    for ax in axes.flat:
        ax.set_axis_off()
    for ax, label in zip(axes.flat, shown, strict=False):
        own = measures["label"].eq(label).to_numpy()
        plot_detail_map(pictures[own], measures[own], ax=ax)
        ax.set_title(
            f"{short_label(label, 14)} (n = {own.sum():,})", fontsize=7, loc="center", parse_math=False
        )
    centres = measures.groupby("label", observed=True)[["centre_x", "centre_y"]].agg(["mean", "std"])
    centres.columns = ["_".join(names) for names in centres.columns]
    return Figure(
        name="detail",
        title="Where the detail lies",
        caption="Mean strength of edges over a class's images; the cross is the mean centre of the detail "
        "with its standard deviation across images. A centre off the middle, or edges at one side only, "
        "limits how far images can be shifted or cropped without losing the subject."
        + note_on_shown(len(shown), len(classes), "evenly spread over the dataset's order"),
        drawing=drawing,
        table=centres.reset_index(),
    )


def plot_detail_map(pictures: np.ndarray, measures: pd.DataFrame, *, ax: Axes) -> Axes:
    right, down = gradients(pictures)
    ax.imshow(np.hypot(right, down).mean(axis=0), cmap=SEQUENTIAL, extent=(0, 1, 1, 0))
    centres = measures[["centre_x", "centre_y"]]
    spread = centres.std().fillna(0)
    ax.errorbar(
        *centres.mean(), xerr=spread["centre_x"], yerr=spread["centre_y"], color="white", linewidth=1.5
    )
    ax.grid(visible=False)
    return ax


def plot_layout(layout: pd.DataFrame) -> Figure:
    """Edge density, flip differences and symmetry of each class, with intervals."""
    classes = list(layout["label"].unique())
    shown = spread_over(classes, MAX_CLASSES)
    drawing, axes = new_figure(width=9, height=1.5 + ROW_INCHES * len(shown), columns=len(PANELS))
    for ax, (name, names) in zip(axes.flat, PANELS.items(), strict=True):
        for place, measure in enumerate(names):
            plot_class_means(
                layout[layout["measure"] == measure], shown, offset=place - (len(names) - 1) / 2, ax=ax
            )
        ax.set_xlabel(name)
        ax.locator_params(axis="x", nbins=5)
        label_class_axis(ax, shown)
    for ax in axes.flat[1:]:
        ax.set_yticklabels([])
    handles = axes[0, -1].get_legend_handles_labels()
    drawing.legend(*handles, loc="outside upper left", ncols=3)
    return Figure(
        name="layout",
        title="Edges and symmetry per class",
        caption="Means with 95% intervals. Edge density is the share of pixels with a strong gradient; a "
        "flip difference is how much a pixel's brightness changes on average under the flip; symmetry is the "
        "correlation of an image with its mirror image, 1 where they are alike."
        + note_on_shown(len(shown), len(classes), "evenly spread over the dataset's order"),
        drawing=drawing,
        table=layout,
    )


def plot_class_means(layout: pd.DataFrame, classes: Sequence[str], *, offset: float, ax: Axes) -> Axes:
    """Dots with intervals of one measure, `offset` from the middle of each class's row."""
    measure = layout["measure"].iloc[0]
    style = next((s for end, s in FLIP_STYLES.items() if measure.endswith(end)), ("#444444", "o", None))
    colour, marker, name = style
    rows = layout.set_index("label").reindex(classes)
    places = np.arange(len(classes)) + 0.2 * offset
    ax.hlines(places, rows["low"], rows["high"], color=colour, linewidth=1.5)
    ax.scatter(rows["mean"], places, color=colour, marker=marker, s=16, zorder=3, label=name)
    return ax

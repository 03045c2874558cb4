"""Drawings of latent structure: maps, purity, principal components and the images most unlike the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke

from analysis.contract import Figure
from analysis.drawing.class_axis import (
    class_positions,
    label_class_axis,
    note_on_shown,
    short_label,
    spread_over,
)
from analysis.drawing.pictures import plot_image_grid, show_image
from analysis.drawing.style import ACCENT, MUTED, SEQUENTIAL, WARNING, class_colours, new_figure
from analysis.explore.latent_structure.purity import purity_of_classes
from analysis.explore.latent_structure.views import View
from analysis.explore.pixel_components import Components, Pixels

MAX_NAMED = 30  # classes named on a map
MAX_IN_LEGEND = 12
UNLABELLED = "#B8BEC3"
CELLS, LARGE_CELLS = 40, 6  # of a map, along each side
NAME_HEIGHT, NAME_WIDTH = 0.04, 0.14  # of a map's extent
ROW_INCHES = 0.24
PICTURED_COMPONENTS = 8
PICTURED_DEVIATIONS = 2
UNUSUAL_COLUMNS = 8


def plot_maps(views: Mapping[str, View], classes: Sequence[str]) -> Figure:
    """The map of each space, a point an image in its class's colour."""
    drawing, axes = new_figure(width=9.6, height=5.4 if len(views) > 1 else 8.4, columns=len(views))
    for ax, (name, view) in zip(axes.flat, views.items(), strict=True):
        plot_map(view, classes, ax=ax)
        ax.set_title(f"{name} (n = {len(view.codes):,})")
    colours = class_colours(classes)
    if 0 < len(classes) <= MAX_IN_LEGEND:
        marks = [Line2D([], [], ls="", marker="o", color=colours[label]) for label in classes]
        names = [short_label(label).replace("$", r"\$") for label in classes]
        drawing.legend(marks, names, loc="outside lower center", ncols=min(len(classes), 5))
    named = f" Named are {MAX_NAMED} of {len(classes):,} classes, evenly spread over the dataset's order."
    return Figure(
        name="maps",
        title="Maps of all images",
        caption="Each point is an image, coloured by its label (grey: no label). Images near one another "
        "look alike in that space. Islands of one colour are classes that are easy to tell; a stray point in "
        "another's island is a hard, rare or mislabelled image. Distances between islands, and axes, mean "
        "nothing." + (named if len(classes) > MAX_NAMED else ""),
        drawing=drawing,
    )


def plot_map(view: View, classes: Sequence[str], *, ax: Axes) -> Axes:
    """A point an image, in random order so that no class lies on top; names where classes are dense."""
    n = len(view.codes)
    palette = np.array([*map(_rgb, class_colours(classes).values()), _rgb(UNLABELLED)])  # code -1 is the last
    order = np.random.default_rng(0).permutation(n)
    size, opacity = np.clip(20_000 / n, 1.2, 14), np.clip(20_000 / n, 0.55, 0.9)
    ax.scatter(
        *view.layout.positions[order].T,
        c=palette[view.codes[order]],
        s=size,
        alpha=opacity,
        linewidths=0,
        rasterized=True,
    )
    _name_classes(view, classes, ax=ax)
    _bare(ax)
    return ax


def _rgb(colour: str | tuple[float, ...]) -> tuple[float, ...]:
    return to_rgb(colour)


def _name_classes(view: View, classes: Sequence[str], *, ax: Axes) -> None:
    """Each class's name where most of its images lie; one that would hide another moves down a line."""
    line = NAME_HEIGHT * np.ptp(view.layout.positions[:, 1])
    width = NAME_WIDTH * np.ptp(view.layout.positions[:, 0])
    placed: list[tuple[float, float]] = []
    for label in spread_over(list(classes), MAX_NAMED):
        positions = view.layout.positions[view.codes == classes.index(label)]
        if not len(positions):
            continue
        x, y = _centre_of_most(positions)
        while any(abs(x - other[0]) < width and abs(y - other[1]) < line for other in placed):
            y -= line
        placed.append((x, y))
        outline = [withStroke(linewidth=2.5, foreground="white")]
        style = {"fontsize": 8, "fontweight": "bold", "parse_math": False, "path_effects": outline}
        ax.text(x, y, short_label(label, 14), ha="center", va="center", **style)


def _centre_of_most(positions: np.ndarray) -> tuple[float, float]:
    """The middle of the points in the fullest of a few large cells."""
    counts, x, y = np.histogram2d(*positions.T, bins=LARGE_CELLS)
    column, row = np.unravel_index(counts.argmax(), counts.shape)
    is_inside = (
        (positions[:, 0] >= x[column])
        & (positions[:, 0] <= x[column + 1])
        & (positions[:, 1] >= y[row])
        & (positions[:, 1] <= y[row + 1])
    )
    middle = np.median(positions[is_inside], axis=0)
    return float(middle[0]), float(middle[1])


def _bare(ax: Axes) -> None:
    """A map has no scale."""
    ax.set_aspect("equal", adjustable="datalim")
    ax.set_xticks([])
    ax.set_yticks([])
    ax.grid(visible=False)
    ax.spines[:].set_visible(False)


def plot_local_purity(views: Mapping[str, View]) -> Figure:
    """Of the first space: how many images a cell of the map holds, and how pure their neighbourhoods are."""
    name, view = next(iter(views.items()))
    drawing, axes = new_figure(width=9.6, height=4.6, columns=2)
    where = view.layout.positions.T
    dense = axes[0, 0].hexbin(*where, gridsize=CELLS, bins="log", cmap=SEQUENTIAL, linewidths=0.1)
    is_known = np.isfinite(view.purity)
    pure = axes[0, 1].hexbin(
        *where[:, is_known],
        C=view.purity[is_known],
        gridsize=CELLS,
        cmap=SEQUENTIAL,
        vmin=0,
        vmax=1,
        linewidths=0.1,
    )
    for ax, cells, label in zip(
        axes.flat, (dense, pure), ("images in a cell", "mean label purity"), strict=True
    ):
        _bare(ax)
        drawing.colorbar(cells, ax=ax, label=label, shrink=0.8, pad=0.01)
    axes[0, 0].set_title(f"Density (n = {len(view.codes):,})")
    axes[0, 1].set_title("Label purity")
    return Figure(
        name="local_purity",
        title="Where neighbours disagree",
        caption=f"The map of {name} again. Left: how many images lie in a cell. Right: which share of their "
        "nearest neighbours, in the space itself and not on the map, bear their label. Dark cells are where "
        "classes blend: look there first for wrong labels and for classes that overlap.",
        drawing=drawing,
    )


def tabulate_purity(views: Mapping[str, View], classes: Sequence[str]) -> pd.DataFrame:
    """One row per space, a place where neighbours are looked for (space, map) and a class."""
    parts = []
    for name, view in views.items():
        for where, purity in (("space", view.purity), ("map", view.map_purity)):
            of_class = purity_of_classes(view.codes, purity, len(classes))
            parts.append(of_class.assign(label=list(classes), space=name, neighbours_in=where))
    columns = ["space", "neighbours_in", "label", "n_items", "purity", "purity_low", "purity_high"]
    return pd.concat(parts, ignore_index=True)[columns]


def plot_class_purity(views: Mapping[str, View], classes: Sequence[str], by_chance: pd.Series) -> Figure:
    """A row per class, the least pure at the top: purity in each space with its interval, and on the map."""
    table = tabulate_purity(views, classes)
    first = table[(table["space"] == next(iter(views))) & (table["neighbours_in"] == "space")]
    present = first[first["n_items"] > 0].sort_values("purity", kind="stable")["label"].tolist()
    shown = [present[place] for place in class_positions(len(present))]
    places = {label: place for place, label in enumerate(shown)}
    drawing, axes = new_figure(width=8, height=1.6 + ROW_INCHES * len(shown))
    ax = axes[0, 0]
    for (space, where), rows in table[table["label"].isin(shown)].groupby(
        ["space", "neighbours_in"], sort=False
    ):
        colour = ACCENT if space == "embeddings" else WARNING
        y = rows["label"].map(places) + (-0.12 if space == "embeddings" else 0.12)
        if where == "space":
            ax.hlines(y, rows["purity_low"], rows["purity_high"], color=colour, lw=1.5)
            ax.scatter(rows["purity"], y, s=26, color=colour, label=space, zorder=3)
        else:
            ax.scatter(
                rows["purity"], y, s=22, facecolor="none", edgecolor=colour, label=f"{space}, on the map"
            )
    ax.scatter(
        by_chance.loc[shown], range(len(shown)), marker="|", s=90, color=MUTED, label="by chance", zorder=2
    )
    label_class_axis(ax, shown)
    ax.set_xlim(-0.02, 1.02)
    ax.set_xlabel("share of nearest neighbours with the same label")
    drawing.legend(loc="outside upper left", ncols=5, fontsize=8)
    return Figure(
        name="class_purity",
        title="Label purity of each class",
        caption="How many of an image's nearest neighbours bear its label, on average over the class, with "
        "95% intervals; rings are the same on the map. The classes at the top blend with others: similar "
        "subjects, wrong labels, or a space that does not see what tells them apart."
        + note_on_shown(len(shown), len(present), "the least and the most pure"),
        drawing=drawing,
        table=table,
    )


def plot_components(pca: pd.DataFrame, components: Components) -> Figure:
    """Variance of each component against what chance would give, and how it adds up."""
    drawing, axes = new_figure(width=9, height=3.6, columns=2)
    alone, together = axes.flat
    alone.plot(pca["component"], pca["variance_fraction"], color=ACCENT, marker="o", ms=3, label="measured")
    by_chance = {"color": MUTED, "ls": "--", "label": "by chance (95th percentile)"}
    alone.plot(pca["component"], pca["chance_fraction"], **by_chance)
    alone.set_yscale("log")
    alone.set_ylabel("share of variance")
    alone.set_title(f"{components.n_above_chance} components above chance")
    alone.legend()
    together.plot(pca["component"], pca["cumulative_fraction"], color=ACCENT, marker="o", ms=3)
    together.set_ylim(0, 1.02)
    together.set_ylabel("share of variance, added up")
    together.set_title(f"The first {len(pca)} hold {components.shares.sum():.0%}")
    for ax in axes.flat:
        ax.set_xlabel(f"component (n = {components.n_items:,} images)")
    return Figure(
        name="components",
        title="How many directions matter",
        caption="How much of the variation between thumbnails each principal component explains. Those above "
        "the dashed line, from the first on, explain more than they would if the pixels of an image had "
        "nothing to do with one another (parallel analysis). A curve that falls steeply: few things vary.",
        drawing=drawing,
        table=pca,
    )


def plot_component_pictures(pixels: Pixels) -> Figure:
    """What the first components change in the mean picture: top row less, bottom row more of it."""
    fitted = pixels.components
    n = min(PICTURED_COMPONENTS, len(fitted.axes))
    steps = PICTURED_DEVIATIONS * fitted.standard_deviations[:n, None] * fitted.axes[:n]  # (n, d)
    drawing, axes = new_figure(width=1.15 * n, height=2.9, rows=2, columns=n)
    for row, sign in enumerate("−+"):
        pictures = pixels.pictures(fitted.mean + (steps if sign == "+" else -steps))
        for column, picture in enumerate(pictures):
            show_image(axes[row, column], picture)
        text = f"{sign}{PICTURED_DEVIATIONS} sd"
        axes[row, 0].text(-0.08, 0.5, text, transform=axes[row, 0].transAxes, ha="right", va="center")
    for column, share in enumerate(fitted.shares[:n]):
        axes[0, column].set_title(f"{column + 1}\n{share:.1%}", loc="center", fontsize=9, fontweight="normal")
    return Figure(
        name="component_pictures",
        title="What varies most, as pictures",
        caption="Each column is a principal component of the thumbnails, with the share of variance it "
        "explains: the mean picture with two standard deviations less of it (top) and more (bottom). Where "
        "the first ones are plain brightness or background, pixels say little of the subject.",
        drawing=drawing,
    )


def plot_unusual(unusual: pd.DataFrame, manifest: pd.DataFrame, thumbnails: np.ndarray) -> Figure:
    """The images most unlike all others, whether or not they are outliers."""
    table = unusual.merge(
        manifest[["item_id", "path", "label", "split"]], on="item_id", validate="1:1", how="left"
    )
    captions = [
        f"{'' if pd.isna(row.label) else short_label(row.label, 14)}\n{row.excess:.2f}"
        for row in table.itertuples()
    ]
    pictures = [np.asarray(thumbnails[item_id]) for item_id in table["item_id"]]
    return Figure(
        name="unusual",
        title="The images most unlike all others",
        caption="The most unusual first, with label and excess: 1.00 is the threshold beyond which an image "
        "is reported; below it, nothing here is farther from the rest than chance allows.",
        drawing=plot_image_grid(pictures, captions, columns=min(UNUSUAL_COLUMNS, len(pictures)), size=1.15),
        table=table,
    )

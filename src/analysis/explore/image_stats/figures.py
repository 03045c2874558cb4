"""Drawings of how images measure: per split, per class, by pixel value, on average, and at the extremes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.patches import Rectangle

from analysis.contract import Figure
from analysis.dataset.images import ImageError, open_as_seen
from analysis.drawing.class_axis import MAX_CLASSES, label_class_axis, note_on_shown, short_label, spread_over
from analysis.drawing.pictures import plot_image_grid
from analysis.drawing.style import DIVERGING, MUTED, SEQUENTIAL, SPLIT_COLOURS, new_figure
from analysis.explore.image_stats.groups import (
    class_quartiles,
    mean_by_group,
    split_quantiles,
    tabulate_histograms,
)

AXIS_NAMES = {
    "brightness": "brightness (luma, 0 to 1)",
    "contrast": "contrast (std of luma)",
    "entropy_bits": "entropy (bits)",
    "sharpness": "sharpness (Laplacian variance)",
    "edge_density": "edge density (share of pixels)",
    "colourfulness": "colourfulness",
    "width_px": "width (px)",
    "height_px": "height (px)",
}
CLASS_PANELS = ("brightness", "contrast", "entropy_bits", "sharpness")
END_NAMES = {
    "brightness": ("darkest", "brightest"),
    "contrast": ("least contrast", "most contrast"),
    "entropy_bits": ("least varied", "most varied"),
    "sharpness": ("blurriest", "sharpest"),
    "colourfulness": ("least colourful", "most colourful"),
}
ROW_INCHES = 0.21
MEAN_COLUMNS = 10
CELL_HEIGHT, PICTURE_GAP = 1.6, 0.04  # of an extreme image, with title and caption; the width is 1
PICTURE_PX = 160  # longer side of an extreme image as drawn


def plot_split_distributions(images: pd.DataFrame, differences: pd.DataFrame) -> Figure:
    """Cumulative distribution of each measure that varies, one curve a split."""
    quantiles = split_quantiles(images)
    measures = list(quantiles["measure"].unique())
    overall = differences[differences["label"] == ""].set_index(["measure", "split"])["cliffs_delta"]
    n_rows = -(-len(measures) // 3)
    drawing, axes = new_figure(width=9, height=0.4 + 2.3 * n_rows, rows=n_rows, columns=min(3, len(measures)))
    for ax in axes.flat[len(measures) :]:
        ax.set_axis_off()
    for ax, measure in zip(axes.flat, measures, strict=False):
        plot_cumulative(quantiles[quantiles["measure"] == measure], ax=ax)
        apart = [f"{split} {delta:+z.2f}" for split, delta in overall.get(measure, pd.Series()).items()]
        ax.set_title("δ: " + ", ".join(apart) if apart else "", fontsize=9, fontweight="normal")
    for ax in axes[:, 0]:
        ax.set_ylabel("share of images below")
    counts = images["split"].value_counts()
    labels = [f"{split} (n = {counts[split]:,})" for split in quantiles["split"].unique()]
    drawing.legend(axes[0, 0].get_lines(), labels, loc="outside upper left", ncols=3)
    return Figure(
        name="split_distributions",
        title="Image measures per split",
        caption="How many of a split's images measure below a value; the outermost 1% are cut off. Curves "
        "that lie on one another: the splits agree. δ is Cliff's delta to training: 0 no difference, ±0.33 a "
        "medium one, ±1 no overlap; positive where the split measures higher.",
        drawing=drawing,
        table=quantiles,
    )


def plot_cumulative(quantiles: pd.DataFrame, *, ax: Axes) -> Axes:
    """One curve a split over the middle 98% of the values."""
    for split, curve in quantiles.groupby("split", sort=False):
        ax.plot(curve["value"], curve["share_below"], **_curve_style(split))
    bulk = quantiles.loc[quantiles["share_below"].between(0.01, 0.99), "value"]
    if bulk.min() < bulk.max():
        ax.set_xlim(bulk.min(), bulk.max())
    ax.set_xlabel(AXIS_NAMES[quantiles["measure"].iloc[0]])
    ax.locator_params(axis="x", nbins=5)
    ax.xaxis.set_major_formatter("{x:,g}")
    ax.set_ylim(0, 1)
    return ax


def _curve_style(split: str) -> dict[str, object]:
    """Training is broad and pale, so that curves that lie on it can be seen."""
    width, alpha = (5, 0.35) if split == "train" else (1.4, 1)
    return {"color": SPLIT_COLOURS[split], "label": split, "linewidth": width, "alpha": alpha}


def plot_class_distributions(images: pd.DataFrame) -> Figure:
    """Median of each class and split, over the span of the class's middle half."""
    quartiles = class_quartiles(images[images["label"].notna()], CLASS_PANELS)
    medians = quartiles[quartiles["split"] == "all"].pivot(index="label", columns="measure", values="median")
    distance = ((medians - medians.median()).abs() / medians.std()).max(axis=1)
    furthest = distance.sort_values(ascending=False, kind="stable").index[:MAX_CLASSES]
    shown = medians.loc[furthest, "brightness"].sort_values(kind="stable").index
    quartiles = quartiles[quartiles["label"].isin(shown)]
    height = 1.5 + ROW_INCHES * len(shown)
    drawing, axes = new_figure(width=9, height=height, columns=len(CLASS_PANELS))
    for ax, measure in zip(axes.flat, CLASS_PANELS, strict=True):
        plot_quartiles(quartiles[quartiles["measure"] == measure], list(shown), ax=ax)
        ax.axvline(images[measure].median(), color=MUTED, linestyle="--", linewidth=1, zorder=0)
    for ax in axes.flat[1:]:
        ax.set_yticklabels([])
    drawing.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper left", ncols=4)
    return Figure(
        name="class_distributions",
        title="Image measures per class",
        caption="The bar spans the middle half of a class's images, the dots are the medians of its splits, "
        "the dashed line is the median of all images. Classes from dark to bright."
        + note_on_shown(len(shown), len(medians), "those that lie furthest out"),
        drawing=drawing,
        table=quartiles,
    )


def plot_quartiles(panel: pd.DataFrame, classes: Sequence[str], *, ax: Axes) -> Axes:
    """Bars and dots of one measure, the first class at the top."""
    rows = {label: row for row, label in enumerate(classes)}
    ax.use_sticky_edges = False  # a bar's end is not the end of the axis
    everything = panel[panel["split"] == "all"]
    span = everything["upper_quartile"] - everything["lower_quartile"]
    places = everything["label"].map(rows)
    ax.barh(places, span, left=everything["lower_quartile"], color="#DDE1E4", height=0.7, label="middle half")
    for split, colour in SPLIT_COLOURS.items():
        medians = panel[panel["split"] == split]
        if len(medians):
            ax.scatter(
                medians["median"], medians["label"].map(rows), color=colour, s=18, label=split, zorder=3
            )
    measure = panel["measure"].iloc[0]
    ax.set_xlabel(AXIS_NAMES[measure].replace(" (", "\n("))
    ax.locator_params(axis="x", nbins=4)
    ax.xaxis.set_major_formatter("{x:,g}")
    return label_class_axis(ax, classes)


def plot_class_contrasts(contrasts: pd.DataFrame, measures: pd.DataFrame) -> Figure:
    """Heat map of Cliff's delta: which class stands out in which measure, in training."""
    deltas = contrasts.pivot(index="label", columns="measure", values="cliffs_delta")
    order = [measure for measure in AXIS_NAMES if deltas[measure].abs().max() > 0]
    strongest = deltas.abs().max(axis=1).sort_values(ascending=False, kind="stable")
    shown = deltas.loc[strongest.index[:MAX_CLASSES], order]
    drawing, axes = new_figure(width=9, height=2 + ROW_INCHES * len(shown))
    ax = plot_delta_map(shown, ax=axes[0, 0])
    explained = measures.set_index("measure")["eta_squared"]
    names = [f"{AXIS_NAMES[measure].split(' (')[0]}\nη² = {explained[measure]:.2f}" for measure in order]
    ax.set_xticks(range(len(order)), names, fontsize=8)
    drawing.colorbar(ax.images[0], ax=ax, label="Cliff's delta", shrink=0.8, pad=0.01)
    return Figure(
        name="class_contrasts",
        title="Classes that stand out",
        caption="Each training class against all others: 0 no difference, +1 every image of the class "
        "measures higher than any other, -1 lower. At ±0.9 the measure alone recognises the class (AUROC "
        "0.95). η² is how much of the measure the classes explain together."
        + note_on_shown(len(shown), len(deltas), "those that stand out most"),
        drawing=drawing,
        table=contrasts[contrasts["label"].isin(shown.index)],
    )


def plot_delta_map(deltas: pd.DataFrame, *, ax: Axes) -> Axes:
    """(classes) × (measures) on a diverging scale from -1 to 1, with numbers."""
    ax.imshow(deltas, cmap=DIVERGING, vmin=-1, vmax=1, aspect="auto")
    for (row, column), delta in np.ndenumerate(deltas.to_numpy()):
        if np.isfinite(delta):
            colour = "white" if abs(delta) > 0.6 else "black"
            ax.text(column, row, f"{delta:+z.2f}", ha="center", va="center", fontsize=7, color=colour)
    label_class_axis(ax, deltas.index)
    ax.grid(visible=False)
    ax.tick_params(axis="x", length=0)
    return ax


def plot_pixel_histograms(images: pd.DataFrame, histograms: np.ndarray) -> Figure:
    """Top: mean histogram of each split. Bottom: that of each class, as rows of a heat map."""
    labelled = images[images["label"].notna()]
    means = {
        "split": mean_by_group(histograms, images["split"]),
        "class": mean_by_group(histograms, labelled["label"]),
    }
    table = tabulate_histograms(means)
    channels = list(table["channel"].unique())
    classes = spread_over(list(means["class"].index.astype(str)), MAX_CLASSES)
    height = 2.8 + ROW_INCHES * max(6, len(classes))
    drawing, axes = new_figure(width=9, height=height, rows=2, columns=len(channels))
    axes[0, 0].get_gridspec().set_height_ratios([1.6, ROW_INCHES * max(6, len(classes))])
    brightest = table.loc[table["group"].isin(classes), "share"].quantile(0.99)
    for column, channel in enumerate(channels):
        of_channel = table[table["channel"] == channel]
        plot_histograms(of_channel[of_channel["grouped_by"] == "split"], ax=axes[0, column])
        axes[0, column].set_title(channel)
        by_class = of_channel[of_channel["grouped_by"] == "class"]
        shares = by_class.pivot(index="group", columns="bin_start", values="share").loc[classes]
        plot_histogram_map(shares, brightest=brightest, ax=axes[1, column])
    for ax in axes[1, 1:]:
        ax.set_yticklabels([])
    axes[0, 0].set_ylabel("share of pixels")
    axes[0, 0].legend()
    drawing.colorbar(axes[1, -1].images[0], ax=axes[1, :], label="share of pixels", pad=0.01, extend="max")
    return Figure(
        name="pixel_histograms",
        title="Pixel values per split and class",
        caption="The mean histogram, each image weighing the same: curves are splits, rows are classes (the "
        "colour scale is by square root). A spike at an end means clipped shadows or highlights, or a plain "
        "background."
        + note_on_shown(len(classes), len(means["class"]), "evenly spread over the dataset's order"),
        drawing=drawing,
        table=table,
    )


def plot_histograms(table: pd.DataFrame, *, ax: Axes) -> Axes:
    for split, bins in table.groupby("group", sort=False):
        edges = np.r_[bins["bin_start"], 1.0]
        ax.stairs(bins["share"], edges, **_curve_style(split))
    ax.set_xlim(0, 1)
    ax.set_ylim(bottom=0)
    return ax


def plot_histogram_map(shares: pd.DataFrame, *, brightest: float, ax: Axes) -> Axes:
    """(classes) × (bins) as a heat map over the pixel value, from 0 to `brightest` by square root."""
    extent = (0, 1, len(shares) - 0.5, -0.5)
    norm = PowerNorm(0.5, vmin=0, vmax=brightest)
    ax.imshow(shares, cmap=SEQUENTIAL, norm=norm, aspect="auto", extent=extent)
    ax.set_xlabel("pixel value")
    label_class_axis(ax, shares.index)
    ax.grid(visible=False)
    return ax


def plot_mean_images(images: pd.DataFrame, thumbnails: np.ndarray) -> Figure:
    """The average thumbnail of each class."""
    labelled = images[images["label"].notna()]
    means = mean_by_group(thumbnails, labelled["label"])
    counts = labelled["label"].value_counts()
    shown = spread_over(list(means.index), 3 * MEAN_COLUMNS)
    pictures = means.loc[shown].to_numpy().reshape(-1, *thumbnails.shape[1:]).round().astype(np.uint8)
    captions = [f"{short_label(label, 14)}\nn = {counts[label]:,}" for label in shown]
    columns = len(shown) if len(shown) <= 4 else min(MEAN_COLUMNS, -(-len(shown) // 2))
    return Figure(
        name="mean_images",
        title="Mean image of each class",
        caption="All images of a class, squeezed to 32×32 pixels and averaged. What can still be seen is "
        "what they share: a pose, a background, a frame, a watermark. A varied class gives a plain patch."
        + note_on_shown(len(shown), len(means), "evenly spread over the dataset's order"),
        drawing=plot_image_grid(pictures, captions, columns=columns),
    )


def plot_extremes(extremes: pd.DataFrame, thumbnails: np.ndarray, value_ranges: pd.Series) -> Figure:
    """One row per measure: the images at its low end on the left, at its high end on the right.

    `value_ranges` are of the scan, by `item_id`.
    """
    measures = list(extremes["measure"].unique())
    n_columns = 2 * int(extremes["rank"].max()) + 1  # one left free between the ends
    size = {"width": 0.8 * n_columns, "height": 0.8 * CELL_HEIGHT * len(measures)}
    drawing, axes = new_figure(**size)
    ax = axes[0, 0]
    pictures = {
        row.item_id: open_picture(row.path, thumbnails[row.item_id], value_ranges[row.item_id])
        for row in extremes.drop_duplicates("item_id").itertuples()
    }
    for row in extremes.itertuples():
        is_low = row.end == "lowest"
        left, top = (
            row.rank - 1 if is_low else n_columns - row.rank,
            CELL_HEIGHT * measures.index(row.measure),
        )
        label = "" if pd.isna(row.label) else short_label(row.label, 14)
        place_picture(pictures[row.item_id], f"{_number(row.value)}\n{label}", left=left, top=top, ax=ax)
        if row.rank == 1:
            name, side = END_NAMES[row.measure][0 if is_low else 1], "left" if is_low else "right"
            edge = left + (PICTURE_GAP if is_low else 1 - PICTURE_GAP)
            ax.text(edge, top - 0.06, name, ha=side, va="bottom", fontsize=9, fontweight="bold")
    ax.set_xlim(0, n_columns)
    ax.set_ylim(CELL_HEIGHT * len(measures) - 0.25, -0.25)
    ax.set_aspect("equal")
    ax.set_axis_off()
    return Figure(
        name="extremes",
        title="The most extreme images",
        caption="Each row is a measure, with its value under each image: the lowest from the left, the "
        "highest from the right. Look for failed exposures, blank frames and images that do not belong. "
        "Paths are in the table.",
        drawing=drawing,
        table=extremes,
    )


def place_picture(picture: np.ndarray, caption: str, *, left: float, top: float, ax: Axes) -> None:
    """An (H, W, 3) picture in its proportions, framed and captioned, in the cell at (left, top)."""
    height, width = (1 - 2 * PICTURE_GAP) * np.array(picture.shape[:2]) / max(picture.shape[:2])
    x, y = left + (1 - width) / 2, top + (1 - height) / 2
    ax.imshow(picture, extent=(x, x + width, y + height, y))
    ax.add_patch(Rectangle((x, y), width, height, fill=False, edgecolor=MUTED, linewidth=0.5))
    ax.text(left + 0.5, top + 1, caption, ha="center", va="top", fontsize=7, parse_math=False)


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def open_picture(path: str, thumbnail: np.ndarray, value_range: str | None) -> np.ndarray:
    """The file as a person sees it, at most `PICTURE_PX` large; its thumbnail if the file is gone by now."""
    try:
        picture = open_as_seen(path, value_range=value_range, allow_truncated=True)
    except ImageError:
        return np.asarray(thumbnail)
    picture.thumbnail((PICTURE_PX, PICTURE_PX))
    return np.asarray(picture)

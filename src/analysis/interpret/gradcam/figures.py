"""Drawings of attribution maps and of what they are worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing
from PIL import Image

from analysis.contract import Figure
from analysis.drawing.class_axis import (
    MAX_CLASSES,
    class_positions,
    label_class_axis,
    note_on_shown,
    short_label,
    spread_over,
)
from analysis.drawing.pictures import plot_image_grid, show_image
from analysis.drawing.style import ACCENT, MUTED, SEQUENTIAL, WARNING, new_figure
from analysis.statistics.proportions import Z_95

TILE_PX = 120  # side of a picture in a strip
GAP_PX = 4  # white between the pictures of a strip
TILE_INCHES = 0.9
STRIP_INCHES = 7.6  # width of a figure of strips
HEAT = "inferno"  # on grey: dark where there is nothing, so that the picture stays
MAX_CLASSES_SHOWN = 12  # of which pictures are shown
METHOD_NAMES = {
    "gradcam": "Grad-CAM",
    "guided_gradcam": "guided Grad-CAM",
    "integrated_gradients": "integrated gradients",
}
REGION_NAMES = {"border": "on the border", "background": "outside the object"}
COLOURS = {"gradcam": ACCENT, "guided_gradcam": "#CC79A7", "integrated_gradients": "#009E73"}


# ---- overlays --------------------------------------------------------------------------------------------
def tile_of(image: np.ndarray) -> np.ndarray:
    """A picture (H, W, 3) uint8 as large as a tile; what is smaller keeps its pixels' edges."""
    kernel = Image.Resampling.NEAREST if image.shape[0] < TILE_PX else Image.Resampling.BOX
    return np.asarray(Image.fromarray(image).resize((TILE_PX, TILE_PX), kernel))


def overlay(image: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """The picture (H, W, 3) in grey under its map (H, W), scaled to its own maximum: a tile, uint8."""
    grey = np.asarray(Image.fromarray(tile_of(image)).convert("L"), dtype=float)[..., None] / 255
    scaled = Image.fromarray(heat.astype(np.float32) / max(float(heat.max()), np.finfo(np.float32).tiny))
    strength = np.clip(np.asarray(scaled.resize((TILE_PX, TILE_PX), Image.Resampling.BILINEAR)), 0, 1)
    colour = matplotlib.colormaps[HEAT](strength)[..., :3]
    opacity = 0.8 * np.sqrt(strength)[..., None]
    return (((1 - opacity) * grey + opacity * colour) * 255).astype(np.uint8)


def strip_of(tiles: Sequence[np.ndarray]) -> np.ndarray:
    """Tiles side by side with a gap between them."""
    gap = np.full((TILE_PX, GAP_PX, 3), 255, dtype=np.uint8)
    parts = [part for tile in tiles for part in (gap, tile)]
    return np.concatenate(parts[1:], axis=1)


def _plot_strips(strips: Sequence[np.ndarray], captions: Sequence[str], *, n_tiles: int) -> Drawing:
    """Strips of `n_tiles` in as many columns as fit, each with its caption below."""
    columns = int(STRIP_INCHES // (n_tiles * TILE_INCHES))
    rows = -(-len(strips) // columns)
    drawing, axes = new_figure(
        width=STRIP_INCHES, height=rows * (TILE_INCHES + 0.3), rows=rows, columns=columns
    )
    for axis in axes.flat:
        axis.set_axis_off()
    for axis, strip, caption in zip(axes.flat, strips, captions, strict=False):
        show_image(axis, strip, caption)
    return drawing


def shown_rows(images: pd.DataFrame, classes: Sequence[str], n_per_class: int) -> pd.DataFrame:
    """The first rows of each class, of at most `MAX_CLASSES_SHOWN` of the classes that have any."""
    present = [label for label in classes if label in set(images["label"])]
    chosen = spread_over(present, MAX_CLASSES_SHOWN) if present else []
    rows = images[images["label"].isin(chosen)].sort_values("class_index", kind="stable")
    return rows.groupby("class_index", sort=False).head(n_per_class)


def plot_right(
    images: pd.DataFrame,
    pixels: np.ndarray,
    maps: np.ndarray,
    *,
    classes: Sequence[str],
    n_per_class: int,
    method: str,
    split: str,
) -> Figure:
    """Right predictions, each beside its overlay; `images` are rows of `pixels` (N, H, W, 3) and `maps`."""
    shown = shown_rows(images[images["is_right"]], classes, n_per_class)
    strips = [strip_of([tile_of(pixels[i]), overlay(pixels[i], maps[i])]) for i in shown.index]
    captions = [f"{short_label(row.label, 18)}, {row.confidence:.0%}" for row in shown.itertuples()]
    n_present = images.loc[images["is_right"], "label"].nunique()
    return Figure(
        name="right_predictions",
        title="What right predictions rest on",
        caption=f"Right predictions of the {split} split, drawn at random, as the network sees them: the "
        f"picture, and its {METHOD_NAMES[method]} for the predicted class, bright where most of the evidence "
        "is, each map scaled to its own maximum; below, the class and the network's probability. A map on "
        "the object says that the network looks there, not that it sees what a person sees there."
        + note_on_shown(shown["label"].nunique(), n_present, "evenly spread"),
        drawing=_plot_strips(strips, captions, n_tiles=2),
        table=_table_of(shown),
    )


def plot_wrong(
    images: pd.DataFrame,
    pixels: np.ndarray,
    maps: np.ndarray,
    actual_maps: np.ndarray,
    *,
    classes: Sequence[str],
    n_per_class: int,
    method: str,
    split: str,
) -> Figure:
    """Wrong predictions: the picture, the overlay for the predicted class and that for the actual one."""
    shown = shown_rows(images[~images["is_right"]], classes, n_per_class)
    strips = [
        strip_of([tile_of(pixels[i]), overlay(pixels[i], maps[i]), overlay(pixels[i], actual_maps[i])])
        for i in shown.index
    ]
    captions = [
        f"taken for {short_label(row.predicted_label, 14)}, {row.confidence:.0%}  |  "
        f"is {short_label(row.label, 14)}"
        for row in shown.itertuples()
    ]
    n_present = images.loc[~images["is_right"], "label"].nunique()
    return Figure(
        name="wrong_predictions",
        title="What wrong predictions rest on",
        caption=f"Wrong predictions of the {split} split, drawn at random: the picture, its "
        f"{METHOD_NAMES[method]} for the class it was taken for, and that for the class it is. Where both "
        "light up in one place the network looks at the right thing and misreads it; where they lie apart, "
        "something else in the picture misleads it. A grey picture has no evidence for that class."
        + note_on_shown(shown["label"].nunique(), n_present, "evenly spread"),
        drawing=_plot_strips(strips, captions, n_tiles=3),
        table=_table_of(shown),
    )


def plot_methods(
    images: pd.DataFrame,
    pixels: np.ndarray,
    maps: Mapping[str, np.ndarray],
    *,
    classes: Sequence[str],
    n_per_class: int,
) -> Figure:
    """The same pictures under every method that was asked for."""
    shown = shown_rows(images[images["is_right"]], classes, n_per_class)
    strips = [
        strip_of([tile_of(pixels[i]), *(overlay(pixels[i], of_method[i]) for of_method in maps.values())])
        for i in shown.index
    ]
    names = ", ".join(METHOD_NAMES[method] for method in maps)
    return Figure(
        name="methods",
        title="The same pictures under each method",
        caption=f"Left to right: the picture, {names}, for the predicted class. Methods disagree in detail; "
        "what only one of them shows is that method's, not the network's. See below which of them change "
        "when the weights are random.",
        drawing=_plot_strips(
            strips, [short_label(label, 24) for label in shown["label"]], n_tiles=1 + len(maps)
        ),
        table=_table_of(shown),
    )


def _table_of(shown: pd.DataFrame) -> pd.DataFrame:
    columns = ["item_id", "path", "label", "predicted_label", "confidence"]
    return shown[columns].rename(columns={"confidence": "probability"})


def plot_mean_maps(images: pd.DataFrame, maps: np.ndarray, *, classes: Sequence[str], method: str) -> Figure:
    """The mean map of each class's right predictions, each map summing to 1 before."""
    total = maps.sum(axis=(1, 2))
    is_used = images["is_right"].to_numpy() & (total > 0)
    present = [label for label in classes if label in set(images.loc[is_used, "label"])]
    shown = spread_over(present, MAX_CLASSES) if present else []
    pictures, captions, rows = [], [], []
    for label in shown:
        of_class = is_used & (images["label"] == label).to_numpy()
        mean = (maps[of_class] / total[of_class, None, None]).mean(axis=0)
        strength = Image.fromarray((mean / mean.max()).astype(np.float32)).resize((TILE_PX, TILE_PX))
        pictures.append(
            (matplotlib.colormaps[SEQUENTIAL](np.asarray(strength))[..., :3] * 255).astype(np.uint8)
        )
        captions.append(f"{short_label(label, 14)} ({of_class.sum()})")
        place = np.unravel_index(mean.argmax(), mean.shape)
        rows.append((label, int(of_class.sum()), int(place[0]), int(place[1])))
    return Figure(
        name="mean_maps",
        title="Where each class is seen, on average",
        caption=f"Mean {METHOD_NAMES[method]} of the right predictions of each class (number of images in "
        "brackets), each picture scaled to its own maximum. Objects that may be anywhere give a bright "
        "middle; a bright corner or edge in one class alone is a mark that gives the class away."
        + note_on_shown(len(shown), len(present), "evenly spread"),
        drawing=plot_image_grid(
            pictures, captions, columns=8 if len(shown) > 10 else max(1, min(5, len(shown)))
        ),
        table=pd.DataFrame(rows, columns=["label", "n_images", "peak_row_px", "peak_column_px"]),
    )


# ---- numbers ---------------------------------------------------------------------------------------------
def plot_class_shares(tests: pd.DataFrame, *, region: str, method: str, n_random: int) -> Figure:
    """Share of attribution in the region by class, beside that of random networks."""
    ranked = tests.sort_values("excess_share", ascending=False, kind="stable")  # NaN last
    shown = ranked.iloc[class_positions(len(ranked))]
    drawing, axes = new_figure(width=8, height=1.6 + 0.26 * len(shown))
    draw_shares(shown, ax=axes[0, 0])
    axes[0, 0].set(xlabel=f"Share of attribution {REGION_NAMES[region]}")
    axes[0, 0].set_title(f"{METHOD_NAMES[method]} (n = {tests['n_images'].sum():,} right predictions)")
    return Figure(
        name=f"{region}_shares",
        title=f"How much of each class is seen {REGION_NAMES[region]}",
        caption=f"Mean share of the attribution that lies {REGION_NAMES[region]}, with its 95% interval over "
        f"images (their number in brackets); in grey the range of {n_random} networks of random weights on "
        "the same images; the tick is the area's share, which attribution that lies anywhere would have. "
        "Classes by how far they are above every random network; flagged ones are orange."
        + note_on_shown(len(shown), len(ranked), "the most and the least above random"),
        drawing=drawing,
        table=ranked,
    )


def draw_shares(tests: pd.DataFrame, *, ax: Axes) -> Axes:
    rows = np.arange(len(tests))
    ax.hlines(
        rows,
        tests["random_share_low"],
        tests["random_share_high"],
        color=MUTED,
        linewidth=7,
        alpha=0.45,
        label="random weights",
    )
    ax.plot(tests["area_share"], rows, "|", color="black", markersize=9, label="share of the area")
    for is_flagged, colour in ((False, ACCENT), (True, WARNING)):
        part = (tests["is_flagged"] == is_flagged).to_numpy()
        if part.any():
            ax.hlines(
                rows[part], tests["share_low"][part], tests["share_high"][part], color=colour, linewidth=1.5
            )
            label = "trained, flagged" if is_flagged else "trained"
            ax.plot(tests["share"][part], rows[part], "o", color=colour, markersize=5, label=label)
    label_class_axis(ax, [f"{short_label(row.label)} ({row.n_images})" for row in tests.itertuples()])
    ax.set_xlim(0, 1)
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.08), ncols=4)
    return ax


def plot_removal(curves: pd.DataFrame) -> Figure:
    """Mean probability as pixels are taken away or put in; `curves`: measure, method, order, fraction, …"""
    drawing, axes = new_figure(width=8, height=3.6, columns=2)
    for ax, measure in zip(axes.flat, ("deletion", "insertion"), strict=True):
        for (method, order), line in curves[curves["measure"] == measure].groupby(["method", "order"]):
            colour = COLOURS[method]
            is_map = order == "map"
            label = METHOD_NAMES[method] if is_map else "random order"
            ax.plot(
                line["fraction"], line["mean"], color=colour, linestyle="-" if is_map else ":", label=label
            )
            half = Z_95 * line["standard_error"]
            ax.fill_between(
                line["fraction"],
                (line["mean"] - half).clip(lower=0),
                (line["mean"] + half).clip(upper=1),
                color=colour,
                alpha=0.12,
                linewidth=0,
            )
        ax.set(title=measure.capitalize(), ylim=(0, 1.02), xlim=(0, 1), ylabel="Probability of the class")
        ax.set_xlabel("Pixels blurred" if measure == "deletion" else "Pixels made sharp")
        ax.legend(fontsize=8)
    n = int(curves["n_images"].max())
    return Figure(
        name="deletion_insertion",
        title="Do the maps name the pixels that matter?",
        caption=f"Mean probability of the predicted class over {n} right predictions, with 95% intervals, as "
        "pixels are blurred (deletion) or made sharp (insertion), the most important by the map first; "
        "dotted, in random order, in patches as coarse as the map's cells. A faithful map falls sooner on "
        "the left and rises sooner on the right than the dotted line.",
        drawing=drawing,
        table=curves,
    )


def plot_cascade(cascade: pd.DataFrame, *, n_images: int) -> Figure:
    """Likeness to the trained network's maps as more of the weights are made random."""
    steps = ["as trained", *cascade["down_to"].unique()]
    drawing, axes = new_figure(width=8, height=3.4, columns=2)
    columns = {"rank_correlation": "Spearman's rank correlation", "ssim": "SSIM"}
    for ax, (column, name) in zip(axes.flat, columns.items(), strict=True):
        for method, rows in cascade.groupby("method", sort=False):
            by_step = rows.groupby("down_to", sort=False)[column]
            ax.plot(steps, [1.0, *by_step.mean()], "o-", color=COLOURS[method], label=METHOD_NAMES[method])
            ax.vlines(steps[1:], by_step.min(), by_step.max(), color=COLOURS[method], alpha=0.5)
        ax.axhline(0, color=MUTED, linewidth=1)
        ax.set(
            title=name,
            ylim=(min(-0.1, cascade[column].min() - 0.05), 1.05),
            xlabel="Random from the head down to",
        )
        ax.tick_params(axis="x", rotation=35)
    axes[0, 0].legend()
    return Figure(
        name="randomisation",
        title="Do the maps change when the weights are random?",
        caption=f"Mean likeness of the maps of {n_images} right predictions to the trained network's, as "
        "weights are made random from the output down (Adebayo et al. 2018); bars span the random networks. "
        "A map that stays alike when all is random shows the picture, not what the network has learnt.",
        drawing=drawing,
        table=cascade,
    )

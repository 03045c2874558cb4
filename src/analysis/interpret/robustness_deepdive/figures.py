"""Drawings of what misleads a classifier: attacks, filters, waves and covered patches."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.image import AxesImage

from analysis.contract import Figure
from analysis.drawing.class_axis import note_on_shown, short_label, spread_over
from analysis.drawing.pictures import plot_image_grid, show_image
from analysis.drawing.style import ACCENT, DIVERGING, MUTED, SEQUENTIAL, WARNING, class_colours, new_figure

UNITS = {"linf": "largest change of a pixel, L∞ (1/255)", "l2": "length of the change, L2 (pixels of [0, 1])"}
ATTACK_STYLES = {
    "noise": ("random noise", MUTED, "o-"),
    "fgsm": ("FGSM, one step", ACCENT, "s-"),
    "pgd": ("PGD", WARNING, "o-"),
}
MAX_LINES = 10  # classes whose spectra can be told apart
EXAMPLES_ACROSS = 2


def plot_robust_accuracy(accuracy: pd.DataFrame, medians: dict[str, float], *, split: str) -> Figure:
    """Accuracy by ε under each attack; `accuracy` has the rows of each norm below one another."""
    norms = list(accuracy["norm"].unique())
    drawing, axes = new_figure(width=9, height=3.8, columns=len(norms))
    for ax, norm in zip(axes[0], norms, strict=True):
        draw_accuracy(accuracy[accuracy["norm"] == norm], medians[norm], ax=ax)
        ax.set_xlabel(f"ε: {UNITS[norm]}")
    axes[0, 0].set(ylabel="Accuracy", title=f"{split} (n = {accuracy['n_images'].iloc[0]:,})")
    axes[0, 0].legend(loc="lower left")
    return Figure(
        name="robust_accuracy",
        title="How large a change it takes to mislead the classifier",
        caption="Share of images still right by the size ε of the change, with PGD's 95% Wilson interval; "
        "the points at the left are without an attack. The dashed line is the median of the smallest "
        "changes that PGD found of images rightly recognised. Curves that do not reach 0 at the right, or "
        "FGSM below PGD, are signs of an attack that fails, not of a robust classifier.",
        drawing=drawing,
        table=accuracy,
    )


def draw_accuracy(accuracy: pd.DataFrame, median: float, *, ax: Axes) -> Axes:
    """One norm's curves; no attack stands one step to the left of the smallest ε."""
    attacks = accuracy["epsilon"].to_numpy(float)
    places = np.r_[attacks[1] / 2, attacks[1:]]
    for attack, (name, colour, style) in ATTACK_STYLES.items():
        ax.plot(places, accuracy[f"accuracy_{attack}"], style, color=colour, label=name, markersize=4)
    ax.fill_between(places, accuracy["pgd_low"], accuracy["pgd_high"], color=WARNING, alpha=0.15, linewidth=0)
    if np.isfinite(median):
        ax.axvline(median, color=WARNING, linestyle="--", linewidth=1)
    ax.set_xscale("log")
    ax.set_xticks(places, ["0", *(f"{size:g}" for size in attacks[1:])])
    ax.minorticks_off()
    ax.set_ylim(-0.03, 1.03)
    return ax


def plot_adversarial_examples(
    images: np.ndarray, perturbed: np.ndarray, table: pd.DataFrame, *, split: str
) -> Figure:
    """Image, changed image and the change; (N, H, H, 3) in [0, 1]. `table` has one row per image."""
    pictures, captions = [], []
    for image, changed, row in zip(images, perturbed, table.itertuples(), strict=True):
        change = changed - image
        largest = np.abs(change).max()
        pictures += [image, changed, 0.5 + change / (2 * largest)]
        captions += [
            f"{short_label(row.label, 12)}, {row.probability:.0%}",
            f"→ {short_label(row.misled_to, 12)}, {row.misled_probability:.0%}",
            f"ε = {row.epsilon:.2g}/255, × {0.5 / largest:.0f}",
        ]
    return Figure(
        name="adversarial_examples",
        title="Changes that mislead the classifier",
        caption=f"{len(table)} {split} images rightly recognised, in threes: the image with the "
        "probability of its class; the image with the smallest change that PGD found (L∞), and the class "
        "it is taken for; and the change alone, multiplied so that its largest reaches black or white, "
        "grey is none.",
        drawing=plot_image_grid(
            [(picture * 255).round().astype(np.uint8) for picture in pictures],
            captions,
            columns=3 * EXAMPLES_ACROSS,
            size=1.35,
        ),
        table=table,
    )


def plot_filters(filters: pd.DataFrame, clean_accuracy: float, *, split: str) -> Figure:
    drawing, axes = new_figure(width=7, height=3.8)
    ax = axes[0, 0]
    cutoffs = filters["cutoff_cycles"]
    styles = {
        "low_pass": ("low pass: slower waves are left", ACCENT),
        "high_pass": ("high pass: faster waves are left", WARNING),
    }
    for name, (label, colour) in styles.items():
        ax.plot(cutoffs, filters[name], "o-", color=colour, label=label, markersize=4)
        ax.fill_between(
            cutoffs, filters[f"{name}_low"], filters[f"{name}_high"], color=colour, alpha=0.15, linewidth=0
        )
    ax.axhline(clean_accuracy, color=MUTED, linestyle="--", linewidth=1)
    ax.set_xscale("log")
    ax.set_xticks(cutoffs, [f"{c:g}" for c in cutoffs])
    ax.minorticks_off()
    ax.set(ylim=(-0.03, 1.03), xlabel="Cut-off (cycles per image)", ylabel="Accuracy")
    ax.set_title(f"{split} (n = {filters['n_images'].iloc[0]:,})")
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return Figure(
        name="frequency_filters",
        title="What the classifier recognises in coarse shape alone, and in fine detail alone",
        caption="Accuracy on what a filter leaves of the images, with 95% intervals; the dashed line is "
        "that on whole images. A person recognises what is left below a few cycles per image, and not "
        "much of what is above.",
        drawing=drawing,
        table=filters,
    )


def plot_fourier_map(waves: pd.DataFrame, clean_error: float, *, rms: float, split: str) -> Figure:
    drawing, axes = new_figure(width=5.6, height=4.6)
    cells = draw_fourier_map(waves, ax=axes[0, 0])
    n = waves["n_images"].iloc[0]
    axes[0, 0].set_title(f"{split} (n = {n:,} images, {len(waves):,} waves)")
    drawing.colorbar(cells, ax=axes[0, 0], shrink=0.8, label="error rate")
    return Figure(
        name="fourier_map",
        title="Which waves mislead the classifier",
        caption=f"Error rate with one wave of root mean square {rms:g} added to each image, by the wave's "
        "frequency down and across in cycles per image; the middle is a change of brightness, and without "
        f"a wave the rate is {clean_error:.1%}. A wave and its opposite are one: the lower half mirrors "
        "the upper.",
        drawing=drawing,
        table=waves,
    )


def draw_fourier_map(waves: pd.DataFrame, *, ax: Axes) -> AxesImage:
    """The half plane and its mirror image, slow waves in the middle."""
    mirrored = waves.assign(down_cycles=-waves["down_cycles"], across_cycles=-waves["across_cycles"])
    both = pd.concat([waves, mirrored]).drop_duplicates(["down_cycles", "across_cycles"])
    grid = both.pivot(index="down_cycles", columns="across_cycles", values="error_rate")
    cells = ax.imshow(grid, cmap=SEQUENTIAL, vmin=0, vmax=1, origin="lower")
    for set_ticks, frequencies in ((ax.set_xticks, grid.columns), (ax.set_yticks, grid.index)):
        shown = range(0, len(frequencies), max(1, len(frequencies) // 8))
        set_ticks(shown, [f"{frequencies[i]:g}" for i in shown])
    ax.grid(visible=False)
    ax.set(xlabel="Cycles across", ylabel="Cycles down")
    return cells


def plot_spectra(
    by_class: pd.DataFrame, by_outcome: pd.DataFrame, counts: pd.Series, *, split: str
) -> Figure:
    """Mean power by frequency (rows) of classes, and of right and wrong; `counts` has each one's images."""
    drawing, axes = new_figure(width=9, height=3.8, columns=2)
    classes = list(by_class)
    shown = spread_over(classes, MAX_LINES)
    draw_spectra(by_class[shown], class_colours(classes), counts, ax=axes[0, 0])
    draw_spectra(by_outcome, {"right": ACCENT, "wrong": WARNING}, counts, ax=axes[0, 1])
    n_images = counts[list(by_outcome)].sum()
    axes[0, 0].set(ylabel="Power (mean over the ring)", title=f"{split} (n = {n_images:,}), by class")
    axes[0, 1].set_title("by prediction")
    return Figure(
        name="power_spectra",
        title="How much of the images is fine detail",
        caption="Power of the grey pictures at the classifier's input size by frequency (geometric mean "
        "over images). A class that lies apart at high frequencies is sharper, noisier or compressed "
        "otherwise than the rest, which a classifier may use."
        + note_on_shown(len(shown), len(classes), "evenly spread"),
        drawing=drawing,
        table=pd.concat([by_class, by_outcome], axis=1).rename_axis("cycles").reset_index(),
    )


def draw_spectra(
    spectra: pd.DataFrame, colours: Mapping[str, str | tuple[float, ...]], counts: pd.Series, *, ax: Axes
) -> Axes:
    for name in spectra:
        label = f"{short_label(name, 14)} ({counts[name]:,})"
        ax.loglog(spectra.index, spectra[name], color=colours[name], linewidth=1.3, label=label)
    for text in ax.legend(fontsize=7, ncols=2).get_texts():
        text.set_parse_math(False)
    octaves = 2 ** np.arange(int(np.log2(len(spectra))) + 1)
    ax.set_xticks(octaves, [str(octave) for octave in octaves])
    ax.minorticks_off()
    ax.set_xlabel("Frequency (cycles per image)")
    return ax


def plot_occlusion(
    images: np.ndarray, maps: np.ndarray, table: pd.DataFrame, *, patch_px: int, split: str
) -> Figure:
    """Each image beside its map; images (N, H, H, 3) in [0, 1], maps (N, H, H)."""
    columns = 2 * 3
    rows = -(-2 * len(images) // columns)
    drawing, axes = new_figure(width=8.4, height=rows * 1.5 + 0.3, rows=rows, columns=columns)
    limit = max(float(np.abs(maps).max()), np.finfo(float).eps)
    for ax in axes.flat:
        ax.set_axis_off()
    places = axes.reshape(-1, 2)[: len(images)]
    for (left, right), image, drop, row in zip(places, images, maps, table.itertuples(), strict=True):
        show_image(
            left,
            (image * 255).round().astype(np.uint8),
            f"{short_label(row.label, 12)} → {short_label(row.predicted_label, 12)}",
        )
        show_image(right, image.mean(axis=2, keepdims=True).repeat(3, axis=2) * 0.5 + 0.25)
        cells = right.imshow(drop, cmap=DIVERGING, vmin=-limit, vmax=limit, alpha=0.75)
        right.text(
            0.5,
            -0.04,
            f"{row.probability:.0%}, −{row.largest_drop:.0%}",
            transform=right.transAxes,
            ha="center",
            va="top",
            fontsize=7,
        )
    drawing.colorbar(cells, ax=axes, shrink=0.6, label="fall of the probability")
    return Figure(
        name="occlusion",
        title="Which part of the image the prediction hangs on",
        caption=f"{len(table)} {split} images as actual → predicted class, right ones first, each beside "
        f"the map of how far the probability of the predicted class falls when a square of {patch_px} × "
        f"{patch_px} pixels takes the mean colour (mean over the squares that cover a pixel), with the "
        "probability and the largest fall. Red: the prediction hangs on it; blue: it speaks against it.",
        drawing=drawing,
        table=table,
    )

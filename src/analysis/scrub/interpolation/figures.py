"""Drawings of what resizing costs: the pictures themselves, losses by method, and power by frequency."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from analysis.contract import Figure
from analysis.drawing.class_axis import label_class_axis
from analysis.drawing.style import ACCENT, MUTED, OKABE_ITO, WARNING, new_figure
from analysis.scrub.resampling import ANTIALIASED, METHODS, N_BANDS, central_part
from analysis.statistics.proportions import Z_95

PANELS = {
    "psnr_db": "PSNR (dB)",
    "ssim": "SSIM",
    "fine_detail_fraction": "fine detail kept (power)",
    "stray_fraction": "stray power",
}


def plot_pictures(example: np.ndarray, methods: pd.DataFrame, target_px: int) -> Figure:
    """The example as each method leaves it; `example` (H, W) in [0, 1]."""
    picture, shape = central_part(example, target_px)
    recommended = methods.loc[methods["is_recommended"], "method"].item()
    pictures = {"original": picture} | {name: resize(picture, shape) for name, resize in METHODS.items()}
    drawing, axes = new_figure(width=9, height=4.4, rows=2, columns=5)
    for ax in axes.flat:
        ax.set_axis_off()
    places = [axes[0, 0], *axes[0, 1:], *axes[1, 1:]]
    for ax, (name, pixels) in zip(places, pictures.items(), strict=True):
        ax.imshow(
            pixels,
            cmap="gray",
            vmin=0,
            vmax=1,
            aspect=picture.shape[0] / picture.shape[1] if name != "original" else "equal",
        )
        height, width = pixels.shape
        ax.set_title(
            f"{name}\n{width}×{height} px",
            fontsize=8,
            loc="center",
            color=ACCENT if name == recommended else "black",
        )
    return Figure(
        name="pictures",
        title="One image at the training size",
        caption="The image of the sample that suffers most. Upper row: with antialiasing; lower row: "
        "without, where edges turn into steps and fine patterns into false ones. The recommended method has "
        "a blue title. Luma only.",
        drawing=drawing,
    )


def plot_losses(methods: pd.DataFrame, losses: pd.DataFrame) -> Figure:
    """One panel a measure: mean of each method with its 95% interval."""
    grouped = losses.groupby("method")[list(PANELS)]
    means, margins = grouped.mean().loc[list(METHODS)], Z_95 * grouped.sem().loc[list(METHODS)]
    drawing, axes = new_figure(width=9, height=3.4, columns=len(PANELS))
    for ax, (measure, name) in zip(axes.flat, PANELS.items(), strict=True):
        plot_means(means[measure], margins[measure], methods["is_recommended"].to_numpy(), ax=ax)
        ax.set_xlabel(name)
        ax.locator_params(axis="x", nbins=4)
    for ax in axes.flat[1:]:
        ax.set_yticklabels([])
    return Figure(
        name="losses",
        title="What each method keeps and adds",
        caption="Means over the sample with 95% intervals; blue is the recommended method, orange those "
        "without antialiasing. PSNR, SSIM and detail: more is better. Stray power (aliasing, or the steps of "
        "a kernel when images are enlarged): less is better.",
        drawing=drawing,
        table=methods,
    )


def plot_means(means: pd.Series, margins: pd.Series, is_recommended: np.ndarray, *, ax: Axes) -> Axes:
    """Dots with intervals, one row per method."""
    places = np.arange(len(means))
    plain = np.where(means.index.isin(list(ANTIALIASED)), "#444444", WARNING)
    colours = np.where(is_recommended, ACCENT, plain)
    ax.hlines(places, means - margins, means + margins, color=colours, linewidth=2)
    ax.scatter(means, places, color=colours, s=26, zorder=3)
    return label_class_axis(ax, means.index)


def plot_spectra(powers: np.ndarray, methods: pd.DataFrame) -> Figure:
    """Left: power kept by frequency. Right: stray power; `powers` (methods, 3, N_BANDS)."""
    kept, stray, ideal = powers.transpose(1, 0, 2)
    whole = np.where(ideal > 0, ideal, np.nan)
    frequencies = (np.arange(N_BANDS) + 0.5) / N_BANDS
    drawing, axes = new_figure(width=9, height=3.8, columns=2)
    left, right = axes[0]
    for i, name in enumerate(methods["method"]):
        style = {"color": OKABE_ITO[i], "linestyle": "-" if name in ANTIALIASED else "--", "linewidth": 1.6}
        left.plot(frequencies, kept[i] / whole[i], label=name, **style)
        right.plot(frequencies, stray[i] / ideal[i].sum(), **style)
    left.axhline(1, color=MUTED, linewidth=1)
    left.set_ylabel("power kept, of the ideal")
    right.set_ylabel("stray power, of all there should be")
    right.set_yscale("log")
    right.set_ylim(bottom=1e-8)  # below it lie rounding errors
    for ax in (left, right):
        ax.set_xlabel("frequency, of the highest at the training size")
    drawing.legend(*left.get_legend_handles_labels(), loc="outside upper left", ncols=4)
    table = pd.DataFrame(
        {
            "method": np.repeat(methods["method"].to_numpy(), N_BANDS),
            "frequency": np.tile(frequencies, len(methods)),
            "kept_power": kept.ravel(),
            "stray_power": stray.ravel(),
            "ideal_power": ideal.ravel(),
        }
    )
    return Figure(
        name="spectra",
        title="Detail kept and made up, by frequency",
        caption="Left: how much of the power at each frequency is left; the grey line is an ideal low-pass. "
        "Right: power that does not belong there. Dashed: without antialiasing.",
        drawing=drawing,
        table=table,
    )

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd

from analysis.contract import Artifacts, Figure
from analysis.dataset.input_size import choose_network
from analysis.scrub.interpolation.figures import plot_losses, plot_pictures, plot_spectra
from analysis.scrub.interpolation.notes import CAPTIONS, metrics_of, notes_on, summary_of
from analysis.scrub.interpolation.parameters import InterpolationParameters
from analysis.scrub.resampling import ANTIALIASED, MEASURES, METHODS
from analysis.statistics.proportions import Z_95

METHOD_COLUMNS = [
    "method",
    "is_antialiased",
    "is_recommended",
    "n_images",
    "psnr_db",
    "ssim",
    "ssim_gain",
    "ssim_gain_low",
    "ssim_gain_high",
    "fine_detail_fraction",
    "stray_fraction",
]


def interpolation(
    scan: pd.DataFrame,
    losses: pd.DataFrame,
    powers: np.ndarray,
    example: np.ndarray,
    *,
    parameters: InterpolationParameters,
    architecture: str,
    weights: str,
    checkpoint: str,
    input_px: Literal["auto"] | int,
) -> Artifacts:
    """Recommend a method by what the stage `resampling_losses` has measured, and draw it."""
    target_px = choose_network(
        scan, architecture=architecture, weights=weights, checkpoint=checkpoint, input_px=input_px
    ).input_px
    sizes = scan[["width_px", "height_px"]]
    images = sizes.iloc[losses["item_id"].unique().astype(int)].astype(int)
    methods = summarise_methods(losses, parameters.min_ssim_gain)
    direction = _direction(images, target_px)
    return Artifacts(
        summary=summary_of(methods, target_px, len(images)),
        metrics=metrics_of(methods, target_px, images),
        tables={"interpolation_methods": methods},
        captions=CAPTIONS,
        figures=_figures(methods, losses, powers, example, target_px, direction),
        notes=notes_on(images, scan, target_px, direction),
    )


def summarise_methods(losses: pd.DataFrame, min_ssim_gain: float) -> pd.DataFrame:
    """One row per method, in the order of preference, with `METHOD_COLUMNS`."""
    methods = losses.groupby("method")[MEASURES].mean().reindex(list(METHODS))
    ssim = losses.pivot(index="path", columns="method", values="ssim").reindex(columns=list(METHODS))
    gains = ssim.sub(ssim["bilinear"], axis=0)
    margin = Z_95 * gains.sem()
    methods["ssim_gain"] = gains.mean()
    methods["ssim_gain_low"] = methods["ssim_gain"] - margin
    methods["ssim_gain_high"] = methods["ssim_gain"] + margin
    methods["n_images"] = len(ssim)
    methods["is_antialiased"] = methods.index.isin(list(ANTIALIASED))
    beats = methods["is_antialiased"] & methods["ssim_gain_low"].gt(min_ssim_gain)
    recommended = methods["ssim"].where(beats).idxmax() if beats.any() else "bilinear"
    methods["is_recommended"] = methods.index == recommended
    return methods.rename_axis("method").reset_index()[METHOD_COLUMNS]


def _direction(images: pd.DataFrame, target_px: int) -> str:
    """What becomes of most images: "reduced", "enlarged" or "kept" as they are."""
    pixels = images["width_px"] * images["height_px"]
    is_kept = images["width_px"].eq(target_px) & images["height_px"].eq(target_px)
    if is_kept.mean() > 0.5:
        return "kept"
    return "reduced" if pixels.median() > target_px**2 else "enlarged"


def _figures(
    methods: pd.DataFrame,
    losses: pd.DataFrame,
    powers: np.ndarray,
    example: np.ndarray,
    target_px: int,
    direction: str,
) -> list[Figure]:
    if not example.size or direction == "kept":
        return []
    return [
        plot_pictures(example, methods, target_px),
        plot_losses(methods, losses),
        plot_spectra(powers, methods),
    ]

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd

from analysis.contract import Artifacts, Figure
from analysis.dataset.images import open_scanned
from analysis.dataset.input_size import suited_input_px
from analysis.dataset.samples import balanced_sample
from analysis.pipeline.progress import progress
from analysis.scrub.interpolation.figures import plot_losses, plot_pictures, plot_spectra
from analysis.scrub.interpolation.notes import CAPTIONS, metrics_of, notes_on, summary_of
from analysis.scrub.interpolation.parameters import InterpolationParameters
from analysis.scrub.interpolation.resampling import ANTIALIASED, METHODS
from analysis.scrub.interpolation.resampling_loss import central_part, measure_picture
from analysis.statistics.proportions import Z_95

MEASURES = ["psnr_db", "ssim", "fine_detail_fraction", "stray_fraction"]
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
    manifest: pd.DataFrame,
    scan: pd.DataFrame,
    *,
    parameters: InterpolationParameters,
    input_px: Literal["auto"] | int,
    seed: int,
) -> Artifacts:
    """Resize a sample, the same number of each class, to the side that training uses."""
    target_px = suited_input_px(scan) if input_px == "auto" else input_px
    images = sample_images(manifest, scan, parameters.sample_images, seed)
    losses, powers, example = measure_sample(images, target_px)
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


def sample_images(manifest: pd.DataFrame, scan: pd.DataFrame, n: int, seed: int) -> pd.DataFrame:
    """At most `n` whole images, of each class (or without a label) the same number: `path` and size."""
    images = manifest[["path"]].reset_index(drop=True)
    sizes = scan[["width_px", "height_px"]].reset_index(drop=True)
    is_whole = scan["status"].eq("ok").to_numpy()
    images = pd.concat([images, sizes], axis=1)[is_whole].astype({"width_px": int, "height_px": int})
    codes = manifest["label"].cat.codes.to_numpy()[is_whole]
    return images.iloc[balanced_sample(codes, n, seed=seed)]


def measure_sample(
    images: pd.DataFrame, target_px: int
) -> tuple[pd.DataFrame, np.ndarray, np.ndarray | None]:
    """Losses (one row per image and method), summed power by frequency, and the image that loses most.

    Raises
    ------
    InputError
        If an image cannot be opened: the file changed after it was scanned.
    """
    parts, powers, example, most_stray = [], [], None, -1.0
    for path in progress(images["path"], description="resizing", unit="images"):
        picture, shape = central_part(_luma(path), target_px)
        losses, power = measure_picture(picture, shape)
        parts.append(losses.assign(path=path))
        powers.append(power)
        stray = losses["stray_fraction"].max()
        if stray > most_stray:
            example, most_stray = picture, stray
    if not parts:
        return pd.DataFrame(columns=["method", *MEASURES, "path"]), np.zeros((0, 3, 1)), None
    return pd.concat(parts, ignore_index=True), np.sum(powers, axis=0), example


def _luma(path: str) -> np.ndarray:
    return np.asarray(open_scanned(path).convert("L"), dtype=np.float32) / 255


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
    example: np.ndarray | None,
    target_px: int,
    direction: str,
) -> list[Figure]:
    if example is None or direction == "kept":
        return []
    return [
        plot_pictures(example, methods, target_px),
        plot_losses(methods, losses),
        plot_spectra(powers, methods),
    ]

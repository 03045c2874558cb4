"""What does resizing to the training size cost, and which interpolation costs least?

Method: a sample of images at full size is resized as training does it, the whole image squeezed to a square,
by each method with and without antialiasing. What comes back when an ideal interpolation takes the result
to the original's size is compared with it by PSNR and SSIM (Wang et al. 2004). An ideal low-pass, a cut in
the cosine spectrum, parts each image into what the small one can hold and what it cannot: as all methods are
linear, what becomes of the first is the detail kept, and whatever comes of the second is aliasing, measured
apart from everything else. The recommended method has the best SSIM among those with antialiasing; a sure
gain is asked for before bilinear, which most training code uses, is given up.

How the result misleads: SSIM and PSNR judge pictures, not classifiers, which differ little between the
antialiased methods. What matters more is that training and use resize alike: a network trained on one and
fed with another loses more (Parmar et al. 2022). Luma only is measured.
"""

from __future__ import annotations

from typing import Literal, Protocol

import numpy as np
import pandas as pd
from pydantic import Field
from tqdm import tqdm

from analysis.class_sample import balanced_sample
from analysis.images import ImageError, open_as_seen
from analysis.proportions import Z_95
from analysis.runner import run_stage
from analysis.stage import Artifacts, Figure, InputError, StageParameters
from models.input_size import suited_input_px

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
CAPTIONS = {
    "methods": "One row a method, means over the sample. psnr_db and ssim compare each image with what comes "
    "back from the training size (if that is the larger one, both at that size): higher is better. ssim_gain "
    "is over bilinear on the same images, with its 95% interval. fine_detail_fraction is the power kept in "
    "the upper half of the frequencies that both sizes can hold, stray_fraction the power that is not the "
    "picture's (aliasing), over all that should be there: lower is better."
}


class InterpolationParameters(StageParameters):
    """Size of the sample and what a recommendation asks for; see params.yaml."""

    sample_images: int = Field(ge=2)
    min_ssim_gain: float = Field(ge=0, le=1)


class TrainingInput(Protocol):
    """What of the parameters of the baseline decides the size of its input."""

    input_px: Literal["auto"] | int


def interpolation(
    manifest: pd.DataFrame,
    scan: pd.DataFrame,
    *,
    parameters: InterpolationParameters,
    baseline_resnet: TrainingInput,
    seed: int,
) -> Artifacts:
    """Resize a sample, the same number of each class, to the side that training uses."""
    target_px = suited_input_px(scan) if baseline_resnet.input_px == "auto" else baseline_resnet.input_px
    images = sample_images(manifest, scan, parameters.sample_images, seed)
    losses, powers, example = measure_sample(images, target_px)
    methods = summarise_methods(losses, parameters.min_ssim_gain)
    direction = _direction(images, target_px)
    return Artifacts(
        summary=_summary(methods, target_px, len(images)),
        metrics=_metrics(methods, target_px, images),
        tables={"methods": methods},
        captions=CAPTIONS,
        figures=_figures(methods, losses, powers, example, target_px, direction),
        notes=_notes(images, scan, target_px, direction),
    )


def sample_images(manifest: pd.DataFrame, scan: pd.DataFrame, n: int, seed: int) -> pd.DataFrame:
    """At most `n` whole images, of each class (or without a label) the same number: `path` and size."""
    images = manifest[["path"]].reset_index(drop=True)
    sizes = scan[["width_px", "height_px"]].reset_index(drop=True)
    is_whole = scan["status"].eq("ok").to_numpy()
    images = pd.concat([images, sizes], axis=1)[is_whole].astype({"width_px": int, "height_px": int})
    codes = manifest["label"].astype("category").cat.codes.to_numpy()[is_whole]
    return images.iloc[balanced_sample(codes, n, seed=seed)]


def measure_sample(
    images: pd.DataFrame, target_px: int
) -> tuple[pd.DataFrame, np.ndarray, np.ndarray | None]:
    """Losses (one row an image and method), summed power by frequency, and the image that loses most.

    Raises
    ------
    InputError
        If an image cannot be opened: the file changed after it was scanned.
    """
    from analysis.scrub.resampling_loss import central_part, measure_picture

    parts, powers, example, most_stray = [], [], None, -1.0
    for path in tqdm(images["path"], desc="resizing", unit="image", leave=False):
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
    try:
        picture = open_as_seen(path)
    except ImageError as error:
        raise InputError(
            f"{path} could be read when it was scanned, but not now ({error}). Run the scan again."
        ) from error
    return np.asarray(picture.convert("L"), dtype=np.float32) / 255


def summarise_methods(losses: pd.DataFrame, min_ssim_gain: float) -> pd.DataFrame:
    """One row a method, in the order of preference, with `METHOD_COLUMNS`."""
    from analysis.scrub.resampling import ANTIALIASED, METHODS

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


def _metrics(methods: pd.DataFrame, target_px: int, images: pd.DataFrame) -> dict[str, float]:
    best = methods[methods["is_recommended"]].iloc[0]
    worst = methods.loc[methods["method"].eq("nearest")].iloc[0]
    sides = np.sqrt(images["width_px"] * images["height_px"])
    return {
        "recommended_ssim": best["ssim"],
        "recommended_psnr_db": best["psnr_db"],
        "recommended_fine_detail_fraction": best["fine_detail_fraction"],
        "recommended_stray_fraction": best["stray_fraction"],
        "recommended_ssim_gain": best["ssim_gain"],
        "nearest_ssim": worst["ssim"],
        "nearest_stray_fraction": worst["stray_fraction"],
        "target_px": target_px,
        "median_side_px": float(sides.median()),
        "n_images": len(images),
        **{
            f"is_{row.method}_recommended": int(row.is_recommended)
            for row in methods[methods["is_antialiased"]].itertuples()
        },
    }


def _figures(
    methods: pd.DataFrame,
    losses: pd.DataFrame,
    powers: np.ndarray,
    example: np.ndarray | None,
    target_px: int,
    direction: str,
) -> list[Figure]:
    from analysis.scrub.interpolation_figures import plot_losses, plot_pictures, plot_spectra

    if example is None or direction == "kept":
        return []
    return [
        plot_pictures(example, methods, target_px),
        plot_losses(methods, losses),
        plot_spectra(powers, methods),
    ]


def _summary(methods: pd.DataFrame, target_px: int, n: int) -> str:
    best = methods[methods["is_recommended"]].iloc[0]
    if n == 0:
        return "no image could be measured"
    return f"{best['method']} recommended for {target_px} px (SSIM {best['ssim']:.3f} on {n:,} images)"


def _notes(images: pd.DataFrame, scan: pd.DataFrame, target_px: int, direction: str) -> list[str]:
    if images.empty:
        return ["No image could be read whole, so nothing was resized; bilinear stays the method."]
    notes = [
        f"Measured on {len(images):,} of {int(scan['status'].eq('ok').sum()):,} whole images, the same "
        f"number of each class where there are enough, resized to {target_px}×{target_px} px (interpolation."
        "sample_images, baseline_resnet.input_px)."
    ]
    if direction == "kept":
        notes.append("Most images have the training size already: no interpolation touches them.")
    if direction == "enlarged":
        notes.append(
            "Most images are smaller than the training size, so they are enlarged. There is nothing to "
            "alias; stray power is what a kernel's steps and ripples add above the original's frequencies."
        )
    return notes


if __name__ == "__main__":
    run_stage(interpolation)

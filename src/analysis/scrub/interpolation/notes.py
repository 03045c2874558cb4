from __future__ import annotations

import numpy as np
import pandas as pd

CAPTIONS = {
    "interpolation_methods": "One row per method, means over the sample. psnr_db and ssim compare each image "
    "with what comes back from the training size (if that is the larger one, both at that size): higher is "
    "better. ssim_gain is over bilinear on the same images, with its 95% interval. fine_detail_fraction is "
    "the power kept in the upper half of the frequencies that both sizes can hold, stray_fraction the power "
    "that is not the picture's (aliasing), over all that should be there: lower is better."
}


def metrics_of(methods: pd.DataFrame, target_px: int, images: pd.DataFrame) -> dict[str, float]:
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


def summary_of(methods: pd.DataFrame, target_px: int, n: int) -> str:
    best = methods[methods["is_recommended"]].iloc[0]
    if n == 0:
        return "no image could be measured"
    return f"{best['method']} recommended for {target_px} px (SSIM {best['ssim']:.3f} on {n:,} images)"


def notes_on(images: pd.DataFrame, scan: pd.DataFrame, target_px: int, direction: str) -> list[str]:
    if images.empty:
        return ["No image could be read whole, so nothing was resized; bilinear stays the method."]
    notes = [
        f"Measured on {len(images):,} of {int(scan['status'].eq('ok').sum()):,} whole images, the same "
        f"number of each class where there are enough, resized to {target_px}×{target_px} px ("
        "resampling_losses.sample_images, baseline_resnet.input_px)."
    ]
    if direction == "kept":
        notes.append("Most images have the training size already: no interpolation touches them.")
    if direction == "enlarged":
        notes.append(
            "Most images are smaller than the training size, so they are enlarged. There is nothing to "
            "alias; stray power is what a kernel's steps and ripples add above the original's frequencies."
        )
    return notes

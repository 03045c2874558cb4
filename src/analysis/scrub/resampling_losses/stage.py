from __future__ import annotations

from typing import Literal

import pandas as pd

from analysis.contract import Artifacts
from analysis.dataset.input_size import choose_network
from analysis.scrub.resampling_losses.parameters import ResamplingLossesParameters
from analysis.scrub.resampling_losses.sample import measure_sample, sample_images


def resampling_losses(
    manifest: pd.DataFrame,
    scan: pd.DataFrame,
    *,
    parameters: ResamplingLossesParameters,
    architecture: str,
    weights: str,
    checkpoint: str,
    input_px: Literal["auto"] | int,
    seed: int,
) -> Artifacts:
    """Resize a sample, the same number of each class, to the side that training uses."""
    target_px = choose_network(
        scan, architecture=architecture, weights=weights, checkpoint=checkpoint, input_px=input_px
    ).input_px
    images = sample_images(manifest, scan, parameters.sample_images, seed)
    losses, powers, example = measure_sample(images, target_px)
    return Artifacts(
        summary=f"{len(images):,} images resized to {target_px} px",
        metrics={"n_images": len(images), "target_px": target_px},
        tables={"losses": losses, "powers": powers, "example": example},
    )

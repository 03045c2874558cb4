"""Which part of a picture the prediction hangs on: what happens when a patch is covered."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
from captum.attr import Occlusion
from torch import Tensor

from analysis.dataset.samples import balanced_sample
from analysis.interpret.attack_trials.attacks import Target
from analysis.interpret.attack_trials.parameters import MAX_EXAMPLES
from analysis.interpret.attack_trials.sample import SampledImages

N_STRIDES = 2  # a patch is moved by this part of its side, so that each pixel is covered several times


def occlusion_maps(target: Target, images: Tensor, *, patch_px: int) -> tuple[Tensor, Tensor]:
    """By how much covering each place lowers the probability of what is predicted (Zeiler and Fergus 2014).

    A square of `patch_px` pixels takes the training images' mean colour, which the classifier's normalisation
    makes 0.

    Returns
    -------
    maps
        (N, H, H) mean drop over the squares that cover a pixel, in [-1, 1]; negative where the square helps.
    probabilities
        (N,) of the predicted class, nothing covered.
    """
    predicted = target.predict(images)

    def probability(pixels: Tensor) -> Tensor:
        repeated = predicted.repeat(len(pixels) // len(predicted))
        return target.logits(pixels).softmax(dim=1).gather(1, repeated[:, None])[:, 0]

    stride = max(1, patch_px // N_STRIDES)
    with torch.no_grad():
        drops = Occlusion(probability).attribute(
            images,
            sliding_window_shapes=(3, patch_px, patch_px),
            strides=(3, stride, stride),
            baselines=target.classifier.mean.expand(1, 3, *images.shape[-2:]),
            perturbations_per_eval=max(1, target.batch_images // len(images)),
        )
    return drops.mean(dim=1), probability(
        images
    )  # the channels are covered together: (N, 3, H, H) -> (N, H, H)


def occlude(
    sample: SampledImages, target: Target, *, patch_fraction: float, seed: int
) -> dict[str, pd.DataFrame | np.ndarray]:
    """Maps of so many right and wrong predictions as may be shown, the same number of each class.

    Returns
    -------
    dict
        `occluded_images`: `item_id`, `probability` of what is predicted, `patch_px`; row by row of it
        `occlusion_maps`: float32 (M, H, H).
    """
    codes, px = sample.rows["class_index"].to_numpy(), sample.pixels.shape[-1]
    patch_px = max(1, round(patch_fraction * px))
    places = [np.flatnonzero(mask) for mask in (sample.is_right, ~sample.is_right)]
    kept = np.concatenate([rows[balanced_sample(codes[rows], MAX_EXAMPLES, seed=seed)] for rows in places])
    maps, probabilities = occlusion_maps(target, sample[kept].pixels, patch_px=patch_px)
    table = sample.rows[["item_id"]].iloc[kept].reset_index(drop=True)
    return {
        "occluded_images": table.assign(probability=probabilities.cpu().numpy(), patch_px=patch_px),
        "occlusion_maps": maps.cpu().numpy(),
    }

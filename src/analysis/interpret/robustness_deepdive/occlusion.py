"""Which part of a picture the prediction hangs on: what happens when a patch is covered."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
from captum.attr import Occlusion
from torch import Tensor

from analysis.contract import Artifacts
from analysis.dataset.samples import balanced_sample
from analysis.interpret.robustness_deepdive.attacks import Target
from analysis.interpret.robustness_deepdive.figures import plot_occlusion
from analysis.interpret.robustness_deepdive.sample import PartInputs, SampledImages

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


# ---- occlusion -------------------------------------------------------------------------------------------
def occlude(sample: SampledImages, inputs: PartInputs) -> Artifacts:
    """Maps of some right and some wrong predictions, the same number of each class."""
    codes = sample.rows["class_index"].to_numpy()
    n = inputs.parameters.n_examples
    places = [np.flatnonzero(mask) for mask in (sample.is_right, ~sample.is_right)]
    shown = np.concatenate([rows[balanced_sample(codes[rows], n, seed=inputs.seed)] for rows in places])
    if len(shown) == 0:
        return Artifacts()
    chosen = sample[shown]
    patch_px = max(1, round(inputs.parameters.patch_fraction * chosen.pixels.shape[-1]))
    maps, probabilities = occlusion_maps(inputs.target, chosen.pixels, patch_px=patch_px)
    table = pd.DataFrame(
        {
            "item_id": chosen.rows["item_id"],
            "label": chosen.rows["label"].astype(str),
            "predicted_label": chosen.rows["predicted_label"].astype(str),
            "probability": probabilities.cpu().numpy(),
            "largest_drop": maps.amax(dim=(1, 2)).cpu().numpy(),
        }
    )
    figure = plot_occlusion(chosen.pictures, maps.cpu().numpy(), table, patch_px=patch_px, split=inputs.split)
    return Artifacts(figures=[figure])

"""How much an image of each class counts in the loss."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from torch import Tensor

BETA = 0.999  # of Cui et al.: beyond some 1 / (1 - BETA) images, more of a class add next to nothing new


def class_weights(counts: np.ndarray, scheme: Literal["none", "balanced", "effective_number"]) -> Tensor:
    """Weights (C,) of the classes that have `counts` (C,) training images: float32, 0 where there are none.

    They are scaled so that their mean over the training images is 1: the learning rate keeps its meaning.

    Parameters
    ----------
    scheme
        `none` weighs all images alike, `balanced` all classes alike (1 / n), `effective_number` in between:
        (1 - BETA) / (1 - BETA^n) of Cui et al. (2019), "Class-balanced loss based on effective number of
        samples".
    """
    counts = np.asarray(counts, dtype=float)
    n = np.maximum(counts, 1)
    weights = {
        "none": np.ones_like(n),
        "balanced": 1 / n,
        "effective_number": (1 - BETA) / (1 - BETA**n),
    }[scheme]
    weights = np.where(counts > 0, weights, 0)
    return torch.from_numpy(weights * counts.sum() / (weights * counts).sum()).float()

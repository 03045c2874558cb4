"""Random changes to whole batches of uint8 images (N, 3, H, W) that leave what they show what it is."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional


def random_shift(images: Tensor, rng: np.random.Generator, *, max_px: int) -> Tensor:
    """Each image moved by up to `max_px` along each axis; the border's pixels fill what comes free."""
    n, _, height, width = images.shape
    # replicating is defined for floats only, which hold every uint8 exactly
    padded = functional.pad(images.float(), (max_px,) * 4, mode="replicate").to(images.dtype)
    down, right = torch.from_numpy(rng.integers(0, 2 * max_px + 1, size=(2, n)))
    rows = (down[:, None] + torch.arange(height))[:, None, :, None]  # (N, 1, H, 1)
    columns = (right[:, None] + torch.arange(width))[:, None, None, :]  # (N, 1, 1, W)
    return padded[torch.arange(n)[:, None, None, None], torch.arange(3)[:, None, None], rows, columns]


def random_horizontal_flip(images: Tensor, rng: np.random.Generator) -> Tensor:
    """Each image mirrored left to right with probability 1/2."""
    is_flipped = torch.from_numpy(rng.random(len(images)) < 0.5)
    return torch.where(is_flipped[:, None, None, None], images.flip(-1), images)

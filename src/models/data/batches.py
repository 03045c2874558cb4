"""Images as tensors: which of them can be used, decoding, and batches.

An image is decoded once into uint8 at the network's input size, the whole of it squeezed into a square, so
that nothing at its border is cut off. Batches are then cut out of one tensor, on the GPU that trains if it
has room for it, and augmented there. What fits nowhere is decoded while the batches before it are in use.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, distributed

from models.data.store import CPU, ImageStore


class Batch(NamedTuple):
    """What one training step takes.

    Attributes
    ----------
    images
        uint8 (N, 3, H, W).
    labels
        int64 (N,): class indices, as the dataset has them.
    targets
        What the loss compares with: `labels`, or float (N, C) where images are mixed.
    rows
        int64 (N,): places of the images in the table that the store was made of.
    """

    images: Tensor
    labels: Tensor
    targets: Tensor
    rows: Tensor


# images uint8 (N, 3, H, W) and labels int64 (N,) -> images and targets as in `Batch`
Augment = Callable[[Tensor, Tensor, np.random.Generator], tuple[Tensor, Tensor]]


class Batches:
    """Batches of images and class indices, each row once an iteration.

    Batches are of equal size, give or take one image, so that none is too small for batch normalisation.
    Where several processes train together, each gets its part of every batch.

    Parameters
    ----------
    seed
        Rows are shuffled anew in each epoch by this seed and the epoch's number; None keeps their order.
    augment
        Changes a batch, drawing from the epoch's generator; only with a seed.
    device
        Where batches are augmented and handed out.
    """

    def __init__(
        self,
        store: ImageStore,
        *,
        batch_images: int,
        seed: int | None = None,
        augment: Augment | None = None,
        device: torch.device = CPU,
    ) -> None:
        self.store = store
        self.labels = torch.from_numpy(store.images["class_index"].to_numpy())
        self.n_batches = -(-len(store) // batch_images)
        self.seed = seed
        self.augment = augment
        self.device = device
        self.epoch = 0

    def __len__(self) -> int:
        return self.n_batches

    def __iter__(self) -> Iterator[Batch]:
        self.epoch += 1
        return self.of_epoch(self.epoch - 1)

    def of_epoch(self, epoch: int) -> Iterator[Batch]:
        """The batches of any epoch, from 0, as often as asked for."""
        rank, n_ranks = _rank()
        rng = None if self.seed is None else np.random.default_rng([self.seed, epoch])
        order = np.arange(len(self.store)) if rng is None else rng.permutation(len(self.store))
        if rng is not None and rank:  # the same order, other draws
            rng = np.random.default_rng([self.seed, epoch, rank])
        parts = [whole[rank::n_ranks] for whole in np.array_split(order, self.n_batches)]
        for part, images in zip(parts, self.store.batches(parts), strict=True):
            yield self._batch(torch.from_numpy(part), images.to(self.device), rng)

    def _batch(self, rows: Tensor, images: Tensor, rng: np.random.Generator | None) -> Batch:
        labels = self.labels[rows].to(self.device)
        targets = labels
        if self.augment and rng:
            images, targets = self.augment(images, labels, rng)
        return Batch(images, labels, targets, rows.to(self.device))


def _rank() -> tuple[int, int]:
    """This process's number among those that train together, and how many they are."""
    if not distributed.is_initialized():
        return 0, 1
    return distributed.get_rank(), distributed.get_world_size()

"""Random changes to whole batches of uint8 images (N, 3, H, W), and to what the loss compares with.

Flips and shifts differ from image to image. The others are torchvision's (transforms.v2), which draw once for
all images that they are given: a batch is handed to them in groups, so that its images still differ.
All draws come from the numpy generator handed in, so that they depend neither on the device nor on what else
draws from torch's generators.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from torchvision.transforms import v2

from models.augmentation.parameters import AugmentationParameters
from models.seeding import seeded_torch

N_GROUPS = 16  # of a batch; the time that torchvision's transforms take grows with it, not with the batch
AXES = {"horizontal_flip": -1, "vertical_flip": -2}  # of (N, 3, H, W), reversed by each flip


@dataclass(frozen=True)
class Augmentation:
    """Changes a batch as `models.data.batches.Augment` says.

    Attributes
    ----------
    flips
        By axis of the images, the classes (C,) that may be mirrored along it, with probability 1/2 each.
    max_shift_px
        See `random_shift`.
    transforms
        torchvision's, in their order, on images and labels; None if there are none.
    """

    flips: Mapping[int, Tensor]
    max_shift_px: int
    transforms: v2.Transform | None

    def __call__(self, images: Tensor, labels: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        for axis, may_flip in self.flips.items():
            images = random_flip(images, rng, axis=axis, may_flip=may_flip.to(labels.device)[labels])
        if self.max_shift_px:
            images = random_shift(images, rng, max_px=self.max_shift_px)
        if self.transforms is None:
            return images, labels
        images, targets = in_groups(self.transforms, images, labels, rng)
        return images.round().to(torch.uint8), targets


def new_augmentation(
    parameters: AugmentationParameters, flips: Mapping[str, np.ndarray], *, n_classes: int, input_px: int
) -> Augmentation:
    """What the parameters say, for images of `input_px`; `flips` are the masks (C,) of `flips`."""
    transforms = [*_changes(parameters, input_px), *_mixtures(parameters, n_classes)]
    return Augmentation(
        flips={AXES[name]: torch.from_numpy(mask) for name, mask in flips.items() if mask.any()},
        max_shift_px=round(parameters.shift_fraction * input_px),
        transforms=v2.Compose(transforms) if transforms else None,
    )


def _changes(parameters: AugmentationParameters, input_px: int) -> list[v2.Transform]:
    """Of single images, uint8 in and out."""
    changes: list[v2.Transform] = []
    if parameters.min_crop_area < 1:
        changes.append(v2.RandomResizedCrop(input_px, scale=(parameters.min_crop_area, 1.0), antialias=True))
    if jitter := parameters.colour_jitter:
        # hue by a quarter, as SimCLR has it: as far as the others, it would make another thing of many
        changes.append(v2.ColorJitter(jitter, jitter, jitter, hue=jitter / 4))
    if parameters.rand_augment_operations:
        changes.append(v2.RandAugment(parameters.rand_augment_operations, parameters.rand_augment_magnitude))
    if parameters.erasing_probability:
        changes.append(v2.RandomErasing(parameters.erasing_probability))
    return changes


def _mixtures(parameters: AugmentationParameters, n_classes: int) -> list[v2.Transform]:
    """Of pairs of images, float out. A group gets one of them where both are on."""
    mixtures: list[v2.Transform] = []
    if alpha := parameters.mixup_alpha:
        mixtures.append(v2.MixUp(alpha=alpha, num_classes=n_classes))
    if alpha := parameters.cutmix_alpha:
        mixtures.append(v2.CutMix(alpha=alpha, num_classes=n_classes))
    return [v2.ToDtype(torch.float32), v2.RandomChoice(mixtures)] if mixtures else []


def in_groups(
    transforms: v2.Transform, images: Tensor, labels: Tensor, rng: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """`transforms` of each of `N_GROUPS` parts of the batch, or of each image if it has fewer."""
    n_groups = min(N_GROUPS, len(images))
    groups = zip(images.tensor_split(n_groups), labels.tensor_split(n_groups), strict=True)
    with seeded_torch(int(rng.integers(2**63))):
        parts = [transforms(*group) for group in groups]
    changed, targets = zip(*parts, strict=True)
    return torch.cat(changed), torch.cat(targets)


def random_shift(images: Tensor, rng: np.random.Generator, *, max_px: int) -> Tensor:
    """Each image moved by up to `max_px` along each axis; the border's pixels fill what comes free."""
    n, _, height, width = images.shape
    device = images.device
    # replicating is defined for floats only, which hold every uint8 exactly
    padded = functional.pad(images.float(), (max_px,) * 4, mode="replicate").to(images.dtype)
    down, right = torch.from_numpy(rng.integers(0, 2 * max_px + 1, size=(2, n))).to(device)
    rows = (down[:, None] + torch.arange(height, device=device))[:, None, :, None]  # (N, 1, H, 1)
    columns = (right[:, None] + torch.arange(width, device=device))[:, None, None, :]  # (N, 1, 1, W)
    image = torch.arange(n, device=device)[:, None, None, None]
    return padded[image, torch.arange(3, device=device)[:, None, None], rows, columns]


def random_flip(images: Tensor, rng: np.random.Generator, *, axis: int, may_flip: Tensor) -> Tensor:
    """Those images that may be (N,) mirrored along `axis` with probability 1/2."""
    is_flipped = torch.from_numpy(rng.random(len(images)) < 0.5).to(images.device) & may_flip
    return torch.where(is_flipped[:, None, None, None], images.flip(axis), images)

"""Images changed on purpose, by as little as possible, until a classifier is wrong about them.

FGSM (Goodfellow et al. 2015) takes one step up the loss, PGD (Madry et al. 2018) many, from several starts,
each put back into the ball of size ε about the image. The classifier takes pixels in [0, 1] and normalises
them itself, so ε is a size in pixels.

Two losses lead there (`LOSSES`), as neither is the stronger on every image (Croce and Hein 2020): the
cross-entropy, whose gradient vanishes in float32 where a network is sure, which feigns robustness, and the
margin by which the best other class leads the label (Carlini and Wagner 2017), whose gradient does not, but
which minds one class at a time.

captum.robust (0.9) offers both attacks, but its PGD steps along the gradient's sign in L2 too, which is not
the steepest way there, and scales the columns of a picture rather than the pictures at a random L2 start; it
takes gradients below 1e-6 for none, has no restarts, and goes on with images already broken. So its FGSM
serves as a check on ours (see `attack_checks`), and the loop is our own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from models.inference import logits_of
from models.networks.classifier import ImageClassifier

Norm = Literal["linf", "l2"]
Loss = Callable[[Tensor, Tensor], Tensor]  # logits (N, C) and labels (N,) -> (N,)
STEP_FRACTION = 2.5  # a step is this many times ε / steps, so that PGD can cross the ball (Madry et al. 2018)
N_HALVINGS = 5  # a perturbation is made smaller to within 1/32 of itself


@dataclass(frozen=True)
class Target:
    """A classifier under attack, asked about at most `batch_images` images at once."""

    classifier: ImageClassifier
    batch_images: int

    def logits(self, images: Tensor) -> Tensor:
        """(N, 3, H, W) in [0, 1] -> (N, C)"""
        return logits_of(self.classifier, images, batch_images=self.batch_images, device=images.device)

    def predict(self, images: Tensor) -> Tensor:
        """Predicted classes (N,)."""
        return self.logits(images).argmax(dim=1)

    def gradients(self, images: Tensor, labels: Tensor, loss: Loss) -> tuple[Tensor, Tensor]:
        """Gradients (N, 3, H, W) of each image's loss by its pixels, and the logits (N, C)."""
        parts = zip(images.split(self.batch_images), labels.split(self.batch_images), strict=True)
        gradients, logits = zip(*(self._gradients_of_batch(*part, loss) for part in parts), strict=True)
        return torch.cat(gradients), torch.cat(logits)

    def _gradients_of_batch(self, images: Tensor, labels: Tensor, loss: Loss) -> tuple[Tensor, Tensor]:
        pixels = images.detach().requires_grad_()
        logits = self.classifier(pixels)
        (gradients,) = torch.autograd.grad(loss(logits, labels).sum(), pixels)
        return gradients, logits.detach()


def margins(logits: Tensor, labels: Tensor) -> Tensor:
    """By how much the best other class leads the label (N,): positive where the classifier is wrong."""
    own = logits.gather(1, labels[:, None])[:, 0]
    others = logits.scatter(1, labels[:, None], -torch.inf)
    return others.amax(dim=1) - own


def cross_entropies(logits: Tensor, labels: Tensor) -> Tensor:
    """(N,) nats"""
    return functional.cross_entropy(logits, labels, reduction="none")


LOSSES: tuple[Loss, ...] = (cross_entropies, margins)


def sizes(perturbations: Tensor, norm: Norm) -> Tensor:
    """The norm of each perturbation: (N, 3, H, W) -> (N,)."""
    flat = perturbations.flatten(1)
    return flat.abs().amax(dim=1) if norm == "linf" else flat.norm(dim=1)


def steepest(gradients: Tensor, norm: Norm) -> Tensor:
    """The perturbation of size 1 along which the loss rises fastest; zero where there is no gradient."""
    if norm == "linf":
        return gradients.sign()
    lengths = sizes(gradients, "l2").clamp(min=torch.finfo(gradients.dtype).tiny)
    return gradients / lengths[:, None, None, None]


def project(perturbed: Tensor, images: Tensor, *, norm: Norm, epsilon: float) -> Tensor:
    """The nearest images within ε of `images` whose pixels are in [0, 1].

    In L2 it is first the ball, then the range: a pixel put back into the range comes nearer to the image, so
    that the result lies in both, if not always at their very nearest point.
    """
    change = perturbed - images
    if norm == "linf":
        change = change.clamp(-epsilon, epsilon)
    else:
        lengths = sizes(change, "l2").clamp(min=torch.finfo(change.dtype).tiny)
        change = change * (epsilon / lengths).clamp(max=1)[:, None, None, None]
    return (images + change).clamp(0, 1)


def unit_noise(shape: Sequence[int], norm: Norm, generator: torch.Generator) -> Tensor:
    """Random perturbations of size 1: corners of the cube, or points evenly on the sphere."""
    return steepest(torch.randn(shape, generator=generator), norm)


def unit_starts(shape: Sequence[int], norm: Norm, generator: torch.Generator) -> Tensor:
    """Random perturbations spread evenly over the ball of size 1."""
    if norm == "linf":
        return torch.rand(shape, generator=generator) * 2 - 1
    n_values = torch.Size(shape[1:]).numel()
    radii = torch.rand(shape[0], generator=generator) ** (1 / n_values)
    return unit_noise(shape, "l2", generator) * radii[:, None, None, None]


def pgd(
    target: Target,
    images: Tensor,
    labels: Tensor,
    starts: Tensor,
    *,
    loss: Loss,
    norm: Norm,
    epsilon: float,
    n_steps: int,
) -> Tensor:
    """Climb from `starts` within ε of `images`; an image stops at the first point where it is wrong."""
    perturbed = starts.clone()
    standing = torch.arange(len(images), device=images.device)
    step = STEP_FRACTION * epsilon / n_steps
    for _ in range(n_steps):
        gradients, logits = target.gradients(perturbed[standing], labels[standing], loss)
        is_right = margins(logits, labels[standing]) <= 0
        standing = standing[is_right]
        if len(standing) == 0:
            break
        stepped = perturbed[standing] + step * steepest(gradients[is_right], norm)
        perturbed[standing] = project(stepped, images[standing], norm=norm, epsilon=epsilon)
    return perturbed


def shrink_perturbations(target: Target, images: Tensor, perturbed: Tensor, labels: Tensor) -> Tensor:
    """Perturbations that mislead, made as small as they can be along their own direction, by bisection."""
    smallest = perturbed.clone()
    low, high = (torch.full((len(images),), end, device=images.device) for end in (0.0, 1.0))
    for _ in range(N_HALVINGS):
        middle = (low + high) / 2
        candidates = (images + middle[:, None, None, None] * (perturbed - images)).clamp(0, 1)
        is_wrong = target.predict(candidates) != labels
        smallest[is_wrong] = candidates[is_wrong]
        high, low = torch.where(is_wrong, middle, high), torch.where(is_wrong, low, middle)
    return smallest

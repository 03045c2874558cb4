"""How small a change misleads a classifier: the same images attacked at several sizes ε.

Random noise and FGSM try each ε on every image. PGD looks for each image's smallest perturbation, from the
largest ε down, so that most of the work is done on images that fall in a few steps.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from analysis.interpret.attack_trials.attacks import (
    LOSSES,
    Norm,
    Target,
    margins,
    pgd,
    project,
    shrink_perturbations,
    sizes,
    steepest,
    unit_noise,
    unit_starts,
)
from analysis.interpret.attack_trials.parameters import ATTACKS
from analysis.progress import progress


@dataclass(frozen=True)
class Search:
    """What PGD found of N images.

    Attributes
    ----------
    perturbed
        (N, 3, H, W): each image with the smallest perturbation found, untouched where there is none.
    smallest
        float64 (N,) its size; infinite where none was found, 0 where the untouched image is wrong.
    withstood
        (N,) the ε at which PGD failed, after which it tried no smaller one; NaN if it never did.
    steps
        One row per ε: `n_attacked` images, `n_raised` of them with a higher loss, `_extent` of the perturbed.
    """

    perturbed: Tensor
    smallest: Tensor
    withstood: Tensor
    steps: pd.DataFrame


@dataclass(frozen=True)
class Sweep:
    """What attacks in one norm did to N images at K sizes.

    Attributes
    ----------
    epsilons
        (K,) ascending, in pixels of [0, 1].
    is_right
        (N,) whether the classifier is right about the untouched images.
    is_wrong
        By attack (K, N), whether it is wrong within ε. Noise and FGSM are of size ε,
        PGD of any up to it.
    is_flat
        (N,) whether the gradient at the untouched image is zero or not finite.
    search
        What PGD found.
    extents
        One row per attack and ε: `largest_ratio` of a perturbation's size to ε, `lowest_value` and
        `highest_value` of a pixel.
    """

    norm: Norm
    epsilons: np.ndarray
    is_right: np.ndarray
    is_wrong: dict[str, np.ndarray]
    is_flat: np.ndarray
    search: Search
    extents: pd.DataFrame

    def n_broken(self, attack: str) -> np.ndarray:
        """(K,) images that the classifier is right about untouched, and wrong about under the attack."""
        return self.is_wrong[attack][:, self.is_right].sum(axis=1)

    @property
    def smallest(self) -> np.ndarray:
        """(N,) as in `Search`."""
        return self.search.smallest.cpu().numpy()


def sweep(
    target: Target,
    images: Tensor,
    labels: Tensor,
    *,
    norm: Norm,
    epsilons: Sequence[float],
    n_steps: int,
    n_restarts: int,
    seed: int,
) -> Sweep:
    """Attack `images` within each of `epsilons` (ascending) with noise, FGSM and PGD."""
    generator = torch.Generator().manual_seed(seed)
    noise = unit_noise(images.shape, norm, generator).to(images.device)
    starts = [unit_starts(images.shape, norm, generator).to(images.device) for _ in range(n_restarts)]
    gradients, logits = target.gradients(images, labels, margins)
    search = find_smallest(
        target, images, labels, logits, starts, norm=norm, epsilons=epsilons, n_steps=n_steps
    )
    is_wrong, extents = (
        {"pgd": search.smallest.cpu().numpy() <= np.reshape(epsilons, (-1, 1))},
        [search.steps],
    )
    for attack, directions in (("noise", noise), ("fgsm", steepest(gradients, norm))):
        is_wrong[attack], extent = _one_step(target, images, labels, directions, norm=norm, epsilons=epsilons)
        extents.append(extent)
    lengths = sizes(gradients, "l2")
    extents.append(pd.DataFrame([_extent(search.perturbed, images, norm=norm, epsilon=float(epsilons[-1]))]))
    return Sweep(
        norm=norm,
        epsilons=np.asarray(epsilons, dtype=float),
        is_right=(logits.argmax(dim=1) == labels).cpu().numpy(),
        is_wrong=is_wrong,
        is_flat=((lengths == 0) | ~lengths.isfinite()).cpu().numpy(),
        search=search,
        extents=pd.concat(extents, ignore_index=True),
    )


def _one_step(
    target: Target,
    images: Tensor,
    labels: Tensor,
    directions: Tensor,
    *,
    norm: Norm,
    epsilons: Sequence[float],
) -> tuple[np.ndarray, pd.DataFrame]:
    """Whether the classifier is wrong (K, N) about images moved by each ε along `directions` of size 1."""
    is_wrong, extents = [], []
    for epsilon in epsilons:
        moved = project(images + epsilon * directions, images, norm=norm, epsilon=epsilon)
        is_wrong.append((target.predict(moved) != labels).cpu().numpy())
        extents.append(_extent(moved, images, norm=norm, epsilon=epsilon))
    return np.stack(is_wrong), pd.DataFrame(extents)


def find_smallest(
    target: Target,
    images: Tensor,
    labels: Tensor,
    logits: Tensor,
    starts: Sequence[Tensor],
    *,
    norm: Norm,
    epsilons: Sequence[float],
    n_steps: int,
) -> Search:
    """PGD within each ε, the largest first, on images that are right untouched; what falls is shrunk.

    It starts from the image, then from each of the random `starts` (N, 3, H, W) in the ball of size 1. An
    image that withstands an ε is not attacked within smaller ones, which the larger holds, too;
    `attack_checks` tries whether that is so.
    """
    perturbed, steps, larger = images.clone(), [], float(epsilons[-1])
    smallest = torch.where(logits.argmax(dim=1) == labels, torch.inf, 0.0).double()
    withstood = torch.full_like(smallest, torch.nan)
    for epsilon in progress(epsilons[::-1], description=f"attacking, {norm}", unit="radii"):
        rows = torch.nonzero(withstood.isnan() & (smallest > epsilon))[:, 0]
        own, truth = images[rows], labels[rows]
        begins = [own, *(own + epsilon * start[rows] for start in starts)]
        found, reached = strongest(target, own, truth, begins, norm=norm, epsilon=epsilon, n_steps=n_steps)
        n_raised = int((reached > margins(logits[rows], truth)).sum())
        extent = _extent(found, own, norm=norm, epsilon=epsilon)
        steps.append({"n_attacked": len(rows), "n_raised": n_raised} | extent)
        held = torch.nonzero(reached <= 0)[:, 0]
        withstood[rows[held]] = epsilon
        # a few steps from the edge of the ball that held end nearer than what the larger one gave before
        ball = {"norm": norm, "epsilon": larger, "n_steps": n_steps}
        found[held] = pgd(target, own[held], truth[held], found[held], loss=margins, **ball)
        found = shrink_perturbations(target, own, found, truth)
        # rounding may put a perturbation a hair beyond its ball, and so count it as too large
        limit = torch.full_like(smallest[rows], epsilon)
        limit[held] = larger
        size = sizes(found - own, norm).double().minimum(limit)
        is_better = (margins(target.logits(found), truth) > 0) & (size < smallest[rows])
        perturbed[rows[is_better]], smallest[rows[is_better]] = found[is_better], size[is_better]
        larger = epsilon
    return Search(perturbed, smallest, withstood, pd.DataFrame(steps))


def strongest(
    target: Target,
    images: Tensor,
    labels: Tensor,
    starts: Sequence[Tensor],
    *,
    norm: Norm,
    epsilon: float,
    n_steps: int,
) -> tuple[Tensor, Tensor]:
    """PGD from each of `starts`, of images not yet misled: the worst of each, and its margin (N,).

    The losses take turns: the first start climbs one, the second the other.
    """
    worst, highest = images.clone(), torch.full((len(images),), -torch.inf, device=images.device)
    for start, loss in zip(starts, itertools.cycle(LOSSES), strict=False):
        rows = torch.nonzero(highest <= 0)[:, 0]
        begin = project(start[rows], images[rows], norm=norm, epsilon=epsilon)
        ball = {"norm": norm, "epsilon": epsilon, "n_steps": n_steps}
        found = pgd(target, images[rows], labels[rows], begin, loss=loss, **ball)
        reached = margins(target.logits(found), labels[rows])
        is_worse = reached > highest[rows]
        worst[rows[is_worse]], highest[rows[is_worse]] = found[is_worse], reached[is_worse]
    return worst, highest


def _extent(perturbed: Tensor, images: Tensor, *, norm: Norm, epsilon: float) -> dict[str, float]:
    """How far the perturbed images reach; NaN of none."""
    if len(images) == 0:
        return {"largest_ratio": np.nan, "lowest_value": np.nan, "highest_value": np.nan}
    return {
        "largest_ratio": float(sizes(perturbed - images, norm).max()) / epsilon,
        "lowest_value": float(perturbed.min()),
        "highest_value": float(perturbed.max()),
    }


def tabulate_sweeps(sweeps: Sequence[Sweep], item_ids: np.ndarray) -> pd.DataFrame:
    """One row per norm, size and image.

    Returns
    -------
    DataFrame
        `norm`, `epsilon` in pixels of [0, 1], `item_id`; `is_right` untouched; `is_wrong_<attack>` within ε;
        `smallest` as in `Search`.
    """
    parts = [
        pd.DataFrame(
            {
                "norm": result.norm,
                "epsilon": np.repeat(result.epsilons, len(item_ids)),
                "item_id": np.tile(item_ids, len(result.epsilons)),
                "is_right": np.tile(result.is_right, len(result.epsilons)),
                **{f"is_wrong_{attack}": result.is_wrong[attack].ravel() for attack in ATTACKS},
                "smallest": np.tile(result.smallest, len(result.epsilons)),
            }
        )
        for result in sweeps
    ]
    return pd.concat(parts, ignore_index=True)

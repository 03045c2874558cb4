"""Can the attacks be believed? A weak attack makes any classifier look robust.

The checks are those of Carlini et al. (2019) and the signs of masked gradients of Athalye et al. (2018): one
step doing better than many, noise doing better than gradients, a larger ε doing worse than a smaller, an
attack without bounds that fails, and gradients that vanish.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import pandas as pd
import torch
from captum.robust import FGSM
from torch import Tensor

from analysis.interpret.attack_trials.attack_sweep import Sweep
from analysis.interpret.attack_trials.attacks import Target, margins, pgd, project

ROUNDING = 1e-4  # of ε, by which float32 may exceed it
MAX_RETRIED = 16  # images that withstood an ε, for each of which PGD takes all its steps once more
MIN_RAISED = 0.95  # of the attacked images: the last of PGD's steps can lead down


def check_attacks(
    target: Target,
    images: Tensor,
    labels: Tensor,
    results: list[Sweep],
    *,
    evaluated_right: np.ndarray,
    n_steps: int,
) -> pd.DataFrame:
    """One row per check and norm: `check`, `norm`, `passed`, `found`, `expected`.

    Parameters
    ----------
    evaluated_right
        (N,) whether `predict` found the classifier right about each image.
    """
    rows = [
        {"check": check, "norm": result.norm, "passed": passed, "found": found, "expected": expected}
        for result in results
        for check, passed, found, expected in _checks_of(
            target, images, labels, result, evaluated_right=evaluated_right, n_steps=n_steps
        )
    ]
    return pd.DataFrame(rows)


Check = tuple[str, bool, str, str]


def _checks_of(
    target: Target,
    images: Tensor,
    labels: Tensor,
    result: Sweep,
    *,
    evaluated_right: np.ndarray,
    n_steps: int,
) -> Iterator[Check]:
    yield _no_attack(target, images, labels, result, evaluated_right)
    yield _within_epsilon(result)
    yield _within_range(result)
    yield _raised(result)
    yield _not_flat(result)
    yield _no_weaker(result, "fgsm", "noise")
    yield _no_weaker(result, "pgd", "noise")
    yield _no_weaker(result, "pgd", "fgsm")
    yield _monotone(target, images, labels, result, n_steps=n_steps)
    yield _reaches_zero(target, images, labels, result, n_steps=n_steps)
    if result.norm == "linf":
        yield _agrees_with_captum(target, images, labels, result)


def _no_attack(
    target: Target, images: Tensor, labels: Tensor, result: Sweep, evaluated_right: np.ndarray
) -> Check:
    untouched = project(images, images, norm=result.norm, epsilon=0.0)
    is_right = (target.predict(untouched) == labels).cpu().numpy()
    n_differing = int((is_right != evaluated_right).sum() + (result.is_right != evaluated_right).sum())
    return "ε = 0 is the accuracy of evaluate", n_differing == 0, f"{n_differing} images differ", "0"


def _within_epsilon(result: Sweep) -> Check:
    largest = float(result.extents["largest_ratio"].max())
    return "perturbations are within ε", largest <= 1 + ROUNDING, f"at most {largest:.6f} ε", "1"


def _within_range(result: Sweep) -> Check:
    low, high = float(result.extents["lowest_value"].min()), float(result.extents["highest_value"].max())
    return "pixels are within [0, 1]", low >= 0 and high <= 1, f"{low:g} to {high:g}", "0 to 1"


def _raised(result: Sweep) -> Check:
    n_raised, n = (int(result.search.steps[column].sum()) for column in ("n_raised", "n_attacked"))
    return (
        "PGD raises the loss",
        n_raised >= MIN_RAISED * n,
        f"in {n_raised:,} of {n:,} attacks",
        f"{MIN_RAISED:.0%}",
    )


def _not_flat(result: Sweep) -> Check:
    n_flat = int(result.is_flat[result.is_right].sum())
    return "no gradient vanishes", n_flat == 0, f"{n_flat} of {result.is_right.sum()} images", "0"


def _no_weaker(result: Sweep, strong: str, weak: str) -> Check:
    lead = result.n_broken(strong) - result.n_broken(weak)
    names = {"noise": "random noise", "fgsm": "FGSM", "pgd": "PGD"}
    at = int(lead.argmin())
    return (
        f"{names[strong]} is no weaker than {names[weak]}",
        bool(lead.min() >= 0),
        f"breaks {result.n_broken(strong)[at]}, {names[weak]} {result.n_broken(weak)[at]}, where nearest",
        "no fewer",
    )


def _monotone(target: Target, images: Tensor, labels: Tensor, result: Sweep, *, n_steps: int) -> Check:
    """Images that withstood an ε, at most `MAX_RETRIED`, are attacked within the next smaller one."""
    withstood = result.search.withstood.cpu().numpy()
    tried = np.flatnonzero(withstood > result.epsilons[0])
    tried = tried[np.linspace(0, len(tried) - 1, min(len(tried), MAX_RETRIED)).astype(int)]
    n_broken = 0
    for smaller, epsilon in itertools.pairwise(result.epsilons):
        rows = torch.from_numpy(tried[withstood[tried] == epsilon]).to(labels.device)
        own, truth = images[rows], labels[rows]
        ball = {"norm": result.norm, "epsilon": float(smaller), "n_steps": n_steps}
        found = pgd(target, own, truth, own, loss=margins, **ball)
        n_broken += int((target.predict(found) != truth).sum())
    return (
        "a smaller ε breaks nothing that withstood a larger",
        n_broken == 0,
        f"{n_broken} of {len(tried)} break",
        "0",
    )


def _reaches_zero(target: Target, images: Tensor, labels: Tensor, result: Sweep, *, n_steps: int) -> Check:
    """Images that withstood every ε are attacked within the whole range of pixels."""
    rows = torch.from_numpy(np.flatnonzero(np.isinf(result.smallest))).to(labels.device)
    unbounded = 1.0 if result.norm == "linf" else float(np.sqrt(images[0].numel()))
    ball = {"norm": result.norm, "epsilon": unbounded, "n_steps": n_steps}
    found = pgd(target, images[rows], labels[rows], images[rows], loss=margins, **ball)
    n_held = int((target.predict(found) == labels[rows]).sum())
    return "accuracy falls to 0 without bounds", n_held == 0, f"{n_held} of {len(labels)} images right", "0"


def _agrees_with_captum(target: Target, images: Tensor, labels: Tensor, result: Sweep) -> Check:
    """FGSM by an independent implementation, at the middle ε."""
    attack = FGSM(target.classifier, margins, lower_bound=0.0, upper_bound=1.0)
    attack.zero_thresh = 0.0  # by default gradients below 1e-6 count as none
    at = len(result.epsilons) // 2
    parts = zip(images.split(target.batch_images), labels.split(target.batch_images), strict=True)
    perturbed = [
        attack.perturb(part.clone().requires_grad_(), float(result.epsilons[at]), own) for part, own in parts
    ]
    is_wrong = (target.predict(torch.cat(perturbed).detach()) != labels).cpu().numpy()
    n_differing = int((is_wrong != result.is_wrong["fgsm"][at]).sum())
    return "captum's FGSM does the same", n_differing == 0, f"{n_differing} images differ", "0"

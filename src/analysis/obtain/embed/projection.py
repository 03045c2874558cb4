"""Principal components of features, whitened in part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

# Eigenvalues are divided out in part: 0 keeps the few strongest components dominant, 1 blows up the noise of
# the weakest. On 12,000 images of CIFAR-10, nearest neighbours by patches are right for 52% at 0, 58% at 0.5,
# 55% at 1.
WHITENING_POWER = 0.5
SMALLEST_SPREAD = 1e-4  # of the first component's; components below it are rounding errors


@dataclass(frozen=True)
class Projection:
    """Onto the principal components of some features, whitened in part and brought to length 1."""

    mean: Tensor
    axes: Tensor
    explained_variance_fraction: float

    def __call__(self, features: Tensor) -> Tensor:
        """(N, n_features) -> (N, d), rows of length 1; one equal to the mean points along the first axis."""
        projected = (features - self.mean) @ self.axes
        projected[projected.square().sum(dim=1) == 0, 0] = 1
        return functional.normalize(projected, dim=1)


def fit_projection(
    features: Tensor, *, n_dimensions: int, seed: int, depths: Sequence[int] | None = None
) -> Projection:
    """At most `n_dimensions` components, fewer where the features do not vary in so many directions.

    Parameters
    ----------
    features
        (N, n_features), those of each depth of a network side by side.
    depths
        How many of them each depth has; each is brought to the same variance, so that all count alike.
        None: all are of one.
    """
    mean = features.mean(dim=0)
    centred = features - mean
    scale = torch.ones_like(mean)
    if depths is not None:
        scale = torch.cat([_to_unit_variance(part) for part in centred.split(list(depths), dim=1)])
    centred *= scale
    total = centred.square().sum()
    n_wanted = min(n_dimensions, *features.shape)
    with torch.random.fork_rng(devices=[]):  # svd_lowrank draws from the global generator
        torch.random.default_generator.manual_seed(seed)
        _, spreads, axes = torch.svd_lowrank(centred, q=min(n_wanted + 16, *features.shape), niter=2)
    is_real = spreads[:n_wanted] > SMALLEST_SPREAD * spreads[0]
    is_real[0] = True
    spreads, axes = spreads[:n_wanted][is_real], axes[:, :n_wanted][:, is_real]
    whitening = (spreads / len(features) ** 0.5).clamp(min=1e-12) ** -WHITENING_POWER
    explained = float(spreads.square().sum() / total) if total > 0 else float("nan")
    return Projection(mean, scale[:, None] * axes * whitening, explained)


def _to_unit_variance(centred: Tensor) -> Tensor:
    """The factor for each column (n_features,) by which their variances sum to 1; nothing varies: 1."""
    total = centred.square().sum(dim=1).mean()
    return torch.full(centred.shape[1:], float(total.rsqrt()) if total > 0 else 1.0).to(centred)

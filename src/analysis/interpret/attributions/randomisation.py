"""Networks of random weights as a null: does a map show what the network has learnt? (Adebayo et al. 2018)

A map that stays the same when the weights are random shows the picture, not the network's reasons.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from analysis.interpret.attributions.explained_images import Explained
from analysis.progress import progress
from analysis.statistics.correlation import rank_correlation_of_maps
from analysis.statistics.image_similarity import ssim_of_pair
from analysis.statistics.missing import mean_of_present
from models.networks.classifier import ImageClassifier, in_unit_range
from models.seeding import seeded_torch

# in the order in which a cascade makes them random, the output first; the last leaves nothing learnt
STEPS = ("head", "layer4", "layer3", "layer2", "layer1", "stem")
CALIBRATION_IMAGES = 32
CASCADE_NETWORKS = 3  # that are made random step by step


def randomised(classifier: ImageClassifier, pixels: Tensor, *, down_to: str, seed: int) -> ImageClassifier:
    """A copy whose weights are random from the head down to and with the step `down_to`.

    Weights are drawn as torch initialises them. Batch normalisation after random convolutions would with its
    learnt statistics put out numbers of any size, and a broken network makes an easy null: the statistics
    are taken anew on some of the images, as they would be at the first step of a training.

    Parameters
    ----------
    pixels
        uint8 (N, 3, H, W), of which the statistics are taken.
    seed
        Of the weights.
    """
    network = copy.deepcopy(classifier)
    parts = network.parts()
    steps = STEPS[: STEPS.index(down_to) + 1]
    modules = [module for step in steps for child in parts[step] for module in child.modules()]
    with seeded_torch(seed):
        for module in modules:
            if hasattr(module, "reset_parameters"):
                module.reset_parameters()
    norms = [module for module in modules if isinstance(module, nn.BatchNorm2d)]
    _calibrate(network, norms, pixels)
    return network


@torch.inference_mode()
def _calibrate(network: ImageClassifier, norms: list[nn.BatchNorm2d], pixels: Tensor) -> None:
    """Set the statistics of these layers to those of images spread evenly over `pixels`."""
    if not norms:
        return
    device = next(network.parameters()).device
    rows = np.linspace(0, len(pixels) - 1, min(CALIBRATION_IMAGES, len(pixels))).astype(int)
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 1.0  # the batch's own statistics and nothing of older ones
        norm.train()
    network(in_unit_range(pixels[torch.from_numpy(rows)].to(device)))
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
        norm.eval()


def maps_of_random_networks(explained: Explained, *, n_networks: int, seed: int) -> Iterator[np.ndarray]:
    """Yield float32 (R, H, W) for each random network: its maps of the R right predictions' pictures.

    By the first method, for the class that a network predicts: with a random head none of its classes is one
    of the trained network's.
    """
    right = explained.right
    for i in progress(range(n_networks), description="random networks", unit="networks"):
        if len(right) == 0:
            yield np.empty((0, *explained.maps[explained.method].shape[1:]), dtype=np.float32)
            continue
        network = randomised(
            explained.classifier, explained.tensors(right), down_to=STEPS[-1], seed=_nth(seed, i)
        )
        yield explained.maps_of(network, right, method=explained.method)


def cascade_likeness(explained: Explained, rows: np.ndarray, *, seed: int) -> pd.DataFrame:
    """How like the trained network's the maps of the pictures in `rows` stay as weights are made random.

    Returns
    -------
    DataFrame
        One row per method, step of `STEPS` and random network: `method`, `down_to`, `network`, and the means
        over images `rank_correlation` and `ssim`; 1 is the same map. NaN where no pair can be compared.
    """
    cells = []
    networks = range(CASCADE_NETWORKS if len(rows) else 0)
    for i in progress(networks, description="randomising step by step", unit="networks"):
        for step in STEPS:
            network = randomised(
                explained.classifier, explained.tensors(rows), down_to=step, seed=_nth(seed, i)
            )
            for method, trained in explained.maps.items():
                maps = explained.maps_of(network, rows, method=method)
                likeness = (
                    mean_of_present(rank_correlation_of_maps(trained[rows], maps)),
                    mean_of_present(ssim_of_maps(trained[rows], maps)),
                )
                cells.append((method, step, i, *likeness))
    table = pd.DataFrame(cells, columns=["method", "down_to", "network", "rank_correlation", "ssim"])
    return table.astype({"rank_correlation": float, "ssim": float})  # also where there is no row


def _nth(seed: int, i: int) -> int:
    """The i-th network's seed: independent of its neighbours', and of those of another `seed`."""
    return int(np.random.SeedSequence([seed, i]).generate_state(1)[0])


def ssim_of_maps(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """SSIM (Wang et al. 2004) of each pair of maps (N, H, W), scaled to a maximum of 1: (N,).

    NaN where a map is zero everywhere.
    """
    similarity = np.full(len(first), np.nan)
    peaks = first.max(axis=(1, 2)), second.max(axis=(1, 2))
    for i in np.flatnonzero((peaks[0] > 0) & (peaks[1] > 0)):
        similarity[i] = ssim_of_pair(first[i] / peaks[0][i], second[i] / peaks[1][i])
    return similarity

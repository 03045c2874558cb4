"""Features learnt without labels from small patches, after Coates and Ng.

Patches are brought to one brightness and contrast, whitened (ZCA), and clustered by spherical k-means into a
dictionary of edges, bars and colour contrasts. An image is described by how strongly each of these shows in
each of its quarters. See A. Coates, H. Lee and A. Y. Ng, "An Analysis of Single-Layer Networks in
Unsupervised Feature Learning", AISTATS 2011, and A. Coates and A. Y. Ng, "Learning Feature Representations
with K-means", in Neural Networks: Tricks of the Trade, 2012.

Where this departs from them: patches are taken at every other pixel, a quarter of the work for one point of a
linear classifier's accuracy; and before the principal components are taken, features are put under a root
(F. Perronnin, J. Sánchez and T. Mensink, ECCV 2010).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from analysis.progress import Progress

PATCH_PX = 6
STRIDE_PX = 2
N_DICTIONARY_PATCHES = 50_000  # some hundred a filter; twice as many change nothing that can be measured
PATCHES_PER_IMAGE = 20
N_KMEANS_STEPS = 10
CONTRAST_FLOOR = (
    10.0  # added to a patch's variance (of values to 255), so that noise is not taken for structure
)
WHITENING_FLOOR = 0.1  # added to the eigenvalues of the patches' covariance
ENCODING_THRESHOLD = 0.25  # responses weaker than this count as none
CHUNK_IMAGES = 8  # encoded at once: what they take stays in the processor's cache


@dataclass(frozen=True)
class PatchDictionary:
    """Filters for contrast-normalised patches.

    Attributes
    ----------
    filters
        (patch values, K): whitening and dictionary in one.
    offsets
        (K,): what the mean patch would give.
    atoms
        (K, 3, PATCH_PX, PATCH_PX): the centroids themselves, in the whitened space.
    """

    filters: Tensor
    offsets: Tensor
    atoms: Tensor

    @property
    def n_features(self) -> int:
        """Two signs of each filter in each of four quarters."""
        return 8 * len(self.offsets)


def learn_dictionary(images: Tensor, *, n_filters: int, generator: torch.Generator) -> PatchDictionary:
    """A dictionary from random patches of `images`, uint8 (N, H, W, 3)."""
    patches = _random_patches(images, generator)
    mean = patches.mean(dim=0)
    patches -= mean
    variances, axes = torch.linalg.eigh(patches.T @ patches / len(patches))
    whitening = axes @ torch.diag((variances.clamp(min=0) + WHITENING_FLOOR).rsqrt()) @ axes.T
    atoms = _spherical_kmeans(patches @ whitening, n_filters, generator)
    filters = whitening @ atoms
    return PatchDictionary(filters, mean @ filters, atoms.T.reshape(-1, 3, PATCH_PX, PATCH_PX))


def _random_patches(images: Tensor, generator: torch.Generator) -> Tensor:
    chosen = torch.randint(len(images), (N_DICTIONARY_PATCHES // PATCHES_PER_IMAGE,), generator=generator)
    places = (images.shape[1] - PATCH_PX + 1) ** 2
    place = torch.randint(places, (len(chosen), PATCHES_PER_IMAGE), generator=generator)
    patches = [
        normalised_patches(image[None], stride_px=1)[0, rows]
        for image, rows in zip(images[chosen], place, strict=True)
    ]
    return torch.cat(patches)


def normalised_patches(images: Tensor, *, stride_px: int) -> Tensor:
    """All patches, each with mean 0 and variance up to 1: uint8 (N, H, W, 3) -> (N, places, values)."""
    # (N, H, W, 3) -> (N, rows, columns, 3, PATCH_PX, PATCH_PX) -> (N, places, values)
    windows = images.unfold(1, PATCH_PX, stride_px).unfold(2, PATCH_PX, stride_px)
    patches = windows.flatten(3).flatten(1, 2).float()
    patches -= patches.mean(dim=-1, keepdim=True)
    patches /= (patches.square().mean(dim=-1, keepdim=True) + CONTRAST_FLOOR).sqrt_()
    return patches


def _spherical_kmeans(points: Tensor, n_clusters: int, generator: torch.Generator) -> Tensor:
    """Unit centroids (values, K) that the points lie along, either way; damped as Coates and Ng do."""
    centroids = functional.normalize(
        torch.randn(points.shape[1], n_clusters, generator=generator).to(points), dim=0
    )
    for _ in range(N_KMEANS_STEPS):
        sums = centroids.clone()
        for part in points.split(5_000):
            responses = part @ centroids
            nearest = responses.abs().argmax(dim=1)
            strength = responses.gather(1, nearest[:, None])
            sums.T.index_add_(0, nearest, part * strength)
        centroids = functional.normalize(sums, dim=0)
    return centroids


@torch.inference_mode()
def encode(images: np.ndarray, dictionary: PatchDictionary, *, bar: Progress) -> Tensor:
    """Root of each filter's mean response, by sign and quarter: uint8 (N, H, W, 3) -> (N, n_features)."""
    features = torch.empty((len(images), dictionary.n_features), device=dictionary.filters.device)
    for start in range(0, len(images), CHUNK_IMAGES):
        chunk = torch.from_numpy(images[start : start + CHUNK_IMAGES]).to(features.device)
        features[start : start + CHUNK_IMAGES] = _encode_chunk(chunk, dictionary)
        bar.update(len(chunk))
    return features.sqrt_()


def _encode_chunk(images: Tensor, dictionary: PatchDictionary) -> Tensor:
    patches = normalised_patches(images, stride_px=STRIDE_PX)
    n, places, _ = patches.shape
    half = round(places**0.5) // 2
    responses = patches.flatten(0, 1) @ dictionary.filters - dictionary.offsets
    # (N · places, K) -> (N, 2, half, 2, half, K), so that axes 2 and 4 run within a quarter
    responses = responses.view(n, 2, half, 2, half, -1)
    positive = (responses - ENCODING_THRESHOLD).clamp_(min=0).mean(dim=(2, 4))
    negative = (-responses - ENCODING_THRESHOLD).clamp_(min=0).mean(dim=(2, 4))
    return torch.cat([positive, negative], dim=-1).flatten(1)

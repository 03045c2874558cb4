"""Attribution maps: which pixels a classifier's score for a class rests on. By captum.

The classifier takes images in [0, 1] and is expected in evaluation mode, its weights frozen: gradients are
then followed no further than they are needed.
"""

from __future__ import annotations

import warnings

import numpy as np
import torch
from captum.attr import GuidedGradCam, IntegratedGradients, LayerGradCam
from torch import Tensor, nn
from torch.nn import functional

from analysis.progress import progress
from models.networks.classifier import ImageClassifier, in_unit_range

LAYERS = ("layer1", "layer2", "layer3", "layer4")
SMALLEST_MAP_PX = 4  # `auto` wants so many cells a side: with fewer a map can hardly tell border from centre
INTEGRATION_STEPS = (
    32  # of Gauss-Legendre: scores are recovered to about 5% on ReLU networks, which have kinks
)


def map_side_px(classifier: ImageClassifier, layer: str) -> int:
    """Cells along a side of the layer's output: the stem and each layer after the first halve it."""
    stem_stride = 1 if classifier.keep_resolution else 4
    return -(-classifier.input_px // (stem_stride * 2 ** LAYERS.index(layer)))


def choose_layer(classifier: ImageClassifier, wanted: str) -> str:
    """`wanted`, or for `auto` the last layer whose map has `SMALLEST_MAP_PX` cells a side, else the first."""
    if wanted != "auto":
        return wanted
    fine = [layer for layer in LAYERS if map_side_px(classifier, layer) >= SMALLEST_MAP_PX]
    return fine[-1] if fine else LAYERS[0]


class HighestScore(nn.Module):
    """The score of the class that is predicted, known in one pass: images (N, 3, H, W) -> (N,)."""

    def __init__(self, classifier: ImageClassifier) -> None:
        super().__init__()
        self.classifier = classifier

    def forward(self, images: Tensor) -> Tensor:
        return self.classifier(images).amax(dim=1)


def gradcam(classifier: ImageClassifier, images: Tensor, targets: Tensor | None, layer: str) -> Tensor:
    """Grad-CAM (Selvaraju et al. 2017): the layer's channels, weighted by the score's mean gradient, if > 0.

    Images (N, 3, H, W) in [0, 1] and class indices (N,) -> (N, h, w) at the layer's resolution. Zero
    everywhere if nothing that the layer sees speaks for the class. Without targets, for the class that is
    predicted.
    """
    scores = HighestScore(classifier) if targets is None else classifier
    method = LayerGradCam(scores, getattr(classifier.backbone, layer))
    maps: Tensor = method.attribute(images, target=targets, relu_attributions=True)
    return maps.detach().squeeze(1)  # (N, 1, h, w) -> (N, h, w)


def guided_gradcam(classifier: ImageClassifier, images: Tensor, targets: Tensor, layer: str) -> Tensor:
    """Guided backpropagation (Springenberg et al. 2015) times Grad-CAM: signed, (N, 3, H, W).

    Captum hands each ReLU a copy of its input, so that torchvision's, which work in place and are called
    several times in a block, are followed rightly; a test compares with another implementation.
    """
    method = GuidedGradCam(classifier, getattr(classifier.backbone, layer))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Setting backward hooks", UserWarning)  # removed by captum itself
        warnings.filterwarnings("ignore", "Input Tensor 0 did not already require", UserWarning)
        attributions: Tensor = method.attribute(images, target=targets, interpolate_mode="bilinear")
    return attributions.detach()


def integrated_gradients(classifier: ImageClassifier, images: Tensor, targets: Tensor) -> Tensor:
    """Integrated gradients (Sundararajan et al. 2017), signed, (N, 3, H, W).

    They sum to the image's score less that of the baseline: a plain image of the training images' mean
    colour. Black, the usual one, would keep black pixels from ever counting.
    """
    baseline = classifier.mean.expand_as(images)
    method = IntegratedGradients(classifier)
    attributions: Tensor = method.attribute(images, baseline, target=targets, n_steps=INTEGRATION_STEPS)
    return attributions.detach().float()


def attribution_maps(
    classifier: ImageClassifier,
    pixels: Tensor,
    targets: np.ndarray | None,
    *,
    method: str,
    layer: str,
    batch_images: int,
) -> np.ndarray:
    """Maps for the classes `targets` (N,) of images uint8 (N, 3, H, W): float32 (N, H, W), not negative.

    Without targets, for the class that the network predicts.

    Parameters
    ----------
    method
        `gradcam`, enlarged to the image bilinearly; `guided_gradcam` or `integrated_gradients`, of which a
        pixel's value is the sum over its channels of what they do, for or against.
    """
    device = next(classifier.parameters()).device
    # each image is integrated along a path of images
    size = max(1, batch_images // INTEGRATION_STEPS) if method == "integrated_gradients" else batch_images
    maps = np.empty((len(pixels), *pixels.shape[2:]), dtype=np.float32)
    with progress(description=method, unit="images", total=len(pixels)) as bar:
        for start in range(0, len(pixels), size):
            rows = slice(start, start + size)
            images = in_unit_range(pixels[rows].to(device))
            classes = None if targets is None else torch.from_numpy(targets[rows]).to(device)
            maps[rows] = _maps_of(classifier, images, classes, method, layer).cpu().numpy()
            bar.update(len(images))
    return maps


def _maps_of(
    classifier: ImageClassifier, images: Tensor, targets: Tensor | None, method: str, layer: str
) -> Tensor:
    if method == "gradcam":
        coarse = gradcam(classifier, images, targets, layer)
        size = images.shape[2:]
        return functional.interpolate(coarse[:, None], size, mode="bilinear", align_corners=False)[:, 0]
    if targets is None:  # along a path of images the highest score may be of another class
        with torch.no_grad():
            targets = classifier(images).argmax(dim=1)
    if method == "guided_gradcam":
        return guided_gradcam(classifier, images, targets, layer).abs().sum(dim=1)
    return integrated_gradients(classifier, images, targets).abs().sum(dim=1)

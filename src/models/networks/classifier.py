"""The classifier, and how it is kept in a file.

`ImageClassifier` takes images with values in [0, 1] and normalises them itself, so that whoever holds an
image (training, evaluation, an attack, an attribution) works with pixels, and normalises them once.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode
from torchvision.models import get_model

from analysis.dataset.input_size import LITE
from models.networks.efficientnet_lite import N_FEATURES, EfficientNetLite0

RESNETS = ("resnet18", "resnet34", "resnet50")  # of torchvision's, by its names
ARCHITECTURES = (LITE, *RESNETS)
SMALLEST_STD = 1 / 255  # a channel that never varies has none to divide by


class ImageClassifier(nn.Module):
    """An EfficientNet-Lite0, or a ResNet of torchvision's, for `classes`, with its normalisation inside.

    Parameters
    ----------
    architecture
        One of `ARCHITECTURES`.
    classes
        In the order of the logits.
    input_px, interpolation
        Height and width of the images it is made for, and how they are resized (see `models.data.decoding`).
    keep_resolution
        Begin with a 3×3 convolution of stride 1 and no pooling, as He et al. (2016) do for CIFAR-10, instead
        of the stem for photographs, which quarters height and width before the first block. Of ResNets only.
    mean, std
        Of red, green and blue, over images in [0, 1].
    """

    def __init__(
        self,
        *,
        architecture: str,
        classes: Sequence[str],
        input_px: int,
        keep_resolution: bool,
        mean: Sequence[float],
        std: Sequence[float],
        interpolation: str = "bilinear",
    ) -> None:
        super().__init__()
        self.architecture = architecture
        self.classes = tuple(classes)
        self.input_px = input_px
        self.interpolation = interpolation
        self.keep_resolution = keep_resolution
        self.backbone, n_features = _backbone(architecture, keep_resolution=keep_resolution)
        self.head = nn.Linear(n_features, len(self.classes))
        self.register_buffer("mean", torch.tensor(mean).float().view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(std).float().view(1, 3, 1, 1).clamp(min=SMALLEST_STD))

    def parts(self) -> dict[str, list[nn.Module]]:
        """All modules with weights, from image to logits, by the names in `phases.PARTS`."""
        backbone = self.backbone
        layers = {name: [getattr(backbone, name)] for name in ("layer1", "layer2", "layer3", "layer4")}
        stem = [backbone.stem] if self.architecture == LITE else [backbone.conv1, backbone.bn1]
        return {"stem": stem, **layers, "head": [self.head]}

    def embed(self, images: Tensor) -> Tensor:
        """What the head sees: images (N, 3, H, W) in [0, 1] -> (N, 1280), of ResNets (N, 512 or 2048)."""
        return self.backbone((images - self.mean) / self.std)

    def forward(self, images: Tensor) -> Tensor:
        """Logits: images (N, 3, H, W) in [0, 1] -> (N, C)."""
        return self.head(self.embed(images))


def _backbone(architecture: str, *, keep_resolution: bool) -> tuple[nn.Module, int]:
    """The network without its last layer, and how many features it ends in."""
    if architecture == LITE:
        # its convolutions of single channels take half the time with an image's channels side by side
        return EfficientNetLite0().to(memory_format=torch.channels_last), N_FEATURES
    backbone = get_model(architecture, weights=None)
    n_features = backbone.fc.in_features
    backbone.fc = nn.Identity()
    if keep_resolution:
        backbone.conv1 = nn.Conv2d(3, 64, kernel_size=3, padding=1, bias=False)
        backbone.maxpool = nn.Identity()
    return backbone, n_features


def in_unit_range(images: Tensor) -> Tensor:
    """uint8 images as the classifier takes them: float32 in [0, 1]."""
    return images.float() / 255


def count_flops(classifier: ImageClassifier) -> int:
    """Of one image's forward pass, a multiplication and an addition counted as two."""
    device = next(classifier.parameters()).device
    image = torch.zeros(1, 3, classifier.input_px, classifier.input_px, device=device)
    classifier.eval()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        classifier(image)
    return counter.get_total_flops()

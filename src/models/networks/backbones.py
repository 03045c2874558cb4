"""Networks that describe images they were not trained on, and the weights that they do it with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torchvision.models import get_model
from torchvision.transforms.functional import normalize

from analysis.contract import InputError
from analysis.dataset.input_size import LITE
from models.inference import decoded_batches
from models.networks import packaged_weights
from models.networks.checkpoint import load_plain
from models.networks.efficientnet_lite import EfficientNetLite0
from models.networks.pretrained import (
    HUB_TIMEOUT_SECONDS,
    IMAGENET_MEAN,
    IMAGENET_STD,
    WeightsFile,
    imagenet_file,
)

TIMM = "timm:"
# By the side that an image becomes, how many images take about a minute on two cores. The fewer the images,
# the larger they are looked at, up to the size that the weights were trained with; more than all these at 96.
MAX_IMAGES = {224: 1_000, 160: 3_000, 128: 12_000}
SMALLEST_PX = 96
MAX_ENLARGEMENT = 4


@dataclass(frozen=True)
class Backbone:
    """A pretrained network.

    Attributes
    ----------
    features
        Normalised images (N, 3, H, W) to features (N, d) at one or more depths, the deepest last.
    mean, std
        Of the images, in [0, 1], that it was trained on.
    own_px
        Side of the images that it was trained on.
    weights
        The file that holds its weights.
    """

    features: Callable[[Tensor], Sequence[Tensor]]
    network: nn.Module
    mean: Sequence[float]
    std: Sequence[float]
    own_px: int
    weights: WeightsFile


def pretrained_backbone(name: str, *, input_px: int | None = None) -> Backbone:
    """`efficientnet_lite0`, a ResNet of torchvision's, or `timm:<name>@<revision>`, ready to describe images.

    Parameters
    ----------
    input_px
        Side of the images, which a transformer must know; None: what it was trained with.

    Raises
    ------
    InputError
        If its weights cannot be had.
    """
    if name == LITE:
        network = EfficientNetLite0().eval()
        network.load_state_dict(packaged_weights.packaged_state())
        network = _folded(network).to(memory_format=torch.channels_last)
        sizes = {"mean": packaged_weights.MEAN, "std": packaged_weights.STD, "own_px": 224}
        weights = WeightsFile.at(packaged_weights.packaged_file())
        return Backbone(network.at_depths, network, **sizes, weights=weights)
    if name.startswith(TIMM):
        return _of_timm(*name.removeprefix(TIMM).split("@"), input_px)
    return _of_torchvision(name)


def suited_px(n_images: int, median_side_px: float) -> int:
    """The largest side at which so many images keep within `MAX_IMAGES`, else the smallest.

    None that would enlarge them by more than `MAX_ENLARGEMENT`: they would say no more, and take longer.
    """
    sides = [px for px, n in MAX_IMAGES.items() if n_images <= n and px <= median_side_px * MAX_ENLARGEMENT]
    return max(sides, default=SMALLEST_PX)


def feature_batches(
    backbone: Backbone, images: pd.DataFrame, *, input_px: int, batch_images: int, device: torch.device
) -> Iterator[list[Tensor]]:
    """Yield the features of `images` (see `decode`) at each depth, on the CPU, batch by batch."""
    backbone.network.to(device)
    batches = decoded_batches(
        images, input_px=input_px, batch_images=batch_images, device=device, description="embed"
    )
    for batch in batches:
        normalised = normalize(batch, list(backbone.mean), list(backbone.std))
        with torch.inference_mode():
            found = backbone.features(normalised.contiguous(memory_format=torch.channels_last))
        yield [features.float().cpu() for features in found]


def _folded(network: nn.Module) -> nn.Module:
    """The same network with batch normalisation inside the convolutions before it: less to compute."""
    for child in network.children():
        _folded(child)
    if isinstance(network, nn.Sequential):
        for i, (layer, following) in enumerate(pairwise(network)):
            if isinstance(layer, nn.Conv2d) and isinstance(following, nn.BatchNorm2d):
                network[i], network[i + 1] = fuse_conv_bn_eval(layer, following), nn.Identity()
    return network


def _of_torchvision(name: str) -> Backbone:
    file = imagenet_file(
        name,
        asked_by=f"embed.backbone is '{name}'",
        otherwise="embed.backbone to efficientnet_lite0, whose weights are installed",
    )
    network = get_model(name, weights=None)
    network.load_state_dict(load_plain(file))
    network.fc = nn.Identity()
    network.eval()
    return Backbone(
        lambda images: [network(images)], network, IMAGENET_MEAN, IMAGENET_STD, 224, WeightsFile.at(file)
    )


def _of_timm(name: str, revision: str, input_px: int | None) -> Backbone:
    """Weights are read as safetensors, which hold nothing to run."""
    import timm  # both take a second to import, and few need them
    from huggingface_hub import hf_hub_download

    if name not in timm.list_models(pretrained=True):
        nearest = ", ".join(timm.list_models(f"*{name.split('.')[0].split('_')[0]}*", pretrained=True)[:5])
        raise InputError(
            f"embed.backbone: timm has no model '{name}'. {f'It has {nearest}, …' * bool(nearest)}"
        )
    config = timm.get_pretrained_cfg(name)
    try:
        file = hf_hub_download(
            config.hf_hub_id, "model.safetensors", revision=revision, etag_timeout=HUB_TIMEOUT_SECONDS
        )
    except Exception as error:  # the hub's errors are of many families
        raise InputError(
            f"embed.backbone: the weights of {config.hf_hub_id} at revision {revision} are neither in the "
            f"hub's cache nor to be had from the network ({str(error).splitlines()[0]})."
        ) from error
    size = {"img_size": input_px} if input_px and config.fixed_input_size else {}
    overlay = {"file": file}
    network = timm.create_model(name, pretrained=True, pretrained_cfg_overlay=overlay, num_classes=0, **size)
    network.eval()
    own_px = config.input_size[-1]
    return Backbone(
        lambda images: [network(images)], network, config.mean, config.std, own_px, WeightsFile.at(Path(file))
    )

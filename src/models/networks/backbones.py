"""Networks that describe images they were not trained on: torchvision's ResNets with ImageNet weights."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
from torch import nn
from torchvision.models import get_model, get_model_weights
from torchvision.transforms.functional import normalize

from analysis.contract import InputError
from models.inference import decoded_batches
from models.networks.pretrained import IMAGENET_MEAN, IMAGENET_STD, imagenet_state


def imagenet_backbone(name: str) -> nn.Module:
    """The ResNet of that name without its last layer: images (N, 3, H, W) -> (N, 512 or 2048).

    Raises
    ------
    InputError
        If its weights are neither in torch's cache nor to be had from the hub.
    """
    state = imagenet_state(get_model_weights(name).IMAGENET1K_V1)
    if state is None:
        raise InputError(
            f"embed.backbone is '{name}', but its ImageNet weights are neither in torch's cache "
            f"({torch.hub.get_dir()}/checkpoints) nor to be had from the network. Put them there, or set "
            "embed.backbone to patches, which needs none."
        )
    network = get_model(name, weights=None)
    network.load_state_dict(state)
    network.fc = nn.Identity()
    return network


@torch.inference_mode()
def penultimate_features(
    backbone: nn.Module,
    images: pd.DataFrame,
    *,
    input_px: int,
    batch_images: int,
    device: torch.device,
) -> np.ndarray:
    """The backbone's output for `images` (see `decode`), decoded batch by batch: float32 (N, d)."""
    backbone.eval().to(device)
    batches = decoded_batches(
        images, input_px=input_px, batch_images=batch_images, device=device, description="embed"
    )
    normalised = (normalize(batch, IMAGENET_MEAN, IMAGENET_STD) for batch in batches)
    return np.concatenate([backbone(batch).cpu().numpy() for batch in normalised])

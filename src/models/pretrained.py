"""Weights to start training from: ImageNet's from torchvision's hub, those of a file, or none."""

from __future__ import annotations

import contextlib
import http.client
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor
from torchvision.models import ResNet18_Weights, WeightsEnum

from analysis.stage import InputError
from models.networks import ImageClassifier, load_plain

# of the images that torchvision's weights were trained on
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
HUB_TIMEOUT_SECONDS = (
    10  # of silence; without it torch waits for an unreachable hub as long as the system does
)


@dataclass(frozen=True)
class Start:
    """Where training starts: torchvision's state_dict of a ResNet18, or None for random weights."""

    description: str
    state: dict[str, Tensor] | None = None


def find_start(weights: str) -> Start:
    """`scratch`, `imagenet` or the path of a state_dict. Only ImageNet's absence is forgiven, and said.

    Raises
    ------
    InputError
        If the file is absent or holds something else.
    """
    if weights == "scratch":
        return Start("from scratch")
    if weights == "imagenet":
        state = imagenet_state(ResNet18_Weights.IMAGENET1K_V1)
        found, lacking = "from ImageNet weights", "from scratch (ImageNet weights could not be had)"
        return Start(lacking) if state is None else Start(found, state)
    return Start(f"from the weights in {weights}", load_plain(Path(weights)))


def imagenet_state(weights: WeightsEnum) -> dict[str, Tensor] | None:
    """From torch's cache or, in one attempt, from the hub; None if neither has them."""
    try:
        with _socket_timeout(HUB_TIMEOUT_SECONDS):
            return weights.get_state_dict(progress=True, check_hash=True, weights_only=True)
    except (OSError, http.client.HTTPException, RuntimeError):  # no network; cut off; not what was asked for
        return None


@contextlib.contextmanager
def _socket_timeout(seconds: float) -> Iterator[None]:
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def load_backbone(classifier: ImageClassifier, start: Start) -> None:
    """Put the state's weights into the backbone. The head, and a stem of another shape, stay as they are.

    Raises
    ------
    InputError
        If the state is not of a ResNet18.
    """
    if start.state is None:
        return
    state = {name: tensor for name, tensor in start.state.items() if not name.startswith("fc.")}
    stem = classifier.backbone.conv1.weight.detach()
    if classifier.keep_resolution and state.get("conv1.weight", stem).shape != stem.shape:
        state["conv1.weight"] = stem
    try:
        classifier.backbone.load_state_dict(state)
    except RuntimeError as error:
        reason = str(error).splitlines()[1].strip()
        raise InputError(
            f"Training cannot start {start.description}: expected the state_dict of torchvision's resnet18. "
            f"{reason}"
        ) from error

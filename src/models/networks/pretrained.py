"""Weights to start training from: ImageNet's from torchvision's hub, those of a file or address, or none."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torchvision.models import WeightsEnum, get_model_weights

from analysis.contract import InputError
from models.networks.checkpoint import load_plain
from models.networks.classifier import ImageClassifier

# of the images that torchvision's weights were trained on
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
HUB_TIMEOUT_SECONDS = (
    10  # of silence; without it torch waits for an unreachable hub as long as the system does
)


@dataclass(frozen=True)
class InitialWeights:
    """Where training starts: the state_dict of a ResNet of torchvision's, or None for random weights."""

    description: str
    state: dict[str, Tensor] | None = None

    @property
    def is_pretrained(self) -> bool:
        return self.state is not None


def find_initial_weights(weights: str, weights_file: Path, architecture: str) -> InitialWeights:
    """By the name `scratch`, `imagenet`, `file` or an address. Only ImageNet's absence is forgiven, and said.

    Raises
    ------
    InputError
        If a file is absent or holds something else, or what an address names cannot be had.
    """
    if weights == "scratch":
        return InitialWeights("from scratch")
    if weights == "imagenet":
        state = imagenet_state(get_model_weights(architecture).IMAGENET1K_V1)
        found, lacking = "from ImageNet weights", "from scratch (ImageNet weights could not be had)"
        return InitialWeights(lacking) if state is None else InitialWeights(found, state)
    if weights == "file":
        return InitialWeights(f"from the weights in {weights_file}", load_plain(weights_file))
    return InitialWeights(f"from the weights at {weights}", load_plain(_downloaded(weights)))


def _downloaded(address: str) -> Path:
    """The file at this address, fetched once into torch's cache."""
    digest = hashlib.blake2b(address.encode(), digest_size=8).hexdigest()
    file = Path(torch.hub.get_dir()) / "checkpoints" / f"{digest}.pth"
    if file.exists():
        return file
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        with _socket_timeout(HUB_TIMEOUT_SECONDS):
            torch.hub.download_url_to_file(address, str(file), progress=sys.stderr.isatty())
    except (OSError, http.client.HTTPException) as error:
        raise InputError(f"baseline_resnet.weights: {address} could not be fetched ({error}).") from error
    return file


def imagenet_state(weights: WeightsEnum) -> dict[str, Tensor] | None:
    """From torch's cache or, in one attempt, from the hub; None if neither has them."""
    try:
        with _socket_timeout(HUB_TIMEOUT_SECONDS):
            return weights.get_state_dict(progress=sys.stderr.isatty(), check_hash=True, weights_only=True)
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


def load_backbone(classifier: ImageClassifier, initial_weights: InitialWeights) -> set[str]:
    """Put the state's weights into the backbone. The head, and a stem of another shape, stay as they are.

    Returns
    -------
    set
        The parts, of `phases.PARTS`, that have pretrained weights now.

    Raises
    ------
    InputError
        If the state is not of the classifier's architecture.
    """
    if initial_weights.state is None:
        return set()
    pretrained = set(classifier.parts()) - {"head"}
    state = {name: tensor for name, tensor in initial_weights.state.items() if not name.startswith("fc.")}
    stem = classifier.backbone.conv1.weight.detach()
    if classifier.keep_resolution and state.get("conv1.weight", stem).shape != stem.shape:
        state["conv1.weight"] = stem
        pretrained -= {"stem"}
    try:
        classifier.backbone.load_state_dict(state)
    except RuntimeError as error:
        reason = str(error).splitlines()[1].strip()
        raise InputError(
            f"Training cannot start {initial_weights.description}: expected the state_dict of torchvision's "
            f"{classifier.architecture}. {reason}"
        ) from error
    return pretrained

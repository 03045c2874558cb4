"""Weights to start training from: those installed here, ImageNet's of torchvision, those of a file, or none.

What a name stands for never depends on the network: where something that is named cannot be had, that is an
error, and nothing is looked for in the network that is not named.
"""

from __future__ import annotations

import hashlib
import http.client
import re
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import NamedTuple
from urllib.request import urlopen

import torch
from torch import Tensor
from torchvision.models import get_model_weights

from analysis.contract import InputError
from analysis.dataset.input_size import LITE
from models.networks import packaged_weights
from models.networks.checkpoint import load_plain
from models.networks.classifier import ImageClassifier
from models.networks.efficientnet_lite import named_as_ours

# of the images that torchvision's weights were trained on
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
HUB_TIMEOUT_SECONDS = 2.0  # until a server answers, all its addresses together; after that of silence


class Normalisation(NamedTuple):
    """Mean and standard deviation of red, green and blue, over images in [0, 1]."""

    mean: tuple[float, ...]
    std: tuple[float, ...]


NORMALISATION = Normalisation(IMAGENET_MEAN, IMAGENET_STD)  # of ResNets, unless told otherwise


@dataclass(frozen=True)
class WeightsFile:
    """Which file it was, so that the same can be had again."""

    name: str
    sha256: str
    n_bytes: int

    @classmethod
    def at(cls, path: Path, name: str = "") -> WeightsFile:
        content = path.read_bytes()
        return cls(name or path.name, hashlib.sha256(content).hexdigest(), len(content))


@dataclass(frozen=True)
class InitialWeights:
    """Where training starts: a backbone's state and the normalisation it expects; None: random weights."""

    description: str
    state: Mapping[str, Tensor] | None = None
    normalisation: Normalisation | None = None
    file: WeightsFile | None = None

    @property
    def is_pretrained(self) -> bool:
        return self.state is not None


def find_initial_weights(weights: str, weights_file: Path, architecture: str) -> InitialWeights:
    """By the name `scratch`, `imagenet`, `file` or an address.

    Raises
    ------
    InputError
        If what is named cannot be had, or is of another network.
    """
    if weights == "scratch":
        return InitialWeights("from scratch")
    if weights == "imagenet" and architecture == LITE:
        path, name = packaged_weights.packaged_file(), packaged_weights.FILE
        description = "from the ImageNet weights that are installed here"
    elif weights == "imagenet":
        path = imagenet_file(
            architecture,
            asked_by="baseline_resnet.weights is imagenet",
            otherwise="baseline_resnet.architecture to efficientnet_lite0, whose weights are installed, or "
            "baseline_resnet.weights to scratch",
        )
        name, description = path.name, "from torchvision's ImageNet weights"
    elif weights == "file":
        path, name, description = weights_file, weights_file.name, f"from the weights in {weights_file}"
    else:
        path, name, description = _downloaded(weights), weights, f"from the weights at {weights}"
    state = load_plain(path)
    normalisation = NORMALISATION
    if architecture == LITE:
        state = _lite_state(state, description)
        normalisation = Normalisation(packaged_weights.MEAN, packaged_weights.STD)
    return InitialWeights(description, state, normalisation, WeightsFile.at(path, name))


def _lite_state(state: Mapping[str, Tensor], description: str) -> dict[str, Tensor]:
    tensors = {name: value for name, value in state.items() if isinstance(value, Tensor)}
    try:
        return named_as_ours(tensors)
    except ValueError as error:
        raise InputError(f"Training cannot start {description}: {error}.") from error


def imagenet_file(architecture: str, *, asked_by: str, otherwise: str) -> Path:
    """Torchvision's weights in torch's cache; from the hub, in one attempt, if they are not there.

    Raises
    ------
    InputError
        If neither has them: what asked for them, and what may be set instead.
    """
    weights = get_model_weights(architecture).IMAGENET1K_V1
    file = Path(torch.hub.get_dir()) / "checkpoints" / Path(weights.url).name
    try:
        return file if file.exists() else _fetched(weights.url, file, hash_prefix=_hash_in(file))
    except (
        OSError,
        http.client.HTTPException,
        RuntimeError,
    ) as error:  # RuntimeError: not what was asked for
        raise InputError(
            f"{asked_by}, but torchvision's weights of {architecture} are not at {file}, and {weights.url} "
            f"could not be fetched ({error}). Put that file there; or set {otherwise}."
        ) from error


def _hash_in(file: Path) -> str | None:
    """The beginning of the SHA-256 that torchvision writes into its files' names: resnet18-f37072fd.pth."""
    found = re.search(r"-([0-9a-f]{8,})\.", file.name)
    return found and found.group(1)


def _downloaded(address: str) -> Path:
    """The file at this address, fetched once into torch's cache."""
    digest = hashlib.blake2b(address.encode(), digest_size=8).hexdigest()
    file = Path(torch.hub.get_dir()) / "checkpoints" / f"{digest}.pth"
    try:
        return file if file.exists() else _fetched(address, file)
    except (OSError, http.client.HTTPException) as error:
        raise InputError(f"baseline_resnet.weights: {address} could not be fetched ({error}).") from error


def _fetched(address: str, file: Path, *, hash_prefix: str | None = None) -> Path:
    """What is at this address, written to `file`; a server that does not answer in time is given up."""
    _check_answer(address)
    file.parent.mkdir(parents=True, exist_ok=True)
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(HUB_TIMEOUT_SECONDS)  # torch sets none of its own
    try:
        torch.hub.download_url_to_file(address, str(file), hash_prefix, progress=sys.stderr.isatty())
    finally:
        socket.setdefaulttimeout(before)
    return file


def _check_answer(address: str) -> None:
    """Raise OSError if no answer begins in time: a socket's timeout is for each of a server's addresses."""
    failures: list[Exception] = [TimeoutError(f"no answer within {HUB_TIMEOUT_SECONDS:g} s")]

    def ask() -> None:
        try:
            urlopen(address, timeout=HUB_TIMEOUT_SECONDS).close()
            failures.clear()
        except (OSError, http.client.HTTPException) as error:
            if not isinstance(getattr(error, "reason", error), TimeoutError):
                failures[:] = [error]

    asking = Thread(target=ask, daemon=True)
    asking.start()
    asking.join(HUB_TIMEOUT_SECONDS)
    for failure in [*failures]:
        raise failure


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
    if classifier.keep_resolution:
        stem = classifier.backbone.conv1.weight.detach()
        if state.get("conv1.weight", stem).shape != stem.shape:
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

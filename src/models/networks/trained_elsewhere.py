"""Classifiers that somebody else trained: a state_dict of a ResNet of torchvision's, judged as it is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor
from torchvision.models import get_model

from analysis.contract import InputError
from models.networks.checkpoint import load_plain
from models.networks.classifier import RESNETS, ImageClassifier

N_AXES = {"conv1.weight": 4, "fc.weight": 2, "fc.bias": 1}  # of what every such state_dict holds
PARTS = ("conv1", "bn1", "layer1", "layer2", "layer3", "layer4", "fc")  # of the network
AVERAGED = re.compile(r"(^|[_.])(ema|swa)([_.]|$)", re.IGNORECASE)  # in the names of copies of the weights
MAX_DEPTH = 8  # of dictionaries in dictionaries: a file may hold one that holds itself


class TrainedElsewhere(NamedTuple):
    """The classifier, and the names of the tensors in its file that are no part of it."""

    classifier: ImageClassifier
    ignored: list[str]


def classifier_from(
    path: Path,
    classes: Sequence[str],
    *,
    architecture: str,
    checkpoint_classes: Sequence[str] | None,
    input_px: int,
    interpolation: str,
    mean: Sequence[float],
    std: Sequence[float],
) -> TrainedElsewhere:
    """The classifier whose state_dict is in the file, its outputs in the order of `classes`.

    The state_dict may lie under any name, as in a checkpoint of Lightning or of a training script, and its
    tensors may have any prefix (`model.`, `module.`, `_orig_mod.`); what else lies there, such as an
    optimiser's state, a loss's weights or averaged copies of the network's, is left out.

    Whether its stem keeps the resolution is seen from the first convolution. The file is read as tensors
    and plain values alone (`weights_only`): nothing in it is run.

    Parameters
    ----------
    checkpoint_classes
        In the order of the checkpoint's outputs. None: sorted by name, as torchvision's ImageFolder does.

    Raises
    ------
    InputError
        If the file holds another network, or one of other classes.
    """
    tensors = dict(_tensors_in(load_plain(path)))
    prefix = _prefix_of(tensors, path)
    state = {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix) and name.removeprefix(prefix).split(".")[0] in PARTS
    }
    ignored = [name for name in tensors if name.removeprefix(prefix) not in state]
    order = _order(path, classes, checkpoint_classes, n_outputs=len(state["fc.bias"]))
    head = {f"head.{name}": state.pop(f"fc.{name}")[order] for name in ("weight", "bias")}
    classifier = ImageClassifier(
        architecture=(architecture := _architecture_of(state, architecture)),
        classes=classes,
        input_px=input_px,
        interpolation=interpolation,
        keep_resolution=state["conv1.weight"].shape[-1] == 3,
        mean=mean,
        std=std,
    )
    own = {name: tensor for name, tensor in classifier.state_dict().items() if name in ("mean", "std")}
    try:
        classifier.load_state_dict(
            {f"backbone.{name}": tensor for name, tensor in state.items()} | head | own
        )
    except RuntimeError as error:
        raise InputError(
            f"{path} does not fit baseline_resnet.architecture, which is {architecture} (there are: "
            f"{', '.join(RESNETS)}). {str(error).splitlines()[1].strip()}"
        ) from error
    return TrainedElsewhere(classifier.eval(), ignored)


def _tensors_in(content: object, prefix: str = "", depth: int = 0) -> Iterator[tuple[str, Tensor]]:
    """Every tensor by the names that lead to it, joined with dots."""
    entries = enumerate(content) if isinstance(content, list) else getattr(content, "items", tuple)()
    for name, value in entries:
        if isinstance(value, Tensor):
            yield f"{prefix}{name}", value
        elif isinstance(value, (Mapping, list)) and depth < MAX_DEPTH:
            yield from _tensors_in(value, f"{prefix}{name}.", depth + 1)


def _prefix_of(tensors: Mapping[str, Tensor], path: Path) -> str:
    """What stands before the names of the network's tensors; of averaged ones only if there are no others."""
    prefixes = [name.removesuffix("conv1.weight") for name in tensors if name.endswith("conv1.weight")]
    whole = [p for p in prefixes if all(f"{p}{name}" in tensors for name in N_AXES)]
    found = [p for p in whole if not AVERAGED.search(p)] or whole
    if len(found) > 1:
        raise InputError(
            f"{path} holds {len(found)} networks, under {', '.join(p or 'no prefix' for p in found)}. Save "
            "the state_dict of the one that is meant alone: torch.save(model.state_dict(), 'weights.pt')."
        )
    prefix = found[0] if found else min(prefixes, key=len, default="")
    lacking = [
        name
        for name, n_axes in N_AXES.items()
        if f"{prefix}{name}" not in tensors or tensors[f"{prefix}{name}"].ndim != n_axes
    ]
    if lacking:
        raise InputError(
            f"{path} should hold the state_dict of a ResNet of torchvision's, but has no "
            f"{', '.join(sorted(lacking))} of its shape."
        )
    return prefix


def _architecture_of(state: Mapping[str, Tensor], named: str) -> str:
    """The one named; for `auto` the smallest of `RESNETS` with tensors of all these names, else the first."""
    if named in RESNETS:
        return named
    if named != "auto":
        raise InputError(
            f"baseline_resnet.architecture is {named}, but of networks trained elsewhere only "
            f"{', '.join(RESNETS)} are read."
        )
    with torch.device("meta"):  # names alone, no memory
        fits = [name for name in RESNETS if state.keys() <= get_model(name).state_dict().keys()]
    return (fits or RESNETS)[0]


def _order(
    path: Path, classes: Sequence[str], checkpoint_classes: Sequence[str] | None, *, n_outputs: int
) -> Tensor:
    """For each class, the checkpoint's output that is its."""
    theirs = names_of_outputs(classes, checkpoint_classes)
    if n_outputs != len(theirs):
        raise InputError(
            f"{path} has {n_outputs} outputs, but there are {len(theirs)} classes ({', '.join(theirs[:3])}, "
            "…). Name them in baseline_resnet.checkpoint_classes, in the order of the outputs."
        )
    lacking = [label for label in classes if label not in theirs]
    if lacking:
        raise InputError(
            f"baseline_resnet.checkpoint_classes lacks {', '.join(lacking[:3])}, which the dataset has."
        )
    return torch.tensor([theirs.index(label) for label in classes])


def names_of_outputs(classes: Sequence[str], checkpoint_classes: Sequence[str] | None) -> list[str]:
    """What each of the checkpoint's outputs is taken for."""
    return sorted(classes) if checkpoint_classes is None else list(checkpoint_classes)

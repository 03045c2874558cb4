"""Classifiers that somebody else trained: a state_dict of a ResNet of torchvision's, judged as it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from analysis.contract import InputError
from models.networks.checkpoint import load_plain
from models.networks.classifier import ARCHITECTURES, ImageClassifier

N_AXES = {"conv1.weight": 4, "fc.weight": 2, "fc.bias": 1}  # of what every such state_dict holds
WRAPPERS = ("state_dict", "model_state_dict", "model")  # under which training scripts keep the weights


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
) -> ImageClassifier:
    """The classifier whose state_dict is in the file, its outputs in the order of `classes`.

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
    state = _state_of(load_plain(path), path)
    order = _order(path, classes, checkpoint_classes, n_outputs=len(state["fc.bias"]))
    head = {f"head.{name}": state.pop(f"fc.{name}")[order] for name in ("weight", "bias")}
    classifier = ImageClassifier(
        architecture=architecture,
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
            f"{', '.join(ARCHITECTURES)}). {str(error).splitlines()[1].strip()}"
        ) from error
    return classifier.eval()


def _state_of(content: Mapping[str, object], path: Path) -> dict[str, Tensor]:
    """The state_dict, out of what a training script wrapped it in, by torchvision's names."""
    for wrapper in WRAPPERS:
        if isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
    tensors = {str(name): tensor for name, tensor in content.items() if isinstance(tensor, Tensor)}
    stems = [name for name in tensors if name.endswith("conv1.weight") and "layer" not in name]
    prefix = stems[0].removesuffix("conv1.weight") if stems else ""  # of a wrapper such as DataParallel
    state = {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}
    lacking = {name for name, n_axes in N_AXES.items() if name not in state or state[name].ndim != n_axes}
    if lacking:
        raise InputError(
            f"{path} should hold the state_dict of a ResNet of torchvision's, but has no "
            f"{', '.join(sorted(lacking))} of its shape."
        )
    return state


def _order(
    path: Path, classes: Sequence[str], checkpoint_classes: Sequence[str] | None, *, n_outputs: int
) -> Tensor:
    """For each class, the checkpoint's output that is its."""
    theirs = sorted(classes) if checkpoint_classes is None else list(checkpoint_classes)
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

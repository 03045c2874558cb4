"""A classifier as a file, read without running anything that is in it."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from analysis.contract import InputError
from models.networks.classifier import ARCHITECTURES, ImageClassifier
from models.training.devices import prepare_device


def save_classifier(classifier: ImageClassifier, path: Path) -> None:
    """Write weights and a plain description, which `weights_only=True` can load."""
    content = {
        "architecture": classifier.architecture,
        "classes": list(classifier.classes),
        "input_px": classifier.input_px,
        "interpolation": classifier.interpolation,
        "keep_resolution": classifier.keep_resolution,
        "mean": classifier.mean.flatten().tolist(),
        "std": classifier.std.flatten().tolist(),
        "state_dict": {name: tensor.cpu() for name, tensor in classifier.state_dict().items()},
    }
    torch.save(content, path)


def load_classifier(path: Path, classes: Sequence[str] | None = None) -> ImageClassifier:
    """The classifier that `save_classifier` wrote, of `classes` if given, on the CPU, ready to predict.

    Raises
    ------
    InputError
        If the file is no such checkpoint, or one of other classes. Nothing in it is run: only tensors and
        plain values are read.
    """
    content = load_plain(path)
    if content.get("architecture") not in ARCHITECTURES:
        raise InputError(
            f"{path}: expected a checkpoint of {', '.join(ARCHITECTURES)}, found "
            f"{content.get('architecture')!r}."
        )
    state = content.pop("state_dict")
    classifier = ImageClassifier(**content)
    if classes is not None and classifier.classes != tuple(classes):
        raise InputError(
            f"{path} was trained for {len(classifier.classes)} classes "
            f"({', '.join(classifier.classes[:3])}, …), not for the manifest's {len(classes)} "
            f"({', '.join(classes[:3])}, …): run baseline_resnet again."
        )
    classifier.load_state_dict(state)
    return classifier.eval()


def classifier_on(path: Path, classes: Sequence[str], device: str) -> ImageClassifier:
    """`load_classifier`, on the device of that name (see `prepare_device`), its weights not to be trained."""
    return load_classifier(path, classes).to(prepare_device(device)).requires_grad_(False)


def load_plain(path: Path) -> dict[str, Any]:
    """A dictionary of tensors and plain values. A file whose loading would run code is refused."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch warns of pickles that it goes on to refuse
            content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise InputError(f"There is no file {path} to read weights from.") from error
    except OSError:
        raise
    except Exception as error:  # what is no such file makes torch's reader raise anything at all
        raise InputError(
            f"{path} was not loaded: it is not a plain dictionary of tensors as torch.save writes it (a "
            "model's state_dict). A pickled model is refused: loading one runs whatever code it holds. Where "
            "you trust it, save its weights alone: torch.save(model.state_dict(), 'weights.pt')."
        ) from error
    if not isinstance(content, dict):
        raise InputError(f"{path} should hold a dictionary of tensors, but holds a {type(content).__name__}.")
    return content

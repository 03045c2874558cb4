"""Small datasets and a network whose answers can be worked out by hand, for the tests of several folders."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

Dataset = tuple[pd.DataFrame, pd.DataFrame]  # manifest, scan
GREY_PX = 8


@pytest.fixture
def make_dataset(tmp_path: Path) -> Callable[..., Dataset]:
    """Manifest and scan of plain grey 8×8 PNG files, one for each (label, split, level).

    A level of None stands for a file that cannot be read, a label of None for a blank one.
    """

    def make(
        rows: Sequence[tuple[str | None, str, int | None]], *, classes: Sequence[str] | None = None
    ) -> Dataset:
        labels, splits, levels = zip(*rows, strict=True)
        paths = [tmp_path / f"{i:04d}.png" for i in range(len(rows))]
        for path, level in zip(paths, levels, strict=True):
            if level is None:
                path.write_bytes(b"not an image")
            else:
                Image.new("L", (GREY_PX, GREY_PX), level).save(path)
        classes = classes or sorted({label for label in labels if label is not None})
        manifest = pd.DataFrame(
            {
                "item_id": np.arange(len(rows)),
                "path": [path.as_posix() for path in paths],
                "label": pd.Categorical(labels, categories=classes),
                "split": pd.Categorical(splits, categories=["train", "validation", "test"]),
                "status": "ok",
            }
        )
        is_read = [level is not None for level in levels]
        side = pd.array([GREY_PX if read else pd.NA for read in is_read], dtype="Int32")
        status = ["ok" if read else "unreadable" for read in is_read]
        scan = pd.DataFrame(
            {"item_id": manifest["item_id"], "status": status, "width_px": side, "height_px": side}
        ).assign(value_range=None)
        return manifest, scan

    return make


@pytest.fixture
def make_grey_classifier() -> Callable[..., object]:
    """An `ImageClassifier` that passes an image's grey level g in [0, 1] through its ResNet unchanged.

    Its first embedding value is g, the others are 0. Class i has its `centres[i]`, and the logits are those
    of `-sharpness * (g - centre) ** 2`, so that the nearest centre wins.
    """
    import torch

    from models.networks.classifier import ImageClassifier

    def make(classes: Sequence[str], centres: Sequence[float], *, sharpness: float = 10.0) -> ImageClassifier:
        classifier = ImageClassifier(
            architecture="resnet18",
            classes=classes,
            input_px=GREY_PX,
            keep_resolution=False,
            mean=[0.0] * 3,
            std=[1.0] * 3,
        )
        for name, weights in classifier.state_dict().items():
            if name.startswith("backbone"):
                weights.zero_()  # with nothing from its convolutions, a residual block hands on its input
        backbone = classifier.backbone
        backbone.conv1.weight.data[0, 0, 3, 3] = 1  # the first channel takes red as it is
        norms = [backbone.bn1]
        for layer in (backbone.layer2, backbone.layer3, backbone.layer4):
            convolution, norm = layer[0].downsample
            convolution.weight.data[0, 0] = 1
            norms.append(norm)
        for norm in norms:
            norm.weight.data[0] = 1
            norm.running_var.data.fill_(1 - norm.eps)
        centre = torch.tensor(centres)
        classifier.head.weight.data.zero_()
        classifier.head.weight.data[:, 0] = 2 * sharpness * centre
        classifier.head.bias.data = -sharpness * centre**2
        return classifier.eval()

    return make

"""What a trained classifier says about images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from analysis.dataset.readable import readable_images
from analysis.progress import progress
from models.data.decoding import decode
from models.networks.classifier import ImageClassifier, in_unit_range

PREDICTED_TOGETHER = 128  # images; where no stage has a parameter for it
# Of all images that pass a network at once on a CPU, whose cache they fill: 16 of 128 px, 256 of 32 px. With
# more, EfficientNet-Lite0 takes twice as long.
CPU_PIXELS = 2**18


@dataclass(frozen=True)
class Predictions:
    """Row i is of image i.

    Attributes
    ----------
    probabilities
        float32 (N, C), in the order of the classifier's classes; rows sum to 1.
    embeddings
        float32 (N, d): what the last layer sees.
    """

    probabilities: np.ndarray
    embeddings: np.ndarray

    @classmethod
    def joined(cls, batches: Sequence[Predictions]) -> Predictions:
        """One after another; there must be one batch at least."""
        return cls(*(np.concatenate([vars(b)[name] for b in batches]) for name in cls.__dataclass_fields__))


def decoded_batches(
    images: pd.DataFrame,
    *,
    input_px: int,
    batch_images: int,
    device: torch.device,
    description: str,
    interpolation: str = "bilinear",
) -> Iterator[Tensor]:
    """Yield the pictures of `images` (see `decode`) on `device`, float32 (n, 3, H, W) in [0, 1]."""
    with progress(description=description, unit="images", total=len(images)) as bar:
        for start in range(0, max(1, len(images)), batch_images):  # of no images one batch of none
            rows = images.iloc[start : start + batch_images]
            pixels = decode(rows, input_px=input_px, interpolation=interpolation)
            bar.update(len(rows))
            yield in_unit_range(pixels.to(device))


def predict_batches(
    classifier: ImageClassifier, images: pd.DataFrame, *, batch_images: int, device: torch.device
) -> Iterator[Predictions]:
    """Yield probabilities and embeddings of `images` (see `decode`), as they are decoded."""
    classifier.eval().to(device)
    batches = decoded_batches(
        images,
        input_px=classifier.input_px,
        interpolation=classifier.interpolation,
        batch_images=batch_images,
        device=device,
        description="predicting",
    )
    for batch in batches:
        with torch.inference_mode():
            embedded = torch.cat([classifier.embed(part) for part in _parts(batch, batch_images, device)])
            probabilities = classifier.head(embedded).softmax(dim=1)
        yield Predictions(probabilities.cpu().numpy(), embedded.cpu().numpy())


def predict_images(
    classifier: ImageClassifier, images: pd.DataFrame, *, batch_images: int, device: torch.device
) -> Predictions:
    """Probabilities and embeddings of `images` (see `decode`), all in memory."""
    return Predictions.joined(
        [*predict_batches(classifier, images, batch_images=batch_images, device=device)]
    )


@torch.no_grad()
def logits_of(network: nn.Module, images: Tensor, *, batch_images: int, device: torch.device) -> Tensor:
    """Of images (N, 3, H, W), uint8 or in [0, 1], brought to the network's `device` in batches: (N, C)."""
    batches = _parts(images, batch_images, device)
    return torch.cat([network(b if b.is_floating_point() else in_unit_range(b)) for b in batches])


def _parts(images: Tensor, batch_images: int, device: torch.device) -> Iterator[Tensor]:
    """So many of `images` (N, 3, H, W) on `device`, or as many as a CPU does well with, channels last."""
    if device.type == "cpu":
        batch_images = min(batch_images, max(1, CPU_PIXELS // images[0, 0].numel())) if len(images) else 1
    for part in images.split(batch_images):
        yield part.to(device).contiguous(memory_format=torch.channels_last)


def predict_held_out(
    classifier: ImageClassifier,
    manifest: pd.DataFrame,
    scan: pd.DataFrame,
    *,
    batch_images: int,
    device: torch.device,
) -> pd.DataFrame:
    """`item_id`, `split`, `label`, `predicted_label` of the labelled images of validation and test."""
    images = readable_images(manifest, scan).query("class_index >= 0 and split in ['validation', 'test']")
    images = images.reset_index(drop=True)
    found = predict_images(classifier, images, batch_images=batch_images, device=device)
    predicted = pd.Categorical.from_codes(
        found.probabilities.argmax(axis=1), categories=manifest["label"].cat.categories
    )
    return images[["item_id", "split", "label"]].assign(predicted_label=predicted)

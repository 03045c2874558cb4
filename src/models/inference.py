"""What a trained classifier says about images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from analysis.dataset.readable import readable_images
from analysis.pipeline.progress import progress
from models.data.decoding import decode
from models.networks.classifier import ImageClassifier, in_unit_range


@dataclass(frozen=True)
class Predictions:
    """Row i is of image i.

    Attributes
    ----------
    probabilities
        float32 (N, C), in the order of the classifier's classes; rows sum to 1.
    embeddings
        float32 (N, 512): what the last layer sees.
    """

    probabilities: np.ndarray
    embeddings: np.ndarray


@torch.inference_mode()
def predict(
    classifier: ImageClassifier, images: pd.DataFrame, *, batch_images: int, device: torch.device
) -> Predictions:
    """Probabilities and embeddings of `images` (`path`, `is_truncated`), decoded batch by batch."""
    classifier.eval().to(device)
    probabilities = np.empty((len(images), len(classifier.classes)), dtype=np.float32)
    embeddings = np.empty((len(images), classifier.head.in_features), dtype=np.float32)
    with progress(description="predicting", unit="images", total=len(images)) as bar:
        for start in range(0, len(images), batch_images):
            rows = slice(start, start + batch_images)
            size = {"input_px": classifier.input_px, "interpolation": classifier.interpolation}
            pixels = decode(images.iloc[rows], **size).to(device)
            embedded = classifier.embed(in_unit_range(pixels))
            embeddings[rows] = embedded.cpu().numpy()
            probabilities[rows] = classifier.head(embedded).softmax(dim=1).cpu().numpy()
            bar.update(len(pixels))
    return Predictions(probabilities, embeddings)


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
    found = predict(classifier, images, batch_images=batch_images, device=device)
    predicted = pd.Categorical.from_codes(
        found.probabilities.argmax(axis=1), categories=manifest["label"].cat.categories
    )
    return images[["item_id", "split", "label"]].assign(predicted_label=predicted)

"""The predictions that attribution looks at, and the maps of what the classifier based them on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from torch import Tensor

from analysis.dataset.samples import balanced_sample
from analysis.interpret.gradcam.attribution import attribution_maps, choose_layer
from analysis.interpret.judged_images import split_to_judge
from models.data.decoding import decode
from models.networks.checkpoint import classifier_on
from models.networks.classifier import ImageClassifier


@dataclass(frozen=True)
class Explained:
    """Sampled predictions, and where the classifier found its evidence for them.

    Attributes
    ----------
    images
        Row i is of picture i; see `sample_predictions`.
    pixels
        uint8 (N, 3, H, W).
    maps
        By method, float32 (N, H, W), for the predicted class.
    actual_maps
        float32 (N, H, W) by the first method, for the actual class.
    """

    classifier: ImageClassifier
    images: pd.DataFrame
    pixels: Tensor
    layer: str
    batch_images: int
    maps: dict[str, np.ndarray]
    actual_maps: np.ndarray

    @property
    def method(self) -> str:
        """The first one named."""
        return next(iter(self.maps))

    @property
    def right(self) -> np.ndarray:
        """Row numbers of the right predictions."""
        return np.flatnonzero(self.images["is_right"])

    def right_sample(self, n: int, *, seed: int) -> np.ndarray:
        """Row numbers of at most `n` right predictions, as many of each class."""
        codes = self.images["class_index"].to_numpy()[self.right]
        return self.right[balanced_sample(codes, n, seed=seed)]

    def maps_of(self, network: ImageClassifier, rows: np.ndarray, *, method: str) -> np.ndarray:
        """Maps of the pictures in `rows` under another network, for the class that it predicts."""
        return attribution_maps(
            network, self.pixels[rows], None, method=method, layer=self.layer, batch_images=self.batch_images
        )


def sample_predictions(
    readable: pd.DataFrame,
    predictions: pd.DataFrame,
    *,
    right_per_class: int,
    wrong_per_class: int,
    seed: int,
) -> tuple[pd.DataFrame, str]:
    """At most so many right and wrong predictions of each class, at random, and the split they are of.

    Parameters
    ----------
    readable
        As `analysis.dataset.readable.readable_images` gives them.
    predictions
        As the stage `predict` makes them.

    Returns
    -------
    DataFrame
        `readable`'s columns with `predicted_label`, `predicted_index`, `confidence` and `is_right`; those
        predicted rightly first.
    """
    labelled = readable[readable["class_index"] >= 0]
    split = split_to_judge(labelled)
    predicted = predictions[["item_id", "predicted_label", "probabilities"]]
    judged = labelled[labelled["split"] == split].merge(predicted, on="item_id", validate="1:1")
    predicted = judged["predicted_label"].cat.codes.astype(np.int64)
    judged = judged.assign(
        predicted_index=predicted,
        confidence=[float(max(values)) for values in judged.pop("probabilities")],
        is_right=predicted == judged["class_index"],
    )
    shuffled = judged.iloc[np.random.default_rng(seed).permutation(len(judged))]
    right, wrong = (shuffled[shuffled["is_right"] == is_right] for is_right in (True, False))
    kept = [
        right.groupby("class_index").head(right_per_class),
        wrong.groupby("class_index").head(wrong_per_class),
    ]
    return pd.concat(kept, ignore_index=True), split


def explain_predictions(
    model: Path,
    images: pd.DataFrame,
    classes: Sequence[str],
    *,
    methods: Sequence[str],
    layer: str,
    batch_images: int,
    device: str,
) -> Explained:
    """Maps of `images` (see `sample_predictions`) by each method.

    Raises
    ------
    InputError
        If the classifier is of other classes, a picture cannot be read, or there is no such device.
    """
    classifier = classifier_on(model, classes, device)
    chosen = choose_layer(classifier, layer)
    pixels = decode(images, input_px=classifier.input_px, interpolation=classifier.interpolation)

    def maps_for(rows: np.ndarray, column: str, method: str) -> np.ndarray:
        targets = images[column].to_numpy()[rows]
        return attribution_maps(
            classifier, pixels[rows], targets, method=method, layer=chosen, batch_images=batch_images
        )

    everything, wrong = np.arange(len(images)), np.flatnonzero(~images["is_right"])
    maps = {method: maps_for(everything, "predicted_index", method) for method in methods}
    actual_maps = maps[methods[0]].copy()
    actual_maps[wrong] = maps_for(wrong, "class_index", methods[0])
    return Explained(classifier, images, pixels, chosen, batch_images, maps, actual_maps)

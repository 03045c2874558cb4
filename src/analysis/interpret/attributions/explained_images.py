"""The predictions that attribution looks at, and the maps of what the classifier based them on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from analysis.dataset.samples import balanced_sample
from analysis.interpret.attributed_images import Attributed
from analysis.interpret.attributions.attribution import attribution_maps, choose_layer, map_side_px
from analysis.interpret.judged_images import split_to_judge
from models.data.decoding import decode
from models.networks.checkpoint import classifier_on
from models.networks.classifier import ImageClassifier


@dataclass(frozen=True)
class Explained(Attributed):
    """With the classifier that was asked, to ask it and others again."""

    classifier: ImageClassifier
    batch_images: int

    def tensors(self, rows: np.ndarray) -> Tensor:
        """uint8 (R, 3, H, W) of the pictures in `rows`."""
        # (R, H, W, 3) -> (R, 3, H, W), in memory too: sums of another order would differ in the last digit
        return torch.from_numpy(self.pixels[rows]).permute(0, 3, 1, 2).contiguous()

    def right_sample(self, n: int, *, seed: int) -> np.ndarray:
        """Row numbers of at most `n` right predictions, as many of each class."""
        codes = self.images["class_index"].to_numpy()[self.right]
        return self.right[balanced_sample(codes, n, seed=seed)]

    def maps_of(self, network: ImageClassifier, rows: np.ndarray, *, method: str) -> np.ndarray:
        """Maps of the pictures in `rows` under another network, for the class that it predicts."""
        return attribution_maps(
            network, self.tensors(rows), None, method=method, layer=self.layer, batch_images=self.batch_images
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
    return Explained(
        images=images,
        pixels=pixels.permute(0, 2, 3, 1).numpy(),  # (N, 3, H, W) -> (N, H, W, 3)
        maps=maps,
        actual_maps=actual_maps,
        layer=chosen,
        layer_cells=map_side_px(classifier, chosen),
        classifier=classifier,
        batch_images=batch_images,
    )

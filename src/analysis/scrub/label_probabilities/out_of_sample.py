"""Class probabilities of each image by a model that saw neither it nor its copies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.dataset.copies import copy_groups
from analysis.dataset.readable import is_usable, readable_images
from analysis.progress import progress
from analysis.scrub.label_probabilities import classifiers
from analysis.scrub.label_probabilities.mixture import log_loss_of, mixed, mixing_weights, worth_teaching
from analysis.scrub.label_probabilities.parameters import LabelProbabilitiesParameters
from models.data.decoding import decode

FROZEN = ("perceptron", "logistic_regression", "nearest_neighbours")  # on the embeddings as they are
ROUNDS = ("all labels", "without the most doubted")
COLUMNS = ["round", "model", "log_loss", "accuracy", "weight"]


@dataclass(frozen=True)
class OutOfSample:
    """What models make of images that they have not seen.

    Attributes
    ----------
    probabilities
        (n, n_classes), one row per image of the manifest, NaN for an image that no model can judge: those
        without a label or a picture, and of classes with fewer pictures than folds; all, where fewer than two
        classes are left. The classes are the labels of the others, in the order of their names.
    models
        One row per round and model: log loss and accuracy by the given labels, and weight in the mixture.
    """

    probabilities: np.ndarray
    models: pd.DataFrame


def predict_out_of_sample(
    manifest: pd.DataFrame,
    scan: pd.DataFrame,
    thumbnails: np.ndarray,
    embeddings: np.ndarray,
    duplicate_pairs: pd.DataFrame,
    *,
    parameters: LabelProbabilitiesParameters,
    seed: int,
) -> OutOfSample:
    """Class probabilities of every labelled image by models that saw neither it nor a copy of it.

    In a second round, on other folds, models learn without the labels that those of the first doubted most.
    """
    images = _judgeable(manifest, scan, duplicate_pairs, n_folds=parameters.n_folds)
    labels, classes = pd.factorize(images["label"], sort=True)
    probabilities = np.full((len(manifest), len(classes)), np.nan)
    if len(classes) < 2:
        return OutOfSample(probabilities, pd.DataFrame(columns=COLUMNS))
    rows = images["item_id"].to_numpy()
    readable = readable_images(manifest, scan).set_index("item_id", drop=False).loc[rows]
    models = _models(readable, scan, thumbnails, embeddings, parameters, seed)
    is_taught, tables = None, []
    for number, name in enumerate(ROUNDS):
        folds = classifiers.assign_folds(
            labels, images["group"].to_numpy(), n_folds=parameters.n_folds, seed=seed + number
        )
        predictions = {
            model: classifiers.cross_validate(
                features,
                labels,
                folds,
                fit_predict,
                n_classes=len(classes),
                is_taught=is_taught,
                description=f"{model.replace('_', ' ')}, {name}",
            )
            for model, (features, fit_predict) in models.items()
        }
        weights = mixing_weights(labels, predictions)
        mixture = mixed(predictions, weights)
        tables.append(_table(name, labels, predictions, weights, mixture))
        is_taught = worth_teaching(labels, mixture)
    probabilities[rows] = mixture
    return OutOfSample(probabilities, pd.concat(tables, ignore_index=True))


def _table(
    name: str,
    labels: np.ndarray,
    predictions: dict[str, np.ndarray],
    weights: dict[str, float],
    mixture: np.ndarray,
) -> pd.DataFrame:
    of_each = [(model, p, weights[model]) for model, p in predictions.items()]
    rows = [
        (name, model, log_loss_of(labels, p), (p.argmax(axis=1) == labels).mean(), weight)
        for model, p, weight in [*of_each, ("mixture", mixture, 1.0)]
    ]
    return pd.DataFrame(rows, columns=COLUMNS).round(4)


def _judgeable(
    manifest: pd.DataFrame, scan: pd.DataFrame, duplicate_pairs: pd.DataFrame, *, n_folds: int
) -> pd.DataFrame:
    """Labelled, decoded images of classes with a picture for every fold; `group` is one for all copies."""
    groups = copy_groups(pd.Index(manifest["item_id"]), duplicate_pairs)
    images = manifest[["item_id", "label"]].assign(group=groups.to_numpy())
    images = images[is_usable(manifest, scan)]
    n_pictures = images.groupby("label", observed=True)["group"].nunique()
    is_enough = images["label"].map(n_pictures).astype(float) >= n_folds
    return images[is_enough].reset_index(drop=True)


def _models(
    readable: pd.DataFrame,
    scan: pd.DataFrame,
    thumbnails: np.ndarray,
    embeddings: np.ndarray,
    parameters: LabelProbabilitiesParameters,
    seed: int,
) -> dict[str, tuple[np.ndarray, classifiers.FitPredict]]:
    """By name, what each model sees of the `readable` images, and the model."""
    rows = readable["item_id"].to_numpy()
    on_embeddings = {
        "perceptron": lambda: classifiers.perceptron(seed=seed),
        "logistic_regression": classifiers.logistic_regression,
        "nearest_neighbours": classifiers.nearest_neighbours,
    }
    names = FROZEN if parameters.model in ("auto", "networks") else (parameters.model,)
    models = {name: (embeddings[rows], on_embeddings[name]()) for name in names if name in on_embeddings}
    if parameters.model == "random_forest":
        features = classifiers.forest_features(scan.iloc[rows], thumbnails[rows])
        models["random_forest"] = features, classifiers.random_forest(seed=seed)
    if parameters.model == "networks":
        with progress(description="decoding", unit="images", total=len(rows)) as bar:
            pixels = decode(readable, input_px=classifiers.NETWORK_PX, bar=bar).numpy()
        models["networks"] = (
            pixels,
            classifiers.fine_tuned_networks(
                n_epochs=parameters.network_epochs, max_images=parameters.max_network_images, seed=seed
            ),
        )
    return models

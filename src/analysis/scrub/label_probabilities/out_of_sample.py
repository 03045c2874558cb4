"""Class probabilities of each image by a model that saw neither it nor its copies."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.dataset.copies import copy_groups
from analysis.dataset.readable import is_usable
from analysis.scrub.label_probabilities import classifiers
from analysis.scrub.label_probabilities.parameters import LabelProbabilitiesParameters


def probabilities_out_of_sample(
    manifest: pd.DataFrame,
    scan: pd.DataFrame,
    thumbnails: np.ndarray,
    embeddings: np.ndarray,
    duplicate_pairs: pd.DataFrame,
    *,
    parameters: LabelProbabilitiesParameters,
    seed: int,
) -> np.ndarray:
    """Array (n, n_classes), one row per image of the manifest, NaN for an image that no model can judge.

    Those are images without a label or a picture, and of classes with fewer pictures than folds; all, where
    fewer than two classes are left. The classes are the labels of the others, in the order of their names.
    """
    images = _judgeable(manifest, scan, duplicate_pairs, n_folds=parameters.n_folds)
    labels, classes = pd.factorize(images["label"], sort=True)
    probabilities = np.full((len(manifest), len(classes)), np.nan)
    if len(classes) > 1:
        predicted = _cross_validated(images, labels, scan, thumbnails, embeddings, parameters, seed)
        probabilities[images["item_id"]] = predicted
    return probabilities


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


def _cross_validated(
    images: pd.DataFrame,
    labels: np.ndarray,
    scan: pd.DataFrame,
    thumbnails: np.ndarray,
    embeddings: np.ndarray,
    parameters: LabelProbabilitiesParameters,
    seed: int,
) -> np.ndarray:
    rows = images["item_id"].to_numpy()
    match parameters.model:
        case "perceptron":
            features, model = embeddings[rows], classifiers.perceptron(seed=seed)
        case "logistic_regression":
            features, model = embeddings[rows], classifiers.logistic_regression()
        case "nearest_neighbours":
            features, model = embeddings[rows], classifiers.nearest_neighbours()
        case "random_forest":
            features = classifiers.forest_features(scan.iloc[rows], thumbnails[rows])
            model = classifiers.random_forest(seed=seed)
        case "networks":
            features = thumbnails[rows]
            model = classifiers.small_networks(
                n_epochs=parameters.network_epochs, max_images=parameters.max_network_images, seed=seed
            )
    folds = classifiers.assign_folds(
        labels, images["group"].to_numpy(), n_folds=parameters.n_folds, seed=seed
    )
    return classifiers.cross_validate(features, labels, folds, model, n_classes=labels.max() + 1)

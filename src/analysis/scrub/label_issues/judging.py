"""From labels and features to a verdict on each label, by a model that saw neither it nor its copies."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.dataset.copies import copy_groups
from analysis.dataset.readable import is_usable
from analysis.scrub.label_issues import classifiers as models
from analysis.scrub.label_issues.confident_learning import Verdict, judge
from analysis.scrub.label_issues.parameters import LabelIssuesParameters


def judge_labels(
    manifest: pd.DataFrame,
    scan: pd.DataFrame,
    thumbnails: np.ndarray,
    embeddings: np.ndarray,
    duplicate_pairs: pd.DataFrame,
    *,
    parameters: LabelIssuesParameters,
    seed: int,
) -> tuple[pd.DataFrame, list[str], Verdict | None]:
    """The images that can be judged (`item_id`, `label`), their classes, and the verdict on each.

    There is none where fewer than two classes can be told apart.
    """
    images = _judgeable(manifest, scan, duplicate_pairs, n_folds=parameters.n_folds)
    labels, classes = pd.factorize(images["label"], sort=True)
    if len(classes) < 2:
        return images, list(classes), None
    probabilities = _out_of_sample(images, labels, scan, thumbnails, embeddings, parameters, seed)
    verdict = judge(
        labels, probabilities, anchor_fraction=parameters.anchor_fraction, min_score=parameters.min_score
    )
    return images, list(classes), verdict


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


def _out_of_sample(
    images: pd.DataFrame,
    labels: np.ndarray,
    scan: pd.DataFrame,
    thumbnails: np.ndarray,
    embeddings: np.ndarray,
    parameters: LabelIssuesParameters,
    seed: int,
) -> np.ndarray:
    rows = images["item_id"].to_numpy()
    match parameters.model:
        case "perceptron":
            features, model = embeddings[rows], models.perceptron(seed=seed)
        case "logistic_regression":
            features, model = embeddings[rows], models.logistic_regression()
        case "nearest_neighbours":
            features, model = embeddings[rows], models.nearest_neighbours()
        case "random_forest":
            features = models.forest_features(scan.iloc[rows], thumbnails[rows])
            model = models.random_forest(seed=seed)
        case "networks":
            features = thumbnails[rows]
            model = models.small_networks(
                n_epochs=parameters.network_epochs, max_images=parameters.max_network_images, seed=seed
            )
    folds = models.assign_folds(labels, images["group"].to_numpy(), n_folds=parameters.n_folds, seed=seed)
    return models.cross_validate(features, labels, folds, model, n_classes=labels.max() + 1)

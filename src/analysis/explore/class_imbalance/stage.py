from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.contract import Artifacts, Figure
from analysis.dataset.readable import is_usable
from analysis.explore.class_imbalance.figures import plot_confusion, plot_errors, plot_recall_by_frequency
from analysis.explore.class_imbalance.findings import SUFFERS_FROM_RARITY, find_suffering_classes
from analysis.explore.class_imbalance.linear_model import (
    N_FOLDS,
    compare_recalls,
    confusion_of,
    predict_out_of_fold,
    sample_training,
)
from analysis.explore.class_imbalance.notes import (
    CAPTIONS,
    TABLE_COLUMNS,
    metrics_of,
    notes_on,
    nothing_to_compare,
    stacked,
    summary_of,
)
from analysis.explore.class_imbalance.parameters import ClassImbalanceParameters
from analysis.explore.image_features import image_features, normal_scores

N_FITTED = 3000  # images that the components are found on; more do not change them


def class_imbalance(
    manifest: pd.DataFrame,
    scan: pd.DataFrame,
    thumbnails: np.ndarray,
    *,
    parameters: ClassImbalanceParameters,
    seed: int,
) -> Artifacts:
    """Recall of each class in training, by a model that minds how frequent classes are and one that does not.

    Parameters
    ----------
    manifest, scan
        Row by row the same images.
    thumbnails
        (n, 32, 32, 3) uint8, of the same images; may be memory-mapped.
    """
    labels = training_labels(manifest, scan)
    n_train = labels.value_counts()
    sampled = sample_training(labels, parameters.max_images, seed)
    if sampled.nunique() < 2:
        few = f"classes are compared by models of training, and fewer than two have {N_FOLDS} images there"
        return nothing_to_compare(few)
    codes, classes = sampled.cat.codes.to_numpy().astype(int), sampled.cat.categories
    features = _features_of(manifest, scan, thumbnails, sampled.index, parameters.n_components, seed)
    if not features.shape[1]:
        return nothing_to_compare("all training images are alike, so that nothing can be learnt from them")
    scores = normal_scores(features)
    predicted = {
        name: predict_out_of_fold(scores, codes, is_weighted=is_weighted, alpha=parameters.alpha, seed=seed)
        for name, is_weighted in (("natural", False), ("weighted", True))
    }
    recalls = compare_recalls(codes, predicted["natural"], predicted["weighted"], classes)
    recalls.insert(1, "n_train", n_train.loc[classes].to_numpy())
    recalls = judge_classes(recalls, parameters).sort_values("n_train", ascending=False, kind="stable")
    confusions = {name: confusion_of(codes, given, classes) for name, given in predicted.items()}
    return Artifacts(
        summary=summary_of(recalls),
        metrics=metrics_of(recalls, confusions),
        tables={
            "class_recall": recalls[TABLE_COLUMNS].round(4),
            "confusion": stacked(confusions),
        },
        captions=CAPTIONS,
        figures=_figures(recalls, confusions["natural"]),
        findings=find_suffering_classes(recalls, confusions["natural"]),
        kinds=(SUFFERS_FROM_RARITY,),
        notes=notes_on(n_train, recalls),
    )


def training_labels(manifest: pd.DataFrame, scan: pd.DataFrame) -> pd.Series:
    """Labels of the training images that have one and were decoded; the index is the row in the manifest."""
    labels = manifest["label"].reset_index(drop=True)
    return labels[is_usable(manifest, scan) & manifest["split"].eq("train").to_numpy()]


def _features_of(
    manifest: pd.DataFrame,
    scan: pd.DataFrame,
    thumbnails: np.ndarray,
    rows: pd.Index,
    n_components: int,
    seed: int,
) -> pd.DataFrame:
    return image_features(
        manifest.iloc[rows].reset_index(drop=True),
        scan.iloc[rows].reset_index(drop=True),
        thumbnails[rows],
        n_components=n_components,
        n_fitted=N_FITTED,
        seed=seed,
    )


def judge_classes(recalls: pd.DataFrame, parameters: ClassImbalanceParameters) -> pd.DataFrame:
    """Add `is_rare`, rarer than if all classes were of one size, and `suffers`, surely and much from it."""
    is_rare = recalls["n_train"] < recalls["n_train"].mean()
    is_significant = recalls["p_value_holm"] < parameters.significance_level
    is_large = recalls["lost_to_rarity"] >= parameters.min_recall_lost
    return recalls.assign(is_rare=is_rare, suffers=is_rare & is_significant & is_large)


def _figures(recalls: pd.DataFrame, confusion: pd.DataFrame) -> list[Figure]:
    return [plot_recall_by_frequency(recalls), plot_errors(recalls), plot_confusion(recalls, confusion)]

"""Which rare classes are recognised badly, and how much of it is rarity rather than difficulty?

Method: a linear model (logistic regression by averaged SGD, one class against the rest) on measures of the
scan and principal components of the thumbnails is trained twice on a stratified sample of the training
images: on classes as frequent as they are, and with each image weighted by one over the size of its class, as
if all classes were of one size. Both predict every image by five-fold cross-validation, so that the recalls
of a class are compared on the same images: what weighting gains was lost to rarity (interval for paired
proportions, Newcombe 1998; McNemar's exact test, corrected for the number of classes by Holm 1979); what it
leaves is difficulty. Spearman's correlation of recall with the number of training images (interval after
Bonett and Wright 2000) says how far recall follows frequency as a whole. Validation and test are not looked
at.

How the result misleads: weighting undoes that a class is outnumbered, not that there are few examples to
learn from, so what is lost to rarity is lost at least. The model is simple: a deep network is more accurate
and may lose more or less. A frequent class gives up recall where a rare one gains it; look at both. Where
rare classes are also the difficult ones, the correlation is not what more images would change.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from pydantic import Field

from analysis.explore.image_features import MEASURED, image_features, normal_scores
from analysis.explore.rarity import (
    N_FOLDS,
    compare_recalls,
    confusion_of,
    errors_to_more_frequent,
    mean_with_interval,
    predict_out_of_fold,
    rank_correlation,
    sample_training,
)
from analysis.explore.rarity_charts import plot_confusion, plot_errors, plot_recall_by_frequency
from analysis.proportions import proportion_of
from analysis.runner import run_stage
from analysis.stage import Artifacts, Figure, FindingKind, StageParameters, findings_of, no_findings

SUFFERS_FROM_RARITY = FindingKind(
    "class_suffers_from_rarity",
    "Class that a model misses because it is rare",
    "medium",
    "A model trained on the classes as they are gives images of this class to more frequent ones; it could "
    "tell them apart, as it does once the class counts as much as the others.",
    "Weigh classes by one over their size in training, or sample them evenly; judge by balanced accuracy or "
    "macro-F1; collect more images of the class.",
)
N_FITTED = 3000  # images that the components are found on; more do not change them
TABLE_COLUMNS = [
    "label",
    "n_train",
    "recall",
    "recall_low",
    "recall_high",
    "recall_weighted",
    "lost_to_rarity",
    "lost_low",
    "lost_high",
]
CAPTIONS = {
    "class_recall": "One row a class, the most frequent first. recall is by the linear model on classes as "
    "they are, with its 95% interval; recall_weighted with all classes counting alike; lost_to_rarity is "
    "the difference, with its 95% interval: positive where weighting helps the class.",
}


class ClassImbalanceParameters(StageParameters):
    """Sizes of sample and model, and the threshold; see params.yaml."""

    max_images: int = Field(ge=50)
    n_components: int = Field(ge=1, le=500)
    alpha: float = Field(gt=0)
    significance_level: float = Field(gt=0, lt=1)
    min_recall_lost: float = Field(ge=0, le=1)


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
        few = f"Fewer than two classes have {N_FOLDS} readable training images, so none can be compared."
        return _nothing_to_compare(few)
    codes, classes = sampled.cat.codes.to_numpy().astype(int), sampled.cat.categories
    features = _features_of(manifest, scan, thumbnails, sampled.index, parameters.n_components, seed)
    if not features.shape[1]:
        return _nothing_to_compare("All training images are alike, so there is nothing to learn from.")
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
        summary=_summary(recalls),
        metrics=_metrics(recalls, confusions),
        tables={
            "class_recall": recalls[TABLE_COLUMNS].round(4),
            "confusion": _stacked(confusions),
        },
        captions=CAPTIONS,
        figures=_figures(recalls, confusions["natural"]),
        findings=find_suffering_classes(recalls, confusions["natural"]),
        kinds=(SUFFERS_FROM_RARITY,),
        notes=_notes(n_train, recalls),
    )


def training_labels(manifest: pd.DataFrame, scan: pd.DataFrame) -> pd.Series:
    """Labels of the training images that have one and were decoded; the index is the row in the manifest."""
    labels = manifest["label"].astype("category").reset_index(drop=True)
    is_used = manifest["split"].eq("train").to_numpy() & scan["status"].isin(MEASURED).to_numpy()
    return labels[is_used & labels.notna()]


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


def find_suffering_classes(recalls: pd.DataFrame, confusion: pd.DataFrame) -> pd.DataFrame:
    """One finding a class; its score is the recall lost."""
    suffering = recalls[recalls["suffers"]]
    errors = confusion.where(~np.eye(len(confusion), dtype=bool), 0)
    detail = [
        f"recall {row.recall:.0%}, with classes weighted alike {row.recall_weighted:.0%} "
        f"(95% interval of the gain {row.lost_low:.0%} to {row.lost_high:.0%}); {row.n_train:,} training "
        f"images; most often taken for '{errors.loc[row.label].idxmax()}'"
        for row in suffering.itertuples()
    ]
    return findings_of(
        SUFFERS_FROM_RARITY, label=suffering["label"], score=suffering["lost_to_rarity"], detail=detail
    )


def _summary(recalls: pd.DataFrame) -> str:
    n_rare, n_suffering = int(recalls["is_rare"].sum()), int(recalls["suffers"].sum())
    if not n_suffering:
        return f"rarity explains nothing that is sure and matters (imbalance ratio {_ratio(recalls):.1f})"
    return f"{n_suffering} of {n_rare} rarer classes lose recall to rarity, by {_ratio(recalls):.0f} to 1"


def _ratio(recalls: pd.DataFrame) -> float:
    return recalls["n_train"].max() / recalls["n_train"].min()


def _metrics(recalls: pd.DataFrame, confusions: dict[str, pd.DataFrame]) -> dict[str, float]:
    n_train = recalls.set_index("label")["n_train"]
    rare = recalls[recalls["is_rare"]]
    lost, lost_low, lost_high = mean_with_interval(rare)
    metrics: dict[str, float] = {
        "n_classes_suffering": int(recalls["suffers"].sum()),
        "n_classes_rare": len(rare),
        "recall_lost_to_rarity": lost,
        "recall_lost_to_rarity_low": lost_low,
        "recall_lost_to_rarity_high": lost_high,
        "recall_of_rare": rare["recall"].mean(),
        "recall_of_rare_weighted": rare["recall_weighted"].mean(),
    }
    for name, column in (("natural", "recall"), ("weighted", "recall_weighted")):
        correlation, low, high = rank_correlation(recalls["n_train"], recalls[column])
        accuracy = proportion_of(np.diag(confusions[name]).sum(), confusions[name].to_numpy().sum())
        metrics |= {
            f"spearman_frequency_recall_{name}": correlation,
            f"spearman_low_{name}": low,
            f"spearman_high_{name}": high,
            f"errors_to_more_frequent_{name}": errors_to_more_frequent(confusions[name], n_train),
            f"balanced_accuracy_{name}": recalls[column].mean(),
            f"accuracy_{name}": float(accuracy),
        }
    return metrics | {"n_images": int(recalls["n_evaluated"].sum()), "imbalance_ratio": _ratio(recalls)}


def _stacked(confusions: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """One row an actual and a predicted class that occur together: `n_natural`, `n_weighted` images."""
    stacked = {f"n_{name}": confusion.stack() for name, confusion in confusions.items()}
    table = pd.DataFrame(stacked)
    return table[table.any(axis=1)].reset_index()


def _figures(recalls: pd.DataFrame, confusion: pd.DataFrame) -> list[Figure]:
    return [plot_recall_by_frequency(recalls), plot_errors(recalls), plot_confusion(recalls, confusion)]


def _nothing_to_compare(why: str) -> Artifacts:
    """Tables and metrics as usual, but empty."""
    no_class, no_image = pd.Index([], dtype=str), np.empty(0, dtype=int)
    recalls = compare_recalls(no_image, no_image, no_image, no_class)
    recalls = recalls.assign(n_train=no_image, is_rare=False, suffers=False)
    confusions = dict.fromkeys(("natural", "weighted"), confusion_of(no_image, no_image, no_class))
    return Artifacts(
        summary="no two classes to compare",
        metrics=_metrics(recalls, confusions),
        tables={"class_recall": recalls[TABLE_COLUMNS], "confusion": _stacked(confusions)},
        captions=CAPTIONS,
        findings=no_findings(),
        kinds=(SUFFERS_FROM_RARITY,),
        notes=[why],
    )


def _notes(n_train: pd.Series, recalls: pd.DataFrame) -> list[str]:
    n_few = int((n_train < N_FOLDS).sum())
    notes = []
    if n_few:
        notes.append(
            f"{n_few:,} classes have fewer than {N_FOLDS} readable training images and are in no comparison."
        )
    if not recalls["is_rare"].any():
        notes.append("All classes have the same number of training images, so none is rare.")
    return notes


if __name__ == "__main__":
    run_stage(class_imbalance)

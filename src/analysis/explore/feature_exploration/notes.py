from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.dataset.readable import is_usable
from analysis.explore.feature_exploration.parameters import FeatureExplorationParameters

CAPTIONS = {
    "separability": "One row per class. recall is the share of its images recognised from their embeddings "
    "among all classes alike (95% interval), feature_recall from features made by hand. fisher_ratio says "
    "how far its images stand out (1: two standard deviations between the means of its own and others), "
    "silhouette whether they lie together (1) or among others (below 0). pair_auroc is how well it is told "
    "from most_alike, the class it is most easily taken for: 0.5 not at all, 1 perfectly.",
    "class_pairs": "One row per pair of classes, the hardest first. auroc says how well the two are told "
    "apart (95% interval), by embeddings or features, whichever does better. The cosines compare the "
    "classes' means, seen from the mean of all: 1 is the same, below 0 opposite. frechet_distance is between "
    "the distributions of their embeddings.",
    "features": "One row per feature. eta_squared is the part of its variation (in ranks) that the class "
    "explains: 0.01 is small, 0.06 medium, 0.14 large. The classes with the lowest and highest median stand "
    "beside it.",
}


def metrics_of(
    tables: dict[str, pd.DataFrame], findings: list[pd.DataFrame], n_images: int
) -> dict[str, float]:
    separability, pairs, features = (tables[name] for name in ("separability", "class_pairs", "features"))
    hardest = pairs.head(1).reindex(columns=["auroc", "embedding_cosine", "frechet_distance"]).mean()
    return {
        "balanced_accuracy": separability["recall"].mean(),
        "feature_balanced_accuracy": separability["feature_recall"].mean(),
        "chance_accuracy": 1 / len(separability) if len(separability) else np.nan,
        "lowest_recall": separability["recall"].min(),
        "hardest_pair_auroc": hardest["auroc"],
        "hardest_pair_cosine": hardest["embedding_cosine"],
        "hardest_pair_frechet_distance": hardest["frechet_distance"],
        "n_indistinguishable_pairs": len(findings[0]),
        "n_unvaried_classes": len(findings[1]),
        "silhouette_mean": separability["silhouette"].mean(),
        "largest_eta_squared": features["eta_squared"].max(),
        "n_classes": len(separability),
        "n_images": n_images,
    }


def summary_of(tables: dict[str, pd.DataFrame], n_images: int) -> str:
    pairs, separability = tables["class_pairs"], tables["separability"]
    text = f"{len(separability):,} classes on {n_images:,} images"
    if pairs.empty:
        return text
    hardest = pairs.iloc[0]
    return (
        f"{text}, {separability['recall'].mean():.0%} told apart; most alike: {hardest['label_a']} and "
        f"{hardest['label_b']} (AUROC {hardest['auroc']:.2f})"
    )


def notes_on(
    manifest: pd.DataFrame,
    scan: pd.DataFrame,
    images: pd.DataFrame,
    n_few: int,
    parameters: FeatureExplorationParameters,
) -> list[str]:
    notes = []
    if n_few:
        notes.append(
            f"{n_few:,} of the classes have fewer than {parameters.min_images} images in the sample and are "
            "left out (feature_exploration.min_images, visual_features.max_images)."
        )
    if images.empty:
        return [*notes, "No class has enough readable, labelled images to compare."]
    n_usable = int(is_usable(manifest, scan).sum())
    where = "of training" if images["split"].eq("train").all() else "of all splits"
    notes.append(
        f"Measured on {len(images):,} of {n_usable:,} readable, labelled images, {where}, the "
        "same number of each class where there are enough (visual_features.max_images)."
    )
    if images["label"].nunique() == 1:
        notes.append("With one class there is nothing to tell it from.")
    return notes

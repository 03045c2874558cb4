from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd

from analysis.dataset.splits import SPLITS
from analysis.explore.split_comparison.comparison import (
    ANOMALIES,
    CLASSIFIER,
    KERNEL,
    SplitComparison,
    rows_of,
)
from analysis.explore.split_comparison.parameters import MIN_IMAGES

METRICS = {CLASSIFIER: "auc", KERNEL: "mmd_squared", ANOMALIES: "anomaly_rate"}
CAPTIONS = {
    "split_tests": "One row per pair of splits, test and question: within_classes asks whether images differ "
    "beyond the shares of their classes. expected is what chance makes of value, expected_low to "
    "expected_high hold it 95 times of 100; p_adjusted is corrected for all tests of the question.",
    "feature_shifts": "One row per pair of splits, feature and question, the most shifted first. wasserstein "
    "and mean_difference (split_b minus split_a) are in standard deviations; ks is Kolmogorov-Smirnov's "
    "distance; psi below 0.1 is taken for stable, above 0.25 for a large shift. p_adjusted (of ks) is "
    "corrected for all tests.",
}


def summary_of(comparison: SplitComparison) -> str:
    if not comparison.pairs:
        return "no two splits to compare"
    verdicts = [f"{a} and {b}: {comparison.verdict((a, b))}" for a, b in comparison.pairs]
    return ", ".join(verdicts)


def metrics_of(comparison: SplitComparison) -> dict[str, float]:
    verdicts = [comparison.verdict(pair) for pair in comparison.pairs]
    metrics: dict[str, float] = {
        "n_pairs_compared": len(verdicts),
        "n_pairs_images_differ": verdicts.count("images differ"),
        "n_pairs_class_mix_differs": verdicts.count("class mix differs"),
    }
    for pair in combinations(SPLITS, 2):
        tests = rows_of(comparison.tests, pair, within_classes=True).set_index("test")
        features = rows_of(comparison.features, pair, within_classes=True)
        name = "_".join(pair)
        for test, metric in METRICS.items():
            if test == ANOMALIES and pair[0] != "train":
                continue
            row = tests.loc[test] if test in tests.index else {}
            metrics[f"{metric}_{name}"] = row.get("value", np.nan)
            metrics[f"{metric}_expected_{name}"] = row.get("expected", np.nan)
            metrics[f"{metric}_p_adjusted_{name}"] = row.get("p_adjusted", np.nan)
        metrics[f"n_features_shifted_{name}"] = int(features["is_different"].sum())
        metrics[f"max_feature_shift_{name}"] = features["wasserstein"].max()
    return metrics


def notes_on(groups: pd.DataFrame, features: pd.DataFrame, comparison: SplitComparison) -> list[str]:
    n_items = groups["split"].value_counts()
    notes = [
        f"The {split} split holds {n_items[split]:,} readable images; from {MIN_IMAGES} on it is compared."
        for split in SPLITS
        if 0 < n_items.get(split, 0) < MIN_IMAGES
    ]
    if features.empty or not features.shape[1]:
        notes.append("No image could be decoded, or all are the same, so there is nothing to compare.")
    elif not comparison.pairs:
        notes.append("Fewer than two splits hold enough readable images, so there are none to compare.")
    notes += [
        f"{len(strata):,} images of {second} are of {np.unique(strata).size:,} classes that {first} lacks. "
        "Within classes they are compared with none."
        for (first, second), strata in comparison.unknown.items()
        if (first, second) in comparison.pairs and first == "train" and len(strata)
    ]
    if comparison.pairs and comparison.distances.empty:
        notes.append("Training is too small to say which images are unlike it; about 200 images are needed.")
    return notes


def why_unjudged(features: pd.DataFrame, comparison: SplitComparison) -> str:
    """Why no two splits could be compared, without a full stop; "" if some were."""
    if comparison.pairs:
        return ""
    if features.empty or not features.shape[1]:
        return "no image could be decoded, or all are the same"
    return f"splits of {MIN_IMAGES} images or more are compared, and fewer than two hold so many"

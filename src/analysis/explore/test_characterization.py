"""Do train, validation and test come from one distribution?

Method: each pair of splits is compared feature by feature (the scan's measures, bytes a pixel, principal
components of the thumbnails) by Kolmogorov-Smirnov, the Wasserstein distance and the population stability
index; and by all features together: a classifier two-sample test (Lopez-Paz and Oquab 2017), whose model is
cross-validated and trained anew for each permutation, maximum mean discrepancy (Gretton et al. 2012), and the
share of images that lie further from training than 99% of held-out training images, by the distance to the
fifth nearest neighbour (Sun et al. 2022). Every test is made twice: at all, and within classes (membership
permuted within classes only, or classes weighted alike), so that other shares of the classes are told from
other images of a class. All tests of one question are corrected together (Holm 1979 within a method,
Bonferroni across methods), and a difference is flagged only where it also matters.

How the result misleads: the tests take images to be independent. Where frames of one video, pictures by one
writer or shots of one session lie on one side, a random split of sessions differs from training significantly
though nobody erred; where they are spread over both sides, the splits agree better than chance and new
sessions will be harder than test says. Near-duplicates do the same in small. Agreement means agreement in
these features: colours, texture and coarse shapes, not meaning. Shifts in opposite directions of two classes
can cancel in a single feature.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
from pydantic import Field, model_validator

from analysis.explore.image_features import image_features
from analysis.explore.split_charts import plot_feature_shifts, plot_surest_images, plot_tests
from analysis.explore.split_comparison import (
    ANOMALIES,
    CLASSIFIER,
    KERNEL,
    MIN_IMAGES,
    N_METHODS,
    SPLITS,
    SplitComparison,
    compare_splits,
    rows_of,
)
from analysis.explore.split_findings import KINDS, find_driving_images
from analysis.runner import run_stage
from analysis.stage import Artifacts, Figure, StageParameters

METRICS = {CLASSIFIER: "auc", KERNEL: "mmd_squared", ANOMALIES: "anomaly_rate"}

CAPTIONS = {
    "split_tests": "One row a pair of splits, test and question: within_classes asks whether images differ "
    "beyond the shares of their classes. expected is what chance makes of value, expected_low to "
    "expected_high hold it 95 times of 100; p_adjusted is corrected for all tests of the question.",
    "feature_shifts": "One row a pair of splits, feature and question, the most shifted first. wasserstein "
    "and mean_difference (split_b minus split_a) are in standard deviations; ks is Kolmogorov-Smirnov's "
    "distance; psi below 0.1 is taken for stable, above 0.25 for a large shift. p_adjusted (of ks) is "
    "corrected for all tests.",
}


class TestCharacterizationParameters(StageParameters):
    """Sizes of samples and thresholds; see params.yaml."""

    __test__ = False  # pytest looks for tests in what is called so

    significance_level: float = Field(gt=0, lt=1)
    min_feature_shift: float = Field(ge=0)
    min_auc_gain: float = Field(ge=0, le=0.5)
    min_anomaly_ratio: float = Field(ge=1)
    max_images_per_split: int = Field(ge=MIN_IMAGES)
    n_permutations: int = Field(ge=99)
    n_components: int = Field(ge=1, le=100)
    n_images_shown: int = Field(ge=1, le=48)

    @model_validator(mode="after")
    def permutations_can_be_significant(self) -> TestCharacterizationParameters:
        n_tests = N_METHODS * len(list(combinations(SPLITS, 2)))
        if n_tests >= self.significance_level * (self.n_permutations + 1):
            needed = int(n_tests / self.significance_level)
            raise ValueError(f"at this significance_level n_permutations must be at least {needed:,}")
        return self


def test_characterization(
    manifest: pd.DataFrame,
    scan: pd.DataFrame,
    thumbnails: np.ndarray,
    *,
    parameters: TestCharacterizationParameters,
    seed: int,
) -> Artifacts:
    """Compare every two splits by their images, at all and within classes.

    Parameters
    ----------
    manifest, scan
        Row by row the same images. Images without a label count as one more class.
    thumbnails
        (n, 32, 32, 3) uint8, of the same images; may be memory-mapped, it is read in parts.
    """
    features = image_features(
        manifest,
        scan,
        thumbnails,
        n_components=parameters.n_components,
        n_fitted=parameters.max_images_per_split,
        seed=seed,
    )
    labels = manifest["label"].astype("category").reset_index(drop=True)
    groups = pd.DataFrame(
        {"split": manifest["split"].astype(str).to_numpy(), "stratum": labels.cat.codes.to_numpy() + 1}
    ).loc[features.index]
    comparison = compare_splits(features, groups, parameters=parameters, seed=seed)
    return Artifacts(
        summary=_summary(comparison),
        metrics=_metrics(comparison),
        tables=_tables(comparison),
        captions=CAPTIONS,
        figures=_figures(comparison, thumbnails, labels, parameters),
        findings=find_driving_images(comparison, features, parameters.n_images_shown),
        kinds=KINDS,
        notes=_notes(groups, features, comparison),
    )


def _summary(comparison: SplitComparison) -> str:
    if not comparison.pairs:
        return "no two splits to compare"
    verdicts = [f"{a} and {b}: {comparison.verdict((a, b))}" for a, b in comparison.pairs]
    return ", ".join(verdicts)


def _metrics(comparison: SplitComparison) -> dict[str, float]:
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


def _tables(comparison: SplitComparison) -> dict[str, pd.DataFrame]:
    """For people: without what they can do without, and rounded to what is sure."""
    features = comparison.features.sort_values(
        ["within_classes", "wasserstein"], ascending=False, kind="stable"
    )
    digits = dict.fromkeys(("wasserstein", "mean_difference", "ks", "psi"), 3)
    return {
        "split_tests": _rounded(comparison.tests.drop(columns=["n_a", "n_b", "p_value", "is_different"])),
        "feature_shifts": _rounded(features.drop(columns=["p_value", "is_different"]).round(digits)),
    }


def _rounded(table: pd.DataFrame) -> pd.DataFrame:
    """Three significant digits for what is a p-value or has no unit in common with its neighbours."""
    names = [
        name for name in ("value", "expected", "expected_low", "expected_high", "p_adjusted") if name in table
    ]
    significant = {name: [float(f"{value:.3g}") for value in table[name]] for name in names}
    return table.assign(**significant)


def _figures(
    comparison: SplitComparison,
    thumbnails: np.ndarray,
    labels: pd.Series,
    parameters: TestCharacterizationParameters,
) -> list[Figure]:
    if not comparison.pairs:
        return []
    differing = [pair for pair in comparison.pairs if comparison.verdict(pair) == "images differ"]
    return [
        plot_tests(comparison),
        plot_feature_shifts(comparison, parameters.min_feature_shift),
        *(
            plot_surest_images(comparison, pair, thumbnails, labels, n_images=parameters.n_images_shown)
            for pair in differing
        ),
    ]


def _notes(groups: pd.DataFrame, features: pd.DataFrame, comparison: SplitComparison) -> list[str]:
    n_images = groups["split"].value_counts()
    notes = [
        f"The {split} split holds {n_images[split]:,} readable images; from {MIN_IMAGES} on it is compared."
        for split in SPLITS
        if 0 < n_images.get(split, 0) < MIN_IMAGES
    ]
    if features.empty or not features.shape[1]:
        notes.append("No image could be decoded, or all are the same, so there is nothing to compare.")
    elif not comparison.pairs:
        notes.append("Fewer than two splits hold enough readable images, so there are none to compare.")
    elif comparison.distances.empty:
        notes.append("Training is too small to say which images are unlike it; about 200 images are needed.")
    return notes


if __name__ == "__main__":
    run_stage(test_characterization)

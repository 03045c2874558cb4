"""Every pair of splits by every test: feature by feature, all features together, and far from training.

Each test answers two questions, told apart by the column `within_classes`: do the splits differ at all, and
do they differ beyond the shares of their classes?
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import faiss
import numpy as np
import pandas as pd

from analysis.dataset.splits import SPLITS
from analysis.explore.image_features import normal_scores
from analysis.explore.split_comparison.parameters import (
    MIN_IMAGES,
    N_METHODS,
    SplitComparisonParameters,
)
from analysis.explore.split_comparison.two_sample_tests import (
    ClassifierTest,
    KernelTest,
    PermutationTest,
    balancing_weights,
    compare_values,
    permutation_test,
    rate_test,
)
from analysis.statistics.rank_tests import holm

CLASSIFIER, KERNEL, ANOMALIES = "classifier AUC", "kernel MMD²", "anomaly rate"
ANOMALY_QUANTILE = 0.99  # of training
N_NEIGHBOURS = 5
PAIR = ["split_a", "split_b"]
FEATURE_COLUMNS = [
    *PAIR,
    "within_classes",
    "feature",
    "wasserstein",
    "mean_difference",
    "ks",
    "psi",
    "p_value",
    "p_adjusted",
    "is_different",
]
TEST_COLUMNS = [
    *PAIR,
    "within_classes",
    "test",
    "n_a",
    "n_b",
    "value",
    "expected",
    "expected_low",
    "expected_high",
    "p_value",
    "p_adjusted",
    "is_different",
]
IMAGE_COLUMNS = [*PAIR, "split", "row", "score", "likeness"]
DISTANCE_COLUMNS = ["row", "split", "distance", "is_beyond"]


@dataclass(frozen=True)
class SplitComparison:
    """All that was measured of the pairs of splits.

    Attributes
    ----------
    features
        One row per pair, feature and question.
    tests
        One row per pair, test of all features together and question; `expected` is what chance makes of
        `value` if the answer is no, with the range that holds it 95 times of 100.
    images
        One row per pair and sampled image (`row` in the manifest): the classifier's out-of-fold `score` of
        belonging to `split_b`, and `likeness`, the share of the sample of `split_a` that scores lower.
    distances
        One row per image of any split, without the training images it is measured from: `distance` to those,
        and `is_beyond`, whether only 1% of the other training images are as far.
    unknown
        Of each pair, the strata of those images of the second split whose class the first has not at all.
    """

    features: pd.DataFrame
    tests: pd.DataFrame
    images: pd.DataFrame
    distances: pd.DataFrame
    unknown: dict[tuple[str, str], np.ndarray]

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """The pairs of splits that could be compared, (split_a, split_b)."""
        return list(self.tests[PAIR].drop_duplicates().itertuples(index=False, name=None))

    def verdict(self, pair: tuple[str, str]) -> str:
        """Either "images differ" (beyond the shares of classes), "class mix differs" (only) or "alike".

        Splits of which training lacks a class are of other classes, however few images tell.
        """
        for within_classes, verdict in ((True, "images differ"), (False, "class mix differs")):
            tables = (rows_of(table, pair, within_classes) for table in (self.features, self.tests))
            if any(table["is_different"].any() for table in tables):
                return verdict
        return "class mix differs" if pair[0] == "train" and len(self.unknown[pair]) else "alike"


def rows_of(table: pd.DataFrame, pair: tuple[str, str], within_classes: bool) -> pd.DataFrame:
    """The rows of one pair that answer one of the two questions."""
    is_pair = table["split_a"].eq(pair[0]) & table["split_b"].eq(pair[1])
    return table[is_pair & table["within_classes"].eq(within_classes)]


def compare_splits(
    features: pd.DataFrame, groups: pd.DataFrame, *, parameters: SplitComparisonParameters, seed: int
) -> SplitComparison:
    """Compare every two splits that have at least `MIN_IMAGES` images.

    Parameters
    ----------
    features
        (images) × (features); the index is the image's row in the manifest.
    groups
        Of the same images: `split`, and `stratum`, the code of the class from 1, and 0 without a label.
    """
    generator = np.random.default_rng(seed)
    distances = distances_to_training(features, groups, parameters.max_images_per_split, generator)
    feature_parts, test_parts, image_parts = [], [], []
    for pair in pairs_of(features, groups):
        names = dict(zip(PAIR, pair, strict=True))
        members = groups[groups["split"].isin(pair)]
        feature_parts.append(_compare_each_feature(features, members, pair[1]).assign(**names))
        sampled = _sample(members, parameters.max_images_per_split, generator)
        tests, images = _compare_together(features, sampled, pair[1], parameters, generator)
        if pair[0] == "train":
            tests += _compare_anomalies(distances, members, pair[1], parameters, generator)
        test_parts.append(pd.DataFrame(tests).assign(**names))
        image_parts.append(images.assign(**names))
    return SplitComparison(
        features=_judge_features(_stacked(feature_parts, FEATURE_COLUMNS), parameters),
        tests=_judge_tests(_stacked(test_parts, TEST_COLUMNS), parameters),
        images=_stacked(image_parts, IMAGE_COLUMNS),
        distances=distances,
        unknown={pair: _unknown_of(groups, pair) for pair in combinations(SPLITS, 2)},
    )


def _unknown_of(groups: pd.DataFrame, pair: tuple[str, str]) -> np.ndarray:
    first, second = (groups.loc[groups["split"] == split, "stratum"].to_numpy() for split in pair)
    return second[(second > 0) & ~np.isin(second, first)]


def pairs_of(features: pd.DataFrame, groups: pd.DataFrame) -> list[tuple[str, str]]:
    """The pairs of splits with enough images, if there is any feature to compare them by."""
    n_items = groups["split"].value_counts()
    large = [split for split in SPLITS if n_items.get(split, 0) >= MIN_IMAGES]
    return list(combinations(large, 2)) if features.shape[1] else []


def _stacked(parts: list[pd.DataFrame], columns: list[str]) -> pd.DataFrame:
    return (
        pd.concat(parts, ignore_index=True).reindex(columns=columns)
        if parts
        else pd.DataFrame(columns=columns)
    )


def _questions(members: pd.DataFrame) -> Iterator[tuple[bool, np.ndarray]]:
    """`within_classes`, and the strata that answer it."""
    strata = members["stratum"].to_numpy()
    yield False, np.zeros_like(strata)
    yield True, strata


def _sample(members: pd.DataFrame, max_images: int, generator: np.random.Generator) -> pd.DataFrame:
    """At most so many images of each split, in random order."""
    shuffled = members.iloc[generator.permutation(len(members))]
    return shuffled[shuffled.groupby("split").cumcount() < max_images]


# ---- feature by feature ----------------------------------------------------------------------------------


def _compare_each_feature(features: pd.DataFrame, members: pd.DataFrame, second: str) -> pd.DataFrame:
    is_second = members["split"].eq(second).to_numpy()
    values = features.loc[members.index]
    rows = []
    for within_classes, strata in _questions(members):
        weights, effective_size = balancing_weights(is_second, strata)
        for name in values:
            comparison = compare_values(values[name].to_numpy(), is_second, weights, effective_size)
            rows.append({"within_classes": within_classes, "feature": name, **comparison})
    return pd.DataFrame(rows)


def _judge_features(table: pd.DataFrame, parameters: SplitComparisonParameters) -> pd.DataFrame:
    table["p_adjusted"] = _adjusted(table, [])
    is_large = table["wasserstein"] >= parameters.min_feature_shift
    return table.assign(is_different=is_large & (table["p_adjusted"] < parameters.significance_level))


def _adjusted(table: pd.DataFrame, method: list[str]) -> pd.Series:
    """p-values corrected over all tests that answer one question: Holm within a method, Bonferroni across."""
    by_method = table.groupby(["within_classes", *method])["p_value"]
    return (N_METHODS * by_method.transform(lambda p_values: holm(p_values))).clip(upper=1.0)


# ---- all features together -------------------------------------------------------------------------------


def _compare_together(
    features: pd.DataFrame,
    sampled: pd.DataFrame,
    second: str,
    parameters: SplitComparisonParameters,
    generator: np.random.Generator,
) -> tuple[list[dict], pd.DataFrame]:
    """Classifier and kernel test of the sampled images, and the classifier's score of each."""
    scores = normal_scores(features.loc[sampled.index])
    is_second = sampled["split"].eq(second).to_numpy()
    classifier = ClassifierTest(scores, generator)
    rows = []
    for name, test in ((CLASSIFIER, classifier), (KERNEL, KernelTest(scores))):
        for within_classes, strata in _questions(sampled):
            result = permutation_test(
                test, is_second, strata, n_permutations=parameters.n_permutations, generator=generator
            )
            rows.append({"within_classes": within_classes, "test": name} | _row_of(result, is_second))
    out_of_fold = classifier.scores_of(is_second.astype(np.float32)[:, None])[:, 0]
    images = pd.DataFrame({"row": sampled.index, "split": sampled["split"].to_numpy(), "score": out_of_fold})
    n_lower = np.searchsorted(np.sort(out_of_fold[~is_second]), out_of_fold)
    return rows, images.assign(likeness=n_lower / (~is_second).sum())


def _row_of(result: PermutationTest, is_second: np.ndarray) -> dict[str, float]:
    expected, low, high = result.expected
    return {
        "n_a": int((~is_second).sum()),
        "n_b": int(is_second.sum()),
        "value": result.value,
        "expected": expected,
        "expected_low": low,
        "expected_high": high,
        "p_value": result.p_value,
    }


def _judge_tests(table: pd.DataFrame, parameters: SplitComparisonParameters) -> pd.DataFrame:
    """A kernel's discrepancy has no unit, so how much it matters is told by the classifier beside it."""
    table["p_adjusted"] = _adjusted(table, ["test"])
    gain = (table["value"] - table["expected"]).where(table["test"].eq(CLASSIFIER))
    gain = gain.groupby([table[column] for column in (*PAIR, "within_classes")]).transform("max")
    is_anomalies = table["test"].eq(ANOMALIES)
    is_raised = table["value"] >= parameters.min_anomaly_ratio * table["expected"]
    is_large = is_raised.where(is_anomalies, gain >= parameters.min_auc_gain)
    return table.assign(is_different=is_large & (table["p_adjusted"] < parameters.significance_level))


# ---- far from training -----------------------------------------------------------------------------------


def distances_to_training(
    features: pd.DataFrame, groups: pd.DataFrame, max_images: int, generator: np.random.Generator
) -> pd.DataFrame:
    """How far each image lies from training: the distance to its fifth nearest training image.

    Up to half of the training images, at most `max_images`, are the reference; the distance is taken among
    their principal components, each divided by its standard deviation there. The other training images show
    how far unseen images of training lie, and set the limit that 1% of them exceed. Empty where training is
    too small for that.
    """
    components = features.filter(regex=r"^pc_\d+$")
    training = generator.permutation(groups.index[groups["split"].eq("train")])
    reference = training[: min(len(training) // 2, max_images)]
    n_others = len(training) - len(reference)
    rank = int(np.ceil(ANOMALY_QUANTILE * (n_others + 1)))  # of the limit, among the others (conformal)
    if components.empty or len(reference) < MIN_IMAGES or rank > n_others:
        return pd.DataFrame(columns=DISTANCE_COLUMNS)
    measured = groups.index.difference(reference)
    spread = components.loc[reference].std()
    scaled = (components.loc[:, spread > 0] / spread[spread > 0]).astype(np.float32)
    index = faiss.IndexFlatL2(scaled.shape[1])
    index.add(np.ascontiguousarray(scaled.loc[reference]))
    squares, _ = index.search(np.ascontiguousarray(scaled.loc[measured]), N_NEIGHBOURS)
    split = groups.loc[measured, "split"].to_numpy()
    distance = np.sqrt(squares[:, -1])
    limit = np.sort(distance[split == "train"])[rank - 1]
    table = pd.DataFrame(
        {"row": measured, "split": split, "distance": distance, "is_beyond": distance > limit}
    )
    return table[DISTANCE_COLUMNS]


def _compare_anomalies(
    distances: pd.DataFrame,
    members: pd.DataFrame,
    second: str,
    parameters: SplitComparisonParameters,
    generator: np.random.Generator,
) -> list[dict]:
    """Whether more images of the second split than of training lie beyond the limit."""
    is_measured = distances["row"].isin(members.index)
    measured = distances[is_measured]
    is_second = measured["split"].eq(second).to_numpy()
    rows = []
    for within_classes, strata in _questions(members.loc[measured["row"]]) if len(measured) else ():
        result = rate_test(
            measured["is_beyond"].to_numpy(),
            is_second,
            strata,
            n_permutations=parameters.n_permutations,
            generator=generator,
        )
        rows.append({"within_classes": within_classes, "test": ANOMALIES} | _row_of(result, is_second))
    return rows

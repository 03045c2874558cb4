"""Two-sample tests against independent implementations, and shifts planted in small sets of pictures."""

import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from pydantic import ValidationError
from scipy import stats
from sklearn.linear_model import Ridge
from sklearn.metrics import roc_auc_score

from analysis.contract import Artifacts
from analysis.explore.image_features import image_features, normal_scores, scan_measures
from analysis.explore.split_comparison.comparison import distances_to_training
from analysis.explore.split_comparison.parameters import SplitComparisonParameters
from analysis.explore.split_comparison.stage import split_comparison
from analysis.explore.split_comparison.two_sample_tests import (
    N_FOLDS,
    RIDGE,
    ClassifierTest,
    KernelTest,
    balancing_weights,
    compare_values,
    permutation_test,
    permute_within,
    rate_test,
)
from analysis.obtain.scan.measures import measure

split_comparison.__test__ = False  # a stage, not a test

SETTINGS = {
    "significance_level": 0.05,
    "min_feature_shift": 0.2,
    "min_auc_gain": 0.05,
    "min_anomaly_ratio": 2.0,
    "max_images_per_split": 500,
    "n_permutations": 299,
    "n_components": 5,
    "n_images_shown": 8,
}
SPLITS = ("train", "validation", "test")
Tables = tuple[pd.DataFrame, pd.DataFrame, np.ndarray]


def pictures_of(brightness: np.ndarray, seed: int = 0) -> np.ndarray:
    """(n, 12, 12, 3) noise around each brightness in [0, 255]."""
    generator = np.random.default_rng(seed)
    noise = generator.normal(0, 30, (len(brightness), 12, 12, 3))
    return np.clip(brightness[:, None, None, None] + noise, 0, 255).astype(np.uint8)


def dataset_of(pixels: np.ndarray, labels: list | np.ndarray, splits: list | np.ndarray) -> Tables:
    """Manifest, scan and thumbnails of pictures of one size."""
    n = len(pixels)
    measures = measure([Image.fromarray(picture) for picture in pixels])
    names = [name for name in measures.dtype.names if measures[name].ndim == 1]
    scan = pd.DataFrame({name: measures[name] for name in names})
    scan = scan.assign(item_id=np.arange(n), status="ok", width_px=12, height_px=12)
    manifest = pd.DataFrame(
        {
            "item_id": np.arange(n),
            "path": [f"{i}.png" for i in range(n)],
            "label": pd.Categorical(labels),
            "split": pd.Categorical(splits, categories=SPLITS),
            "bytes": pd.array([200] * n, dtype="Int64"),
        }
    )
    return manifest, scan, measures["thumbnail"]


def random_dataset(n: int = 500, seed: int = 0, *, brighter_test: float = 0.0) -> Tables:
    generator = np.random.default_rng(seed)
    labels = generator.choice(["ant", "bee"], n)
    splits = generator.choice(SPLITS, n, p=[0.5, 0.2, 0.3])
    brightness = generator.normal(110, 20, n) + np.where(labels == "ant", 40, 0)
    return dataset_of(pictures_of(brightness + brighter_test * (splits == "test")), labels, splits)


def analyse(tables: Tables, **changes: object) -> Artifacts:
    parameters = SplitComparisonParameters.model_validate(SETTINGS | changes)
    artifacts = split_comparison(*tables, parameters=parameters, seed=0)
    for figure in artifacts.figures:  # drawn to the end, as the runner does
        figure.drawing.savefig(io.BytesIO(), format="png", dpi=40)
    return artifacts


def one_stratum(n: int) -> np.ndarray:
    return np.zeros(n, dtype=int)


# ---- one feature -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("decimals", [8, 0], ids=["continuous", "tied"])
def test_sizes_of_a_difference_match_scipy(decimals: int) -> None:
    generator = np.random.default_rng(1)
    first = generator.normal(0, 2, 150).round(decimals)
    second = generator.normal(0.5, 3, 90).round(decimals)
    values, is_second = np.r_[first, second], np.r_[np.zeros(150, bool), np.ones(90, bool)]
    result = compare_values(values, is_second, *balancing_weights(is_second, one_stratum(240)))
    expected = stats.ks_2samp(first, second)
    assert result["ks"] == pytest.approx(expected.statistic)
    assert result["p_value"] == pytest.approx(
        stats.kstwobign.sf(expected.statistic * np.sqrt(150 * 90 / 240))
    )
    # the deviation is of both groups at equal weight
    std = np.sqrt((first.var() + second.var()) / 2 + (first.mean() - second.mean()) ** 2 / 4)
    assert result["wasserstein"] == pytest.approx(stats.wasserstein_distance(first, second) / std)
    assert result["mean_difference"] == pytest.approx((second.mean() - first.mean()) / std)


def test_population_stability_index_of_hand_computed_bins() -> None:
    # tenths of 0..99 hold 10 images each; the second group lies in the last tenth only
    values = np.r_[np.arange(100.0), np.full(40, 99.5)]
    is_second = np.arange(140) >= 100
    shares_first = (np.full(10, 10) + 0.5) / 105
    shares_second = (np.r_[np.zeros(9), 40] + 0.5) / 45
    expected = ((shares_second - shares_first) * np.log(shares_second / shares_first)).sum()
    result = compare_values(values, is_second, *balancing_weights(is_second, one_stratum(140)))
    assert result["psi"] == pytest.approx(expected)


def test_weights_balance_the_strata() -> None:
    is_second = np.array([0, 0, 0, 1, 0, 1, 1, 0], dtype=bool)
    strata = np.array([0, 0, 0, 0, 1, 1, 1, 2])
    weights, size = balancing_weights(is_second, strata)
    # 3 * 1 / 4 + 1 * 2 / 3, and nothing of the stratum that only one group has
    assert size == pytest.approx(3 / 4 + 2 / 3)
    for group in (is_second, ~is_second):
        shares = np.bincount(strata[group], weights=weights[group], minlength=3)
        assert shares == pytest.approx(np.array([9 / 17, 8 / 17, 0]))


def test_another_class_mix_moves_a_feature_but_not_within_classes() -> None:
    generator = np.random.default_rng(0)
    strata = np.r_[np.repeat([0, 1], [300, 100]), np.repeat([0, 1], [60, 200])]
    is_second = np.arange(660) >= 400
    values = generator.normal(size=660) + 2 * strata
    freely = compare_values(values, is_second, *balancing_weights(is_second, one_stratum(660)))
    within = compare_values(values, is_second, *balancing_weights(is_second, strata))
    assert freely["p_value"] < 1e-6
    assert freely["wasserstein"] > 0.5
    assert within["p_value"] > 0.05
    assert within["wasserstein"] < 0.15


def test_a_constant_feature_and_groups_without_a_common_class() -> None:
    is_second = np.arange(10) >= 5
    constant = compare_values(np.ones(10), is_second, *balancing_weights(is_second, one_stratum(10)))
    assert (constant["ks"], constant["wasserstein"], constant["p_value"]) == (0, 0, 1)
    apart = compare_values(np.arange(10.0), is_second, *balancing_weights(is_second, is_second.astype(int)))
    assert all(np.isnan(value) for value in apart.values())


def test_values_that_are_not_known_are_left_out() -> None:
    values = np.r_[np.arange(20.0), np.arange(5.0, 25.0), np.full(7, np.nan)]
    is_second = np.arange(47) >= 20
    result = compare_values(values, is_second, *balancing_weights(is_second, one_stratum(47)))
    assert result["ks"] == pytest.approx(0.25)


# ---- all features together -------------------------------------------------------------------------------


def test_permutations_keep_the_groups_of_each_stratum() -> None:
    generator = np.random.default_rng(0)
    is_second, strata = generator.random(60) < 0.3, generator.integers(0, 4, 60)
    permuted = permute_within(is_second, strata, 50, generator)
    for stratum in range(4):
        rows = strata == stratum
        assert (permuted[rows].sum(axis=0) == is_second[rows].sum()).all()
    assert len(np.unique(permuted, axis=1).T) > 40


def test_classifier_is_a_cross_validated_ridge_regression() -> None:
    generator = np.random.default_rng(2)
    scores, is_second = generator.normal(size=(100, 3)), generator.random(100) < 0.4
    scores[is_second, 0] += 1
    test = ClassifierTest(scores, generator)
    design, fold_of = test._design, test._fold_of
    out_of_fold = np.empty(100)
    n_ordered = n_pairs = 0
    for fold in range(N_FOLDS):
        seen, held_out = fold_of != fold, fold_of == fold
        target = is_second[seen] - is_second[seen].mean()
        model = Ridge(RIDGE * seen.sum(), fit_intercept=False).fit(design[seen], target)
        out_of_fold[held_out] = model.predict(design[held_out])
        pairs = is_second[held_out].sum() * (~is_second[held_out]).sum()
        n_ordered += pairs * roc_auc_score(is_second[held_out], out_of_fold[held_out])
        n_pairs += pairs
    members = is_second.astype(np.float32)[:, None]
    assert test.scores_of(members)[:, 0] == pytest.approx(out_of_fold, abs=1e-4)
    assert test.statistic(members)[0] == pytest.approx(n_ordered / n_pairs, abs=1e-3)


def test_discrepancy_is_that_of_the_definition() -> None:
    generator = np.random.default_rng(3)
    first, second = generator.normal(size=(12, 2)), generator.normal(1, 1, size=(9, 2))
    points = np.r_[first, second]
    distances = np.linalg.norm(points[:, None] - points[None], axis=2)
    width = np.median(distances[distances > 0])

    def mean_kernel(a: np.ndarray, b: np.ndarray, n_pairs: int) -> float:
        total = np.exp(-((a[:, None] - b[None]) ** 2).sum(axis=2) / (2 * width**2)).sum()
        return (total - (len(a) if a is b else 0)) / n_pairs

    expected = (
        mean_kernel(first, first, 12 * 11)
        + mean_kernel(second, second, 9 * 8)
        - 2 * mean_kernel(first, second, 12 * 9)
    )
    members = (np.arange(21) >= 12).astype(np.float32)[:, None]
    assert KernelTest(points).statistic(members)[0] == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("kind", ["spread", "shape"])
def test_classifier_finds_more_than_a_shift_of_the_mean(kind: str) -> None:
    generator = np.random.default_rng(4)
    is_second = np.arange(600) >= 300
    scores = generator.normal(size=(600, 2))
    if kind == "spread":
        scores[is_second] *= 2
    else:  # the same mean and variance, on two lumps
        lumps = generator.choice([-1, 1], 300)
        scores[is_second, 0] = 0.95 * lumps + 0.31 * generator.normal(size=300)
    order = generator.permutation(600)
    result = permutation_test(
        ClassifierTest(scores[order], generator),
        is_second[order],
        one_stratum(600),
        n_permutations=199,
        generator=generator,
    )
    assert result.value > 0.6
    assert result.p_value == pytest.approx(1 / 200)


def test_p_values_of_equal_groups_are_uniform() -> None:
    generator = np.random.default_rng(5)
    p_values = []
    for _ in range(80):
        scores, is_second = generator.normal(size=(60, 2)), generator.random(60) < 0.4
        test = ClassifierTest(scores, generator)
        strata = (scores[:, 1] > 0).astype(int)
        result = permutation_test(test, is_second, strata, n_permutations=99, generator=generator)
        p_values.append(result.p_value)
    assert stats.kstest(p_values, "uniform").pvalue > 0.05


def test_rate_test_agrees_with_fisher() -> None:
    generator = np.random.default_rng(6)
    is_second = np.arange(300) >= 200
    is_beyond = np.isin(np.arange(300), [*range(4), *range(200, 208)])
    result = rate_test(is_beyond, is_second, one_stratum(300), n_permutations=100_000, generator=generator)
    expected = stats.fisher_exact([[8, 92], [4, 196]], alternative="greater").pvalue
    assert result.value == pytest.approx(0.08)
    assert result.p_value == pytest.approx(expected, rel=0.1)


def test_normal_scores_have_no_outliers_and_keep_ties() -> None:
    scores = normal_scores(pd.DataFrame({"a": [1.0, 2.0, 1e9, 2.0], "b": [np.nan, 1.0, 2.0, 3.0]}))
    assert scores[:, 0] == pytest.approx(stats.norm.ppf([0.125, 0.5, 0.875, 0.5]))
    assert scores[0, 1] == 0


# ---- the stage -------------------------------------------------------------------------------------------


def test_random_splits_are_alike_and_raise_nothing() -> None:
    artifacts = analyse(random_dataset())
    assert len(artifacts.findings) == 0
    assert artifacts.metrics["n_pairs_compared"] == 3
    assert artifacts.metrics["n_pairs_images_differ"] == 0
    assert artifacts.notes == []
    assert [figure.name for figure in artifacts.figures] == ["split_tests", "feature_shifts"]


def test_brighter_test_images_are_found_and_named() -> None:
    tables = random_dataset(brighter_test=30)
    artifacts = analyse(tables)
    assert "train and validation: alike, train and test: images differ" in artifacts.summary
    assert artifacts.metrics["auc_train_test"] > artifacts.metrics["auc_expected_train_test"] + 0.1
    found = artifacts.findings
    assert set(found["kind"]) == {"image_gives_its_split_away"}
    assert len(found) == SETTINGS["n_images_shown"]
    assert tables[0].loc[found["item_id"], "split"].eq("test").all()
    assert found["score"].between(0.8, 1).all()
    assert found["detail"].str.startswith("more like test than").all()
    assert found["detail"].str.contains("brightness|component 1").all()
    drawn = [figure.name for figure in artifacts.figures]
    assert drawn[2:] == ["surest_train_test", "surest_validation_test"]


def test_another_class_mix_is_told_from_other_images() -> None:
    generator = np.random.default_rng(7)
    splits = np.repeat(SPLITS, [300, 100, 150])
    labels = np.where(generator.random(550) < np.where(splits == "test", 0.9, 0.4), "ant", "bee")
    brightness = generator.normal(90, 15, 550) + np.where(labels == "ant", 70, 0)
    artifacts = analyse(dataset_of(pictures_of(brightness), labels, splits))
    assert "train and test: class mix differs" in artifacts.summary
    assert artifacts.metrics["n_pairs_class_mix_differs"] == 2
    assert artifacts.metrics["n_pairs_images_differ"] == 0
    assert len(artifacts.findings) == 0


def test_too_many_images_unlike_training_are_found() -> None:
    generator = np.random.default_rng(8)
    splits = np.repeat(["train", "test"], [600, 200])
    pixels = pictures_of(generator.normal(120, 20, 800))
    strange = np.arange(600, 640)
    pixels[strange] = 0
    pixels[strange, 3:9, 3:9] = generator.integers(200, 255, (40, 6, 6, 3))
    artifacts = analyse(dataset_of(pixels, ["one"] * 800, splits))
    found = artifacts.findings.query("kind == 'image_unlike_training'")
    assert len(found) == SETTINGS["n_images_shown"]
    assert found["item_id"].isin(strange).all()
    assert artifacts.metrics["anomaly_rate_train_test"] == pytest.approx(0.2, abs=0.03)


def test_one_in_a_hundred_held_out_training_images_is_beyond_the_limit() -> None:
    generator = np.random.default_rng(9)
    features = pd.DataFrame(generator.normal(size=(1000, 3)), columns=["pc_01", "pc_02", "sharpness"])
    groups = pd.DataFrame({"split": "train", "stratum": 0}, index=features.index)
    distances = distances_to_training(features, groups, 100_000, generator)
    assert len(distances) == 500  # the other half is what distances are measured from
    assert distances["is_beyond"].sum() == 4  # 500 + 1 ranks: the limit is the 496th
    reference = features.index.difference(distances["row"])
    scaled = features[["pc_01", "pc_02"]] / features.loc[reference, ["pc_01", "pc_02"]].std()
    away = np.linalg.norm(scaled.loc[reference] - scaled.loc[distances["row"].iloc[0]], axis=1)
    assert distances["distance"].iloc[0] == pytest.approx(np.sort(away)[4], rel=1e-3)


def test_a_sample_keeps_the_stage_small_and_is_counted() -> None:
    artifacts = analyse(random_dataset(), max_images_per_split=50)
    table = artifacts.figures[0].table
    assert table.loc[table["test"] != "anomaly rate", ["n_a", "n_b"]].to_numpy().max() == 50


def test_two_runs_give_the_same_tables() -> None:
    a, b = (analyse(random_dataset(brighter_test=10)) for _ in range(2))
    for name in a.tables:
        pd.testing.assert_frame_equal(a.tables[name], b.tables[name])
    pd.testing.assert_frame_equal(a.findings, b.findings)


def test_unreadable_images_are_in_no_comparison() -> None:
    manifest, scan, thumbnails = random_dataset()
    unreadable = np.arange(0, 500, 7)
    measured = scan.columns.difference(["item_id", "status"])
    scan[measured] = scan[measured].astype(float)
    scan.loc[unreadable, measured] = np.nan
    scan.loc[unreadable, "status"] = "unreadable"
    thumbnails = thumbnails.copy()
    thumbnails[unreadable] = 0
    artifacts = analyse((manifest, scan, thumbnails))
    assert len(artifacts.findings) == 0
    table = artifacts.figures[0].table.query("test == 'classifier AUC'").iloc[0]
    is_read = scan["status"].eq("ok")
    assert table["n_a"] == (manifest["split"].eq("train") & is_read).sum()


@pytest.fixture(scope="module")
def usual() -> Artifacts:
    return analyse(random_dataset(120))


def awkward(case: str) -> Tables:
    manifest, scan, thumbnails = random_dataset(120)
    if case == "no image":
        return manifest[:0], scan[:0], thumbnails[:0]
    if case == "one image":
        return manifest[:1], scan[:1], thumbnails[:1]
    if case == "one split":
        return manifest.assign(split="train"), scan, thumbnails
    if case == "no training":
        return manifest.assign(split=np.repeat(["validation", "test"], 60)), scan, thumbnails
    if case == "a split of three":
        return manifest.assign(split=np.repeat(["train", "test"], [117, 3])), scan, thumbnails
    if case == "no labels":
        return manifest.assign(label=pd.Categorical([None] * len(manifest))), scan, thumbnails
    if case == "no class in common":
        return manifest.assign(label=pd.Categorical(manifest["split"].astype(str))), scan, thumbnails
    if case == "all unreadable":
        return manifest, scan.assign(status="unreadable"), np.zeros_like(thumbnails)
    pixels = np.full((120, 12, 12, 3), 77, np.uint8)
    return dataset_of(pixels, manifest["label"], manifest["split"])


@pytest.mark.parametrize(
    ("case", "note"),
    [
        ("no image", "nothing to compare"),
        ("one image", "nothing to compare"),
        ("one split", "Fewer than two splits"),
        ("no training", ""),
        ("a split of three", "holds 3 readable images"),
        ("no labels", "too small to say"),
        ("no class in common", "too small to say"),
        ("all unreadable", "nothing to compare"),
        ("all images alike", "nothing to compare"),
    ],
)
def test_awkward_datasets_raise_nothing_and_say_why(case: str, note: str, usual: Artifacts) -> None:
    artifacts = analyse(awkward(case))
    assert artifacts.metrics.keys() == usual.metrics.keys()
    for name, table in usual.tables.items():
        assert list(artifacts.tables[name].columns) == list(table.columns)
    assert len(artifacts.findings) == 0
    assert note in " ".join(artifacts.notes)
    assert artifacts.summary
    is_too_small = case in {"a split of three", "all unreadable", "all images alike"}
    assert bool(artifacts.unjudged) == is_too_small


def test_splits_are_not_alike_where_training_lacks_a_class_however_few_images_tell() -> None:
    manifest, scan, thumbnails = random_dataset(120)
    label, split = manifest["label"].astype(str), manifest["split"].eq("test")
    manifest = manifest.assign(label=pd.Categorical(label.where(~(split & (split.cumsum() <= 2)), "new")))
    artifacts = analyse((manifest, scan, thumbnails))
    assert "train and test: class mix differs" in artifacts.summary
    assert any("2 images of test are of 1 classes that train lacks" in note for note in artifacts.notes)
    blank = manifest.assign(label=manifest["label"].cat.remove_categories("new"))
    assert "train and test: alike" in analyse((blank, scan, thumbnails)).summary


def test_grey_pictures_have_no_colour_to_compare() -> None:
    manifest, scan, thumbnails = random_dataset(60)
    grey = thumbnails[..., :1].repeat(3, axis=3)
    manifest, scan, thumbnails = dataset_of(grey, manifest["label"], manifest["split"])
    features = image_features(manifest, scan, thumbnails, n_components=3, n_fitted=60, seed=0)
    assert not {"red_minus_green", "blue_minus_green", "colourfulness", "width_px"} & set(features)
    assert {"brightness_mean", "pc_01"} <= set(features)


def test_bytes_per_pixel_of_hand_computed_files() -> None:
    manifest, scan, _ = random_dataset(30)
    manifest["bytes"] = pd.array([72, *[144] * 28, None], dtype="Int64")
    measures = scan_measures(manifest, scan)["bytes_per_pixel"]
    assert measures.iloc[:2].tolist() == [0.5, 1.0]
    assert np.isnan(measures.iloc[-1])


def test_too_few_permutations_to_be_significant_are_refused() -> None:
    with pytest.raises(ValidationError, match="at least 1,200"):
        SplitComparisonParameters.model_validate(SETTINGS | {"significance_level": 0.01})

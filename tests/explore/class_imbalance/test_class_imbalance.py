"""What rarity costs a class: statistics against other sources, and imbalance planted in digits."""

import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy import stats
from sklearn.datasets import load_digits

from analysis.contract import Artifacts
from analysis.explore.class_imbalance.linear_model import (
    N_FOLDS,
    compare_recalls,
    confusion_of,
    errors_to_more_frequent,
    mean_with_interval,
    predict_out_of_fold,
    sample_training,
)
from analysis.explore.class_imbalance.parameters import ClassImbalanceParameters
from analysis.explore.class_imbalance.stage import class_imbalance
from analysis.obtain.scan.measures import measure

SETTINGS = {
    "max_images": 2000,
    "n_components": 40,
    "alpha": 0.001,
    "significance_level": 0.01,
    "min_recall_lost": 0.1,
}
Tables = tuple[pd.DataFrame, pd.DataFrame, np.ndarray]


@pytest.fixture(scope="module")
def digits() -> Tables:
    """All 1,797 digits as training images."""
    images, target = load_digits(return_X_y=True)
    grey = (images.reshape(-1, 8, 8) * (255 / 16)).round().astype(np.uint8)
    measures = measure([Image.fromarray(image).convert("RGB") for image in grey])
    names = [name for name in measures.dtype.names if measures[name].ndim == 1]
    scan = pd.DataFrame({name: measures[name] for name in names})
    scan = scan.assign(item_id=np.arange(len(grey)), status="ok", width_px=8, height_px=8)
    manifest = pd.DataFrame(
        {
            "item_id": np.arange(len(grey)),
            "label": pd.Categorical(target.astype(str)),
            "split": pd.Categorical(["train"] * len(grey), categories=["train", "validation", "test"]),
            "bytes": pd.array([100] * len(grey), dtype="Int64"),
        }
    )
    return manifest, scan, measures["thumbnail"]


def of_rows(tables: Tables, rows: np.ndarray) -> Tables:
    manifest, scan, thumbnails = tables
    return (
        manifest.iloc[rows].reset_index(drop=True),
        scan.iloc[rows].reset_index(drop=True),
        thumbnails[rows],
    )


def kept(tables: Tables, n_by_label: dict[str, int]) -> Tables:
    """At most so many images of each label that is named, all of the others."""
    labels = tables[0]["label"].astype(str)
    place = labels.groupby(labels).cumcount()
    return of_rows(tables, np.flatnonzero(place < labels.map(n_by_label).fillna(np.inf)))


def analyse(tables: Tables, **changes: object) -> Artifacts:
    parameters = ClassImbalanceParameters.model_validate(SETTINGS | changes)
    artifacts = class_imbalance(*tables, parameters=parameters, seed=0)
    for figure in artifacts.figures:  # drawn to the end, as the runner does
        figure.drawing.savefig(io.BytesIO(), format="png", dpi=40)
    return artifacts


def test_balanced_digits_raise_nothing_and_rarity_explains_nothing(digits: Tables) -> None:
    artifacts = analyse(kept(digits, {str(digit): 120 for digit in range(10)}))
    assert len(artifacts.findings) == 0
    assert artifacts.summary.startswith("rarity explains nothing")
    assert artifacts.metrics["imbalance_ratio"] == 1
    assert artifacts.metrics["accuracy_natural"] > 0.9
    assert np.isnan(artifacts.metrics["spearman_frequency_recall_natural"])
    assert artifacts.tables["class_recall"]["lost_to_rarity"].eq(0).all()
    assert "none is rare" in artifacts.notes[0]


def test_digits_as_they_are_raise_nothing(digits: Tables) -> None:
    assert len(analyse(digits).findings) == 0


def test_planted_rarity_is_found_and_told_from_difficulty(digits: Tables) -> None:
    # fives and eights become rare; a third of the ones cannot be told from sevens, which is difficulty
    manifest, scan, thumbnails = (part.copy() for part in kept(digits, {"5": 25, "8": 25}))
    ones, sevens = (np.flatnonzero(manifest["label"].eq(digit)) for digit in ("1", "7"))
    swapped = np.r_[ones[:60], sevens[:60]]
    manifest.loc[swapped, "label"] = np.repeat(["7", "1"], 60)
    artifacts = analyse((manifest, scan, thumbnails), alpha=0.1)
    assert set(artifacts.findings["label"]) <= {"5", "8"}
    assert "8" in set(artifacts.findings["label"])
    assert artifacts.findings["score"].between(0.1, 1).all()
    recalls = artifacts.tables["class_recall"].set_index("label")
    assert (recalls.loc[["1", "7"], "recall"] < 0.8).all()
    assert (recalls.loc[["1", "7"], "lost_low"] < 0).any()
    assert artifacts.metrics["recall_lost_to_rarity_low"] > 0
    assert (
        artifacts.metrics["errors_to_more_frequent_natural"]
        > artifacts.metrics["errors_to_more_frequent_weighted"]
    )


def test_validation_and_test_images_are_not_looked_at(digits: Tables) -> None:
    manifest, scan, thumbnails = kept(digits, {str(digit): 60 for digit in range(10)})
    usual = analyse((manifest, scan, thumbnails))
    split = manifest["split"].copy()
    split.iloc[::7] = "test"
    with_test = analyse((manifest.assign(split=split), scan, thumbnails))
    rest = np.flatnonzero(split.eq("train"))
    without = analyse(of_rows((manifest, scan, thumbnails), rest))
    assert with_test.metrics == pytest.approx(without.metrics, nan_ok=True)
    assert with_test.metrics["n_items"] < usual.metrics["n_items"]


def test_weights_make_up_for_the_size_of_classes() -> None:
    # one feature, equal spread, 20 to 1: the natural boundary leaves nothing to the rare class
    generator = np.random.default_rng(0)
    codes = np.repeat([0, 1], [2000, 100])
    features = generator.normal(size=(2100, 1)) + codes[:, None]
    natural, weighted = (
        predict_out_of_fold(features, codes, is_weighted=is_weighted, alpha=1e-3, seed=0)
        for is_weighted in (False, True)
    )
    is_rare = codes == 1
    assert (natural[is_rare] == 1).mean() < 0.05
    # Bayes' boundary of equal classes is halfway
    assert (weighted[is_rare] == 1).mean() == pytest.approx(stats.norm.cdf(0.5), abs=0.05)


def test_recalls_of_hand_computed_predictions() -> None:
    codes = np.array([0, 0, 0, 0, 1, 1, 1])
    natural = np.array([0, 0, 0, 1, 0, 0, 1])
    weighted = np.array([0, 0, 1, 0, 1, 1, 1])
    table = compare_recalls(codes, natural, weighted, pd.Index(["a", "b", "c"])).set_index("label")
    assert table["recall"].tolist()[:2] == pytest.approx([0.75, 1 / 3])
    assert table["lost_to_rarity"].tolist()[:2] == pytest.approx([0, 2 / 3])
    assert table.loc["b", "p_value"] == pytest.approx(stats.binomtest(2, 2).pvalue)
    assert table.loc["b", "p_value_holm"] == pytest.approx(1.0)
    assert table.loc["c", ["recall", "p_value", "lost_low"]].isna().all()


def test_mean_with_interval_of_one_class_is_that_class() -> None:
    table = pd.DataFrame({"lost_to_rarity": [0.3], "lost_low": [0.1], "lost_high": [0.4]})
    assert mean_with_interval(table) == pytest.approx((0.3, 0.1, 0.4))
    four = pd.concat([table] * 4)
    assert mean_with_interval(four) == pytest.approx((0.3, 0.2, 0.35))


def test_errors_to_more_frequent_of_hand_computed_confusion() -> None:
    confusion = confusion_of(
        np.array([0, 0, 1, 1, 1, 2]), np.array([0, 1, 0, 0, 2, 1]), pd.Index(list("abc"))
    )
    assert confusion.loc["b"].tolist() == [2, 0, 1]
    # to more frequent classes: b -> a twice, c -> b once; of five errors
    assert errors_to_more_frequent(confusion, pd.Series({"a": 9, "b": 5, "c": 2})) == pytest.approx(3 / 5)


def test_sample_keeps_shares_and_a_few_of_each_class() -> None:
    labels = pd.Series(pd.Categorical(["a"] * 800 + ["b"] * 190 + ["c"] * 10 + ["d"] * (N_FOLDS - 1)))
    drawn = sample_training(labels, 100, seed=0)
    assert drawn.value_counts().to_dict() == {"a": 80, "b": 19, "c": N_FOLDS}
    assert sample_training(labels, 5000, seed=0).value_counts().sum() == 1000


def test_labels_are_drawn_as_they_are_written(digits: Tables) -> None:
    manifest, scan, thumbnails = kept(digits, {str(digit): 20 for digit in range(10)})
    names = {str(i): name for i, name in enumerate(["$x_1$", "Größe", "\\frac{", "x" * 60, *"abcdef"])}
    artifacts = analyse(
        (manifest.assign(label=manifest["label"].cat.rename_categories(names)), scan, thumbnails)
    )
    assert set(artifacts.tables["class_recall"]["label"]) == set(names.values())


@pytest.fixture(scope="module")
def usual(digits: Tables) -> Artifacts:
    return analyse(kept(digits, {str(digit): 12 for digit in range(10)}))


def awkward(case: str, tables: Tables) -> Tables:
    manifest, scan, thumbnails = kept(tables, {str(digit): 12 for digit in range(10)})
    if case == "no image":
        return manifest[:0], scan[:0], thumbnails[:0]
    if case == "one class":
        return manifest.assign(label=pd.Categorical(["only"] * len(manifest))), scan, thumbnails
    if case == "no labels":
        return manifest.assign(label=pd.Categorical([None] * len(manifest))), scan, thumbnails
    if case == "no training":
        return manifest.assign(split="test"), scan, thumbnails
    if case == "all unreadable":
        return manifest, scan.assign(status="unreadable"), thumbnails
    return manifest.assign(label=pd.Categorical(manifest.index.astype(str))), scan, thumbnails


@pytest.mark.parametrize(
    "case", ["no image", "one class", "no labels", "no training", "all unreadable", "one image in a class"]
)
def test_awkward_datasets_raise_nothing_and_say_why(case: str, digits: Tables, usual: Artifacts) -> None:
    artifacts = analyse(awkward(case, digits))
    assert artifacts.metrics.keys() == usual.metrics.keys()
    for name, table in usual.tables.items():
        assert list(artifacts.tables[name].columns) == list(table.columns)
    assert len(artifacts.findings) == 0
    assert artifacts.figures == ()
    assert f"fewer than two have {N_FOLDS} images" in artifacts.unjudged
    assert usual.unjudged == ""


def test_images_that_are_all_alike_teach_nothing(digits: Tables) -> None:
    manifest, scan, thumbnails = kept(digits, {str(digit): 30 for digit in range(10)})
    labels = pd.Categorical(["rare"] * 6 + ["common"] * (len(manifest) - 6))
    alike = np.zeros(len(manifest), dtype=int)
    tables = manifest.assign(label=labels), scan.iloc[alike].reset_index(drop=True), thumbnails[alike]
    assert "all training images are alike" in analyse(tables).unjudged

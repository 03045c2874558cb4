"""The join of what other stages wrote, and which classes stand out in it."""

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analysis.contract import Artifacts
from analysis.interpret.class_statistics.parameters import ClassStatisticsParameters
from analysis.interpret.class_statistics.sources import SOURCES, join_sources
from analysis.interpret.class_statistics.stage import class_statistics, robust_scores
from analysis.pipeline.arguments import read_input
from analysis.pipeline.dag import load_stages

REPOSITORY = Path(__file__).parents[3]
CLASSES = ["007", "NA", "$b_1$", "c", "d", "e"]


def manifest_of(classes: list[str] = CLASSES, n_each: int = 4) -> pd.DataFrame:
    labels = np.repeat(classes, n_each)
    return pd.DataFrame(
        {"item_id": np.arange(len(labels)), "label": pd.Categorical(labels, categories=classes)}
    )


def tables_of(classes: list[str] = CLASSES, n_each: int = 4) -> dict[str, pd.DataFrame]:
    """What the stages before write of `manifest_of`, with the last class out of the usual."""
    n = len(classes)
    measures = [f"{m}_mean" for m in ("brightness", "contrast", "entropy_bits", "sharpness")]
    measures += ["edge_density_mean", "colourfulness_mean"]
    values = np.linspace(0.4, 0.6, n)
    values[-1:] = 5.0
    class_stats = pd.DataFrame(dict.fromkeys(measures, values))
    return {
        "class_counts": pd.DataFrame(
            {
                "label": [*classes, *classes],
                "split": ["train"] * n + ["test"] * n,
                "n_items": [3] * n + [1] * n,
            }
        ),
        "class_stats": class_stats.assign(label=classes, split="train", n_images=3, n_unreadable=1),
        "quality_scores": pd.DataFrame(
            {"item_id": range(n * n_each), "blurry_score": 0.5, "is_blurry": np.arange(n * n_each) == 0}
        ),
        "duplicate_pairs": pd.DataFrame(
            {
                "item_id_a": [0, 0, 4],
                "item_id_b": [1, 2, 5],
                "split_a": "train",
                "split_b": ["train", "test", "test"],
            }
        ),
        "class_recall": pd.DataFrame({"label": classes, "recall": 0.5, "lost_to_rarity": 0.1}),
        "class_noise": pd.DataFrame({"label": classes, "estimated_noise": 0.02}),
        "per_class": pd.DataFrame({"label": classes, "recall": 0.9, "precision": 0.8}),
    }


def analyse(folder: Path, manifest: pd.DataFrame, tables: dict[str, pd.DataFrame]) -> Artifacts:
    """Through files, as the runner hands them over."""
    read = {}
    for name, table in tables.items():
        is_csv = "label" in table
        file = folder / f"{name}.{'csv' if is_csv else 'parquet'}"
        table.to_csv(file, index=False) if is_csv else table.to_parquet(file)
        read[name] = read_input(file)
    artifacts = class_statistics(manifest, read, parameters=ClassStatisticsParameters(odd_beyond=3.5))
    for figure in artifacts.figures:  # drawn to the end, as the runner does
        figure.drawing.savefig(io.BytesIO(), format="png", dpi=40)
    return artifacts


def test_statistics_of_hand_computed_sources(tmp_path: Path) -> None:
    table = analyse(tmp_path, manifest_of(), tables_of()).tables["class_statistics"].set_index("label")
    assert table.index.tolist() == CLASSES
    first, second, third = table.loc["007"], table.loc["NA"], table.loc["c"]
    assert (first["n_train"], first["n_validation"], first["n_test"]) == (3, 0, 1)
    assert first["brightness"] == pytest.approx(0.4)
    assert first["unreadable_fraction"] == pytest.approx(0.25)
    assert (first["flagged_fraction"], second["flagged_fraction"]) == (0.25, 0)
    assert (first["copied_fraction"], second["copied_fraction"], third["copied_fraction"]) == (0.75, 0.5, 0)
    assert (first["leaked_fraction"], second["leaked_fraction"]) == (0.5, 0.5)
    assert (first["linear_recall"], first["recall"]) == (0.5, 0.9)


def test_means_over_splits_weigh_each_image_the_same() -> None:
    tables = tables_of()
    train = tables["class_stats"].assign(n_images=30, brightness_mean=0.2)
    test = tables["class_stats"].assign(n_images=10, brightness_mean=0.6, split="test")
    empty = tables["class_stats"].assign(n_images=0, brightness_mean=np.nan, split="validation")
    statistics = join_sources(manifest_of(), {"class_stats": pd.concat([train, test, empty])})
    assert statistics["brightness"].tolist() == pytest.approx([0.3] * len(CLASSES))


def test_a_class_that_stands_out_says_in_what(tmp_path: Path) -> None:
    artifacts = analyse(tmp_path, manifest_of(), tables_of())
    cards = artifacts.tables["class_card"].set_index("label")["stands_out_in"]
    assert "sharpness +" in cards["e"]
    assert cards["c"] == cards["d"] == ""
    assert artifacts.metrics["n_classes_standing_out"] >= 1
    assert artifacts.findings is None


def test_robust_scores_match_scipy_and_hardly_see_the_outlier() -> None:
    values = np.random.default_rng(0).normal(3, 2, 41)
    scores = robust_scores(pd.DataFrame({"a": values}))["a"]
    spread = stats.median_abs_deviation(values, scale="normal")
    assert scores.to_numpy() == pytest.approx((values - np.median(values)) / spread, rel=1e-4)
    with_outlier = robust_scores(pd.DataFrame({"a": np.r_[values, 1e6]}))["a"]
    assert with_outlier.iloc[:41].to_numpy() == pytest.approx(scores.to_numpy(), abs=0.3)


def test_scores_where_most_classes_share_a_value() -> None:
    statistics = pd.DataFrame(
        {
            "flagged_fraction": [0.0] * 9 + [0.05],
            "n_validation": [27] * 9 + [26],
            "constant": 0.0,
            "unknown": np.nan,
        }
    )
    scores = robust_scores(statistics)
    assert scores["flagged_fraction"].iloc[-1] == pytest.approx(0.05 / 0.01)
    assert scores["n_validation"].iloc[-1] == pytest.approx(-1 / (0.05 * 27))  # one image is no matter
    assert scores["constant"].eq(0).all()
    assert scores["unknown"].isna().all()


def test_a_statistic_that_no_class_has_scores_nothing_and_stops_nothing() -> None:
    scores = robust_scores(pd.DataFrame({"a": [1.0, 2.0, 3.0, 4.0, 90.0], "b": [None] * 5}))
    assert scores.dtypes.eq(float).all()
    assert scores["a"].abs().max(axis=0) > 10
    assert scores["b"].isna().all()


def test_a_class_that_a_source_does_not_know_keeps_its_row() -> None:
    tables = tables_of()
    tables["per_class"] = tables["per_class"].query("label != 'c'")
    statistics = join_sources(manifest_of(), tables)
    assert len(statistics) == len(CLASSES)
    assert np.isnan(statistics.loc["c", "recall"])
    assert statistics.loc["d", "recall"] == 0.9


def test_a_source_with_two_rows_of_a_class_is_refused() -> None:
    tables = {"per_class": pd.concat([tables_of()["per_class"]] * 2)}
    with pytest.raises(pd.errors.MergeError):
        join_sources(manifest_of(), tables)


@pytest.mark.parametrize(
    ("classes", "note"), [([], "there is no class"), (["a"], "fewer than 5"), (["a", "b"], "fewer than 5")]
)
def test_few_classes_have_nothing_to_stand_out_from(classes: list[str], note: str, tmp_path: Path) -> None:
    artifacts = analyse(tmp_path, manifest_of(classes), tables_of(classes))
    assert note in artifacts.notes[0]
    assert artifacts.figures == []
    assert artifacts.metrics["n_classes_standing_out"] == 0
    assert artifacts.metrics.keys() == analyse(tmp_path, manifest_of(), tables_of()).metrics.keys()


def test_blank_labels_belong_to_no_class() -> None:
    manifest = manifest_of()
    manifest.loc[3, "label"] = None
    statistics = join_sources(manifest, tables_of())
    assert statistics.loc["007", "copied_fraction"] == 1
    assert len(statistics) == len(CLASSES)


def test_a_hundred_classes_are_drawn_in_part(tmp_path: Path) -> None:
    classes = [f"class {i}" for i in range(100)]
    artifacts = analyse(tmp_path, manifest_of(classes), tables_of(classes))
    assert "of 100 classes" in artifacts.figures[0].caption
    assert "class 99" in set(artifacts.figures[0].table["label"])


def test_every_source_is_declared() -> None:
    stems = {dep.stem for dep in load_stages(REPOSITORY)["class_statistics"].deps}
    assert set(SOURCES) <= stems

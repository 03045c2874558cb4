"""Image statistics by class and split, on small tables, against NumPy and scikit-learn."""

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.metrics import roc_auc_score

from analysis.contract import Artifacts
from analysis.drawing.class_axis import MAX_CLASSES
from analysis.explore.image_stats import groups as image_groups
from analysis.explore.image_stats.differences import (
    MEASURES,
    compare_classes,
    compare_measures,
    summarise_measures,
)
from analysis.explore.image_stats.figures import open_picture
from analysis.explore.image_stats.findings import find_classes_apart, find_differing_splits
from analysis.explore.image_stats.groups import mean_by_group, tabulate_histograms
from analysis.explore.image_stats.parameters import ImageStatsParameters
from analysis.explore.image_stats.stage import (
    channel_statistics_of,
    find_extremes,
    image_stats,
    measured_images,
)

PARAMETERS = ImageStatsParameters(
    significance_level=0.01, min_shortcut_auroc=0.95, min_split_difference=0.33, n_extremes=2
)
NUMBERS = ["brightness_mean", "contrast", "entropy_bits", "sharpness", "edge_density", "colourfulness"]


def dataset(labels: list[str | None], splits: list[str], seed: int = 0) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A manifest and a scan whose measures have nothing to do with label and split."""
    rng = np.random.default_rng(seed)
    n = len(labels)
    manifest = pd.DataFrame(
        {
            "item_id": np.arange(n),
            "path": [f"absent/{i}.png" for i in range(n)],
            "label": pd.Categorical(
                labels, categories=list(dict.fromkeys(x for x in labels if x is not None))
            ),
            "split": pd.Categorical(
                splits, categories=[s for s in ("train", "validation", "test") if s in splits]
            ),
            "status": "ok",
        }
    )
    channels = {
        f"{statistic}_{channel}": rng.uniform(0.2, 0.6, n)
        for statistic in ("mean", "std")
        for channel in ("red", "green", "blue")
    }
    histograms = rng.dirichlet(np.ones(32), (n, 3)).reshape(n, 96).astype(np.float32)
    scan = pd.DataFrame(
        {
            "item_id": np.arange(n),
            "status": "ok",
            **channels,
            **{name: rng.normal(5, 1, n) for name in NUMBERS},
        }
    ).assign(
        width_px=pd.array([32] * n, dtype="Int32"),
        value_range=None,
        height_px=pd.array([24] * n, dtype="Int32"),
        histogram=list(histograms),
    )
    return manifest, scan


def spoil(scan: pd.DataFrame, rows: list[int]) -> None:
    """What the scan holds of an image that cannot be decoded."""
    scan.loc[rows, [c for c in scan.columns if c.startswith(("mean_", "std_"))] + NUMBERS] = np.nan
    scan.loc[rows, ["width_px", "height_px"]] = pd.NA
    scan.loc[rows, "status"] = "unreadable"
    for row in rows:
        scan.at[row, "histogram"] = None


def analyse(manifest: pd.DataFrame, scan: pd.DataFrame, thumbnails: np.ndarray | None = None) -> Artifacts:
    if thumbnails is None:
        thumbnails = np.zeros((len(manifest), 32, 32, 3), dtype=np.uint8)
    return image_stats(manifest, scan, thumbnails, parameters=PARAMETERS)


def draw(artifacts: Artifacts) -> None:
    """Draw to the end, as the runner does: much of what can go wrong does so only then."""
    for figure in artifacts.figures:
        figure.drawing.savefig(io.BytesIO(), format="png", dpi=30)


@pytest.fixture(scope="module")
def usual() -> Artifacts:
    return analyse(*two_classes())


def two_classes(n: int = 60) -> tuple[pd.DataFrame, pd.DataFrame]:
    return dataset(["ant", "bee"] * n, (["train"] * 4 + ["test"] * 2) * (n // 3))


def channel_statistics(pictures: list[np.ndarray]) -> pd.DataFrame:
    """Rows of a scan for (H, W, 3) pictures in [0, 1]."""
    return pd.DataFrame(
        [
            {f"mean_{c}": p[..., i].mean() for i, c in enumerate(("red", "green", "blue"))}
            | {f"std_{c}": p[..., i].std() for i, c in enumerate(("red", "green", "blue"))}
            for p in pictures
        ]
    )


def test_normalisation_is_that_of_all_pixels_stacked() -> None:
    pictures = np.random.default_rng(1).random((40, 8, 12, 3)) * np.array([1.0, 0.5, 0.2])
    pictures[::2] *= 0.3
    table = channel_statistics_of(channel_statistics(list(pictures)))
    assert table["channel"].tolist() == ["red", "green", "blue"]
    assert table["mean"].to_numpy() == pytest.approx(pictures.mean(axis=(0, 1, 2)))
    assert table["std"].to_numpy() == pytest.approx(pictures.std(axis=(0, 1, 2)))


def test_normalisation_weighs_large_and_small_images_alike_as_training_sees_them() -> None:
    rng = np.random.default_rng(2)
    small, large = rng.random((4, 4, 3)) * 0.4, rng.random((16, 16, 3))
    resized = np.stack([small.repeat(4, axis=0).repeat(4, axis=1), large])
    table = channel_statistics_of(channel_statistics([small, large]))
    assert table["mean"].to_numpy() == pytest.approx(resized.mean(axis=(0, 1, 2)))
    assert table["std"].to_numpy() == pytest.approx(resized.std(axis=(0, 1, 2)))


def test_normalisation_is_of_readable_training_images_only() -> None:
    manifest, scan = dataset(["ant"] * 6, ["train"] * 3 + ["validation", "test", "train"])
    spoil(scan, [5])
    table = analyse(manifest, scan).tables["channel_statistics"].set_index("channel")
    assert table.loc["green", "mean"] == pytest.approx(scan["mean_green"][:3].mean())


def test_truncated_images_count_since_training_sees_them() -> None:
    manifest, scan = dataset(["ant"] * 4, ["train"] * 4)
    scan.loc[1, "status"] = "truncated"
    assert analyse(manifest, scan).metrics["n_images"] == 4


def test_normalisation_of_constant_images_and_of_none() -> None:
    constant = channel_statistics_of(channel_statistics([np.full((3, 3, 3), 0.25)] * 2))
    assert constant["std"].tolist() == [0, 0, 0]
    assert channel_statistics_of(channel_statistics([np.zeros((2, 2, 3))]).iloc[:0])["mean"].isna().all()


def test_class_stats_are_those_of_each_class_and_split() -> None:
    manifest, scan = dataset(["ant", "ant", "ant", "bee", None, "bee"], ["train"] * 4 + ["train", "test"])
    scan["brightness_mean"] = [0.1, 0.2, 0.6, 0.4, 0.9, 0.5]
    spoil(scan, [3])
    table = analyse(manifest, scan).tables["class_stats"].set_index(["label", "split"])
    assert table["n_images"].to_dict() == {
        ("ant", "train"): 3,
        ("bee", "train"): 0,
        ("bee", "test"): 1,
        ("", "train"): 1,
    }
    assert table["n_unreadable"].sum() == 1
    ants = table.loc[("ant", "train")]
    assert ants["brightness_mean"] == pytest.approx(0.3)
    assert ants["brightness_median"] == pytest.approx(0.2)
    assert ants["brightness_std"] == pytest.approx(np.std([0.1, 0.2, 0.6], ddof=1))
    assert table.loc[("", "train"), "brightness_mean"] == pytest.approx(0.9)
    assert np.isnan(table.loc[("bee", "train"), "brightness_mean"])


def test_auroc_of_a_measure_matches_scikit_learn() -> None:
    manifest, scan = dataset(list("abc") * 40, ["train"] * 120)
    scan["sharpness"] += manifest["label"].cat.codes
    images = measured_images(manifest, scan)
    table = compare_classes(images, significance_level=0.01, min_auroc=0.95).set_index(["measure", "label"])
    for label in "abc":
        auroc = roc_auc_score(manifest["label"] == label, scan["sharpness"])
        assert table.loc[("sharpness", label), "auroc"] == pytest.approx(max(auroc, 1 - auroc))
        assert np.sign(table.loc[("sharpness", label), "cliffs_delta"]) == np.sign(auroc - 0.5)


@pytest.mark.parametrize("n_classes", [2, 25])
def test_random_labels_and_splits_raise_no_alarm(n_classes: int) -> None:
    for seed in range(12):
        rng = np.random.default_rng(seed)
        labels = [f"{code}" for code in rng.integers(0, n_classes, 300)]
        manifest, scan = dataset(labels, rng.choice(["train", "test"], 300, p=[0.8, 0.2]).tolist(), seed)
        images = measured_images(manifest, scan)
        contrasts = compare_classes(images, significance_level=0.01, min_auroc=0.5)
        differences = compare_measures(images, significance_level=0.01, min_cliffs_delta=0.0)
        # even without any threshold on the effect, about one in a hundred datasets may be flagged by chance
        assert contrasts["is_apart"].sum() + differences["is_different"].sum() == 0, seed


def test_a_class_that_brightness_gives_away_is_found_once_with_its_measure() -> None:
    manifest, scan = two_classes()
    scan.loc[manifest["label"] == "bee", ["brightness_mean", "contrast"]] += [20, 5]
    scan = pd.concat([scan, scan], ignore_index=True).assign(item_id=range(2 * len(scan)))
    other = manifest.assign(label=manifest["label"].cat.rename_categories({"ant": "cat", "bee": "dog"}))
    manifest = pd.concat([manifest.astype({"label": str}), other.astype({"label": str})], ignore_index=True)
    manifest = manifest.assign(item_id=scan["item_id"], label=pd.Categorical(manifest["label"]))
    scan.loc[manifest["label"] == "dog", ["brightness_mean", "contrast"]] -= [20, 5]
    findings = analyse(manifest, scan).findings
    assert findings["label"].tolist() == ["bee"]
    assert findings["score"].tolist() == [1.0]
    assert "brightness" in findings["detail"][0]
    assert "AUROC 1.00" in findings["detail"][0]


def test_a_class_of_another_size_is_found() -> None:
    manifest, scan = dataset(list("abcd") * 30, ["train"] * 120)
    scan.loc[manifest["label"] == "c", "width_px"] = 640
    findings = analyse(manifest, scan).findings
    assert findings["label"].tolist() == ["c"]
    assert findings["detail"][0].startswith("width 640, over all images 32;")


def test_a_class_that_differs_in_test_is_found_with_its_direction() -> None:
    manifest, scan = two_classes()
    scan.loc[(manifest["label"] == "ant") & (manifest["split"] == "test"), "sharpness"] -= 5
    findings = analyse(manifest, scan).findings
    assert findings[["kind", "label"]].to_numpy().tolist() == [["class_measures_differently_in_split", "ant"]]
    assert findings["detail"][0].startswith("sharpness lower in test than in train (Cliff's delta -")


def test_a_shift_spread_over_many_small_classes_is_found_at_the_furthest() -> None:
    manifest, scan = dataset([f"{i % 61}" for i in range(360)], (["train"] * 3 + ["test"]) * 90)
    scan.loc[manifest["split"] == "test", "brightness_mean"] += 1
    differences = compare_measures(
        measured_images(manifest, scan), significance_level=0.01, min_cliffs_delta=0.33
    )
    flagged = differences[differences["is_different"]]
    assert flagged[["label", "measure"]].to_numpy().tolist() == [["", "brightness"]]
    assert len(find_differing_splits(differences)) == 1


def test_a_significant_but_tiny_difference_between_splits_is_not_flagged() -> None:
    manifest, scan = dataset(["ant", "bee"] * 3000, ["train", "train", "test", "test"] * 1500)
    scan.loc[manifest["split"] == "test", "contrast"] += 0.2
    differences = compare_measures(
        measured_images(manifest, scan), significance_level=0.01, min_cliffs_delta=0.33
    )
    overall = differences.query("label == '' and measure == 'contrast'").iloc[0]
    assert overall["p_value_holm"] < 1e-4
    assert 0 < overall["cliffs_delta"] < 0.2
    assert not overall["is_different"]


def test_classes_are_compared_in_training_alone() -> None:
    manifest, scan = two_classes()
    scan.loc[(manifest["label"] == "ant") & (manifest["split"] == "test"), "sharpness"] += 50
    table = compare_classes(measured_images(manifest, scan), significance_level=0.01, min_auroc=0.95)
    assert set(table["n_images"]) == {40}
    assert table.loc[table["measure"] == "sharpness", "cliffs_delta"].abs().max() < 0.5


def test_eta_squared_tells_what_classes_explain() -> None:
    manifest, scan = dataset(["a", "b", "c"] * 50, ["train"] * 150)
    scan["contrast"] = manifest["label"].cat.codes + np.tile([0.0, 0.1], 75)
    summary = summarise_measures(measured_images(manifest, scan)).set_index("measure")
    assert summary.loc["contrast", "eta_squared"] > 0.85
    assert summary.loc["sharpness", "eta_squared"] < 0.1
    assert summary.loc["width_px", "eta_squared"] == 0
    assert summary.loc["sharpness", "mean"] == pytest.approx(scan["sharpness"].mean())
    assert summary.loc["sharpness", "p99"] == pytest.approx(np.quantile(scan["sharpness"], 0.99))


def test_extremes_are_ordered_from_the_end_and_ties_by_image() -> None:
    manifest, scan = dataset(["a"] * 6, ["train"] * 6)
    scan["brightness_mean"] = [0.5, 0.1, 0.9, 0.1, 0.9, 0.3]
    scan["contrast"] = 0.2
    extremes = find_extremes(measured_images(manifest, scan), 2)
    assert "contrast" not in set(extremes["measure"])
    brightness = extremes[extremes["measure"] == "brightness"].set_index(["end", "rank"])
    assert brightness["item_id"].to_dict() == {
        ("lowest", 1): 1,
        ("lowest", 2): 3,
        ("highest", 1): 2,
        ("highest", 2): 4,
    }
    assert brightness.loc[("highest", 1), "value"] == 0.9
    assert brightness.loc[("highest", 1), "path"] == "absent/2.png"


def test_an_extreme_image_is_opened_and_a_lost_one_shown_by_its_thumbnail(tmp_path: Path) -> None:
    thumbnail = np.full((32, 32, 3), 9, dtype=np.uint8)
    Image.new("L", (400, 100), 200).save(tmp_path / "blank é.png")
    (tmp_path / "text.jpg").write_text("no picture")
    opened = open_picture(str(tmp_path / "blank é.png"), thumbnail, None)
    assert opened.shape == (40, 160, 3)
    assert (opened == 200).all()
    assert (open_picture(str(tmp_path / "text.jpg"), thumbnail, None) == 9).all()
    assert (open_picture(str(tmp_path / "gone.png"), thumbnail, None) == 9).all()


@pytest.mark.parametrize("chunk_rows", [1, 7, 1024])
def test_mean_by_group_matches_numpy_whatever_the_chunk(
    chunk_rows: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image_groups, "CHUNK_ROWS", chunk_rows)
    rng = np.random.default_rng(4)
    np.save(tmp_path / "thumbnails.npy", rng.integers(0, 256, (50, 4, 4, 3), dtype=np.uint8))
    rows = np.load(tmp_path / "thumbnails.npy", mmap_mode="r")
    groups = pd.Series(pd.Categorical(rng.choice(["b", "a"], 50), categories=["b", "unused", "a"]))
    groups = groups[rng.random(50) < 0.7]
    means = mean_by_group(rows, groups)
    assert means.index.tolist() == ["b", "a"]
    for label in ("a", "b"):
        expected = rows[groups.index[groups == label]].mean(axis=0)
        assert means.loc[label].to_numpy() == pytest.approx(expected.ravel())


def test_grey_histograms_are_drawn_once() -> None:
    grey = pd.DataFrame(np.tile([0.25, 0.75], (2, 3)), index=["a", "b"])
    table = tabulate_histograms({"class": grey})
    assert table["channel"].unique().tolist() == ["grey"]
    assert table.query("group == 'a'")[["bin_start", "share"]].to_numpy().tolist() == [[0, 0.25], [0.5, 0.75]]
    coloured = pd.DataFrame([[0.25, 0.75, 0.5, 0.5, 1, 0]], index=["train"])
    both = tabulate_histograms({"class": grey, "split": coloured})
    assert both["channel"].unique().tolist() == ["red", "green", "blue"]


def test_mean_images_show_the_mean_of_each_class() -> None:
    manifest, scan = dataset(["ant", "bee", "ant"], ["train", "train", "test"])
    thumbnails = np.zeros((3, 32, 32, 3), dtype=np.uint8)
    thumbnails[0], thumbnails[1], thumbnails[2] = 10, 99, 30
    (figure,) = [f for f in analyse(manifest, scan, thumbnails).figures if f.name == "mean_images"]
    shown = [ax.images[0].get_array() for ax in figure.drawing.axes if ax.images]
    assert [int(picture.mean()) for picture in shown] == [20, 99]


def test_order_of_rows_does_not_matter() -> None:
    manifest, scan = two_classes()
    order = np.random.default_rng(9).permutation(len(manifest))
    shuffled = [table.iloc[order].assign(item_id=range(len(order))) for table in (manifest, scan)]
    a = analyse(manifest, scan)
    b = analyse(*(table.reset_index(drop=True) for table in shuffled))
    assert a.metrics == pytest.approx(b.metrics, nan_ok=True)
    for name in ("channel_statistics", "class_stats", "measures", "class_contrasts", "split_differences"):
        pd.testing.assert_frame_equal(a.tables[name], b.tables[name])


@pytest.mark.parametrize(
    ("labels", "splits"),
    [
        (["a"], ["train"]),
        (["a", "a", "a"], ["train", "train", "test"]),
        (["a", "b"], ["test", "test"]),
        ([None, None, None], ["train", "train", "test"]),
        (["$x_1^2$", "Ω" * 60, "{a}"] * 3, ["train"] * 8 + ["test"]),
        (["a", "b"], ["train", "test"]),
        ([], []),
    ],
    ids=["one image", "one class", "no training", "no labels", "odd labels", "class in one split", "empty"],
)
@pytest.mark.parametrize("is_readable", [True, False])
def test_awkward_datasets_keep_their_metrics_and_tables(
    labels: list, splits: list, is_readable: bool, usual: Artifacts
) -> None:
    manifest, scan = dataset(labels, splits)
    if not is_readable:
        spoil(scan, list(range(len(labels))))
    artifacts = analyse(manifest, scan)
    draw(artifacts)
    assert artifacts.metrics.keys() == usual.metrics.keys()
    for name, table in usual.tables.items():
        assert list(artifacts.tables[name].columns) == list(table.columns)
    assert len(artifacts.findings) == 0
    assert artifacts.summary


def test_constant_images_have_no_extremes_and_no_findings() -> None:
    manifest, scan = two_classes(12)
    scan[NUMBERS] = 0.0
    artifacts = analyse(manifest, scan)
    draw(artifacts)
    assert len(artifacts.tables["extremes"]) == 0
    assert len(artifacts.findings) == 0


def test_hundreds_of_classes_are_drawn_in_part_and_the_captions_say_so() -> None:
    manifest, scan = dataset([f"class {i % 200}" for i in range(800)], ["train"] * 600 + ["test"] * 200)
    artifacts = analyse(manifest, scan)
    draw(artifacts)
    figures = {figure.name: figure for figure in artifacts.figures}
    for name in ("class_distributions", "class_contrasts", "pixel_histograms", "mean_images"):
        assert f"{MAX_CLASSES} of 200 classes" in figures[name].caption
    assert figures["class_contrasts"].table["label"].nunique() == MAX_CLASSES


def test_unreadable_images_are_counted_not_measured() -> None:
    manifest, scan = two_classes()
    spoil(scan, [0, 1, 2])
    metrics = analyse(manifest, scan).metrics
    assert (metrics["n_images"], metrics["n_unreadable"]) == (117, 3)
    assert metrics["brightness_mean"] == pytest.approx(scan["brightness_mean"][3:].mean())


def test_findings_are_silent_where_nothing_is_flagged() -> None:
    images = measured_images(*two_classes())
    contrasts = compare_classes(images, significance_level=0.01, min_auroc=0.95)
    assert len(contrasts) == 2 * len(MEASURES)
    assert len(find_classes_apart(contrasts)) == 0

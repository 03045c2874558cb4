"""Planted wrong labels are found, clean ones are left alone, and every image keeps its row."""

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from analysis.contract import Artifacts
from analysis.scrub.label_issues.parameters import LabelIssuesParameters
from analysis.scrub.label_issues.stage import label_issues
from analysis.scrub.label_probabilities.parameters import LabelProbabilitiesParameters
from analysis.scrub.label_probabilities.stage import label_probabilities

TRAINING = {"model": "logistic_regression", "n_folds": 5, "network_epochs": 1, "max_network_images": 1000}
JUDGING = {"min_score": 0.4, "anchor_fraction": 0.1, "max_class_noise": 0.1, "max_suspects_shown": 8}
CLASSES = ["ant", "bee", "cat"]
NO_COPIES = pd.DataFrame(
    {
        **{name: pd.Series(dtype="int64") for name in ("item_id_a", "item_id_b")},
        **{name: pd.Series(dtype="string") for name in ("path_a", "path_b", "label_a", "label_b")},
    }
)


class Dataset:
    """Images that are well separated by class, in every representation; all show the same file."""

    def __init__(self, folder: Path, n_per_class: int = 60, classes: list[str] = CLASSES) -> None:
        rng = np.random.default_rng(0)
        n = n_per_class * len(classes)
        shown = np.repeat(np.arange(len(classes)), n_per_class)
        path = folder / "ünïcode.png"
        Image.new("RGB", (8, 8), (10, 200, 30)).save(path)
        self.manifest = pd.DataFrame(
            {
                "item_id": np.arange(n),
                "path": path.as_posix(),
                "label": pd.Categorical.from_codes(shown, categories=classes),
                "split": pd.Categorical(rng.choice(["train", "validation", "test"], n)),
                "status": "ok",
            }
        )
        centres = np.eye(16)[: len(classes)]
        embeddings = centres[shown] + rng.normal(0, 0.1, (n, 16))
        self.embeddings = (embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)).astype(np.float32)
        level = 40 + 80 * shown[:, None, None, None]
        self.thumbnails = (level + rng.integers(0, 40, (n, 32, 32, 3))).clip(0, 255).astype(np.uint8)
        self.scan = pd.DataFrame(
            {
                "item_id": np.arange(n),
                "status": "ok",
                "brightness_mean": level.ravel() / 255,
                "value_range": None,
            }
        )
        self.scan["histogram"] = list(rng.dirichlet(np.ones(96), n).astype(np.float32))
        self.duplicates = NO_COPIES

    def relabel(self, rows: list[int], label: str | None) -> None:
        self.manifest.loc[rows, "label"] = label

    def lose(self, row: int) -> None:
        self.scan.loc[row, "status"] = "unreadable"
        self.embeddings[row] = np.nan

    def copies(self, pairs: list[tuple[int, int]]) -> None:
        a, b = (self.manifest.loc[list(rows)] for rows in zip(*pairs, strict=True))
        self.duplicates = pd.DataFrame(
            {
                f"{name}_{side}": rows[name].to_numpy()
                for side, rows in (("a", a), ("b", b))
                for name in ("item_id", "path", "label")
            }
        )

    def predicted(self, model: str) -> np.ndarray:
        """What `label_probabilities` makes of the images."""
        artifacts = label_probabilities(
            self.manifest,
            self.scan,
            self.thumbnails,
            self.embeddings,
            self.duplicates,
            parameters=LabelProbabilitiesParameters.model_validate(TRAINING | {"model": model}),
            seed=0,
        )
        return artifacts.tables["class_probabilities"]

    def judged(self, *, model: str = "logistic_regression", **changes: object) -> Artifacts:
        artifacts = label_issues(
            self.manifest,
            self.scan,
            self.embeddings,
            self.predicted(model),
            self.duplicates,
            parameters=LabelIssuesParameters.model_validate(JUDGING | changes),
            n_folds=TRAINING["n_folds"],
        )
        for figure in artifacts.figures:
            figure.drawing.savefig(io.BytesIO(), format="png", dpi=40)
        return artifacts


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return Dataset(tmp_path)


def doubted(artifacts: Artifacts) -> set[int]:
    return set(artifacts.findings.query("kind == 'suspected_label_error'")["item_id"])


MODELS = [
    "perceptron",
    "logistic_regression",
    "nearest_neighbours",
    "random_forest",
    "auto",
]


@pytest.mark.parametrize("model", MODELS)
def test_planted_wrong_labels_are_found_by_each_model(dataset: Dataset, model: str) -> None:
    wrong = {3: "bee", 20: "cat", 70: "ant", 150: "bee"}
    truth = dataset.manifest["label"].astype(str)
    for row, label in wrong.items():
        dataset.relabel([row], label)
    artifacts = dataset.judged(model=model, min_score=0.5)
    table = artifacts.tables["label_issues"]
    assert doubted(artifacts) == set(wrong)
    worst = table.head(4).set_index("item_id")
    assert worst["suggested_label"].to_dict() == truth[list(wrong)].to_dict()
    assert worst["is_issue"].all()
    assert artifacts.metrics["n_issues"] == 4
    assert artifacts.metrics["out_of_sample_accuracy"] > 0.9


@pytest.mark.parametrize("model", MODELS)
def test_clean_labels_raise_nothing(dataset: Dataset, model: str) -> None:
    artifacts = dataset.judged(model=model)
    assert len(artifacts.findings) == 0
    assert artifacts.metrics["estimated_noise"] == 0
    assert not artifacts.tables["label_issues"]["is_issue"].any()


def test_every_image_of_every_split_has_a_row(dataset: Dataset) -> None:
    dataset.relabel([5, 6], None)
    dataset.lose(9)
    artifacts = dataset.judged()
    table = artifacts.tables["label_issues"].set_index("item_id")
    assert sorted(table.index) == list(range(180))
    assert {"path", "label", "suggested_label", "score", "is_issue"} <= set(table.columns)
    assert table["score"].isna().sum() == 3
    assert table.loc[[5, 6, 9], "score"].isna().all()
    assert not table.loc[[5, 6, 9], "is_issue"].any()
    assert sorted(table["rank"].dropna()) == list(range(1, 178))
    assert table["split"].tolist() == dataset.manifest["split"].loc[table.index].tolist()
    assert artifacts.metrics["n_not_judged"] == 3
    assert artifacts.notes[0].startswith("3 images have no label or no picture")


def test_rows_are_ranked_by_score(dataset: Dataset) -> None:
    dataset.relabel([3], "bee")
    table = dataset.judged().tables["label_issues"]
    assert table["score"].is_monotonic_decreasing
    assert table["rank"].tolist() == list(range(1, 181))
    assert table["score"].between(0, 1).all()


def test_copies_neither_teach_what_to_say_of_one_another_nor_hide_a_wrong_label(dataset: Dataset) -> None:
    """Five copies of an ant, all labelled bee: were some of them in training, the others would look right."""
    copies = [3, 4, 5, 6, 7]
    dataset.embeddings[copies] = dataset.embeddings[3]
    dataset.relabel(copies, "bee")
    hidden = dataset.judged(model="nearest_neighbours", min_score=0.5)
    dataset.copies([(3, row) for row in copies[1:]])
    shown = dataset.judged(model="nearest_neighbours", min_score=0.5)
    assert set(copies) <= doubted(shown)
    before, after = (a.tables["label_issues"].set_index("item_id")["score"] for a in (hidden, shown))
    assert (after[copies] > before[copies]).all()


def test_copies_with_different_labels_are_shown_with_the_one_that_is_probably_wrong(dataset: Dataset) -> None:
    dataset.manifest["path"] = [f"{dataset.manifest['path'][0]}"] * 180
    dataset.relabel([3], "bee")
    dataset.copies([(2, 3), (70, 71)])
    artifacts = dataset.judged()
    (pair,) = artifacts.tables["contradicting_copies"].to_dict("records")
    assert (pair["label_a"], pair["label_b"]) == ("ant", "bee")
    assert pair["score_b"] > 10 * pair["score_a"]
    assert artifacts.metrics["n_contradicting_pairs"] == 1


def test_a_class_whose_labels_are_often_wrong_is_flagged(tmp_path: Path) -> None:
    dataset = Dataset(tmp_path, n_per_class=200)
    dataset.relabel(list(range(200, 260)), "cat")  # three bees in ten
    artifacts = dataset.judged(anchor_fraction=0.5)
    assert artifacts.findings.query("kind == 'noisy_class'")["label"].tolist() == ["bee"]
    noise = artifacts.tables["class_noise"].set_index("label")
    assert noise.loc["bee", "noise_low"] < 0.3 < noise.loc["bee", "noise_high"]
    assert noise.loc["bee", "most_often_labelled"] == "cat"
    pairs = artifacts.tables["confused_pairs"]
    assert pairs.loc[0, ["label", "suggested_label"]].tolist() == ["cat", "bee"]
    assert pairs["n_issues"].sum() == artifacts.metrics["n_issues"]


def test_class_with_fewer_pictures_than_folds_is_noted_and_not_judged(tmp_path: Path) -> None:
    dataset = Dataset(tmp_path)
    dataset.manifest["label"] = dataset.manifest["label"].cat.add_categories(["rare_$x$", "absent"])
    dataset.relabel([0, 1, 2, 3], "rare_$x$")
    artifacts = dataset.judged()
    table = artifacts.tables["label_issues"].set_index("item_id")
    assert table.loc[[0, 1, 2, 3], "score"].isna().all()
    assert any("4 images were not judged" in note and "rare_$x$" in note for note in artifacts.notes)
    assert artifacts.tables["class_noise"]["label"].tolist() == CLASSES


def test_copies_do_not_make_a_class_large_enough(tmp_path: Path) -> None:
    dataset = Dataset(tmp_path, n_per_class=5)
    dataset.copies([(0, 1)])
    artifacts = dataset.judged()
    assert artifacts.metrics["n_judged"] == 10


def test_accuracy_stands_in_words_beside_the_estimates(dataset: Dataset) -> None:
    rng = np.random.default_rng(1)
    noise = rng.normal(0, 1, dataset.embeddings.shape)
    dataset.embeddings = (noise / np.linalg.norm(noise, axis=1, keepdims=True)).astype(np.float32)
    weak = dataset.judged()
    assert "too weak" in weak.notes[-1]
    assert f"{weak.metrics['out_of_sample_accuracy']:.1%}" in weak.notes[-1]
    assert len(doubted(weak)) <= 9  # a model that knows nothing accuses hardly anybody


@pytest.mark.parametrize("case", ["nothing", "one class", "one image", "all blank", "all unreadable"])
def test_awkward_datasets_keep_metrics_and_tables(tmp_path: Path, case: str) -> None:
    dataset = Dataset(tmp_path)
    usual = dataset.judged()
    match case:
        case "nothing":
            dataset.manifest, dataset.scan = dataset.manifest[:0], dataset.scan[:0]
            dataset.embeddings, dataset.thumbnails = dataset.embeddings[:0], dataset.thumbnails[:0]
        case "one class":
            dataset.relabel(list(range(180)), "ant")
        case "one image":
            dataset.relabel(list(range(1, 180)), None)
        case "all blank":
            dataset.relabel(list(range(180)), None)
        case "all unreadable":
            for row in range(180):
                dataset.lose(row)
    artifacts = dataset.judged()
    assert artifacts.metrics.keys() == usual.metrics.keys()
    for name, table in usual.tables.items():
        assert list(artifacts.tables[name].columns) == list(table.columns)
    assert len(artifacts.tables["label_issues"]) == len(dataset.manifest)
    assert len(artifacts.findings) == 0
    assert artifacts.figures == []
    assert "no label was judged" in artifacts.notes[-1]
    assert artifacts.summary == "no label could be judged"
    assert "fewer than two classes have" in artifacts.unjudged
    assert usual.unjudged == ""


def test_two_runs_give_the_same_scores(dataset: Dataset) -> None:
    first, second = (dataset.judged(model="perceptron").tables["label_issues"] for _ in range(2))
    pd.testing.assert_frame_equal(first, second)


def test_a_hundred_classes_are_drawn_in_part(tmp_path: Path) -> None:
    dataset = Dataset(tmp_path, n_per_class=6)
    classes = [f"class {i:02d}" for i in range(40)]
    labels = np.arange(240) % 40
    rng = np.random.default_rng(0)
    dataset.manifest = pd.DataFrame(
        {
            "item_id": np.arange(240),
            "path": dataset.manifest["path"][0],
            "label": pd.Categorical.from_codes(labels, categories=classes),
            "split": pd.Categorical(["train"] * 240),
            "status": "ok",
        }
    )
    dataset.scan = pd.DataFrame({"item_id": np.arange(240), "status": "ok", "value_range": None})
    dataset.embeddings = np.eye(40, dtype=np.float32)[labels] + rng.normal(0, 0.01, (240, 40)).astype(
        np.float32
    )
    artifacts = dataset.judged()
    captions = {figure.name: figure.caption for figure in artifacts.figures}
    assert "30 of 40 classes" in captions["noise_matrix"]
    assert "30 of 40 classes" in captions["class_noise"]


def test_a_threshold_judges_what_the_model_has_said_before(dataset: Dataset) -> None:
    dataset.relabel([3], "bee")
    probabilities = dataset.predicted("logistic_regression")
    given = (dataset.manifest, dataset.scan, dataset.embeddings, probabilities, dataset.duplicates)
    for min_score in (0.1, 0.5, 0.999999):
        parameters = LabelIssuesParameters.model_validate(JUDGING | {"min_score": min_score})
        table = label_issues(*given, parameters=parameters, n_folds=5).tables["label_issues"]
        doubted = table["score"].ge(min_score) & table["suggested_label"].ne(table["label"].astype(str))
        assert table["is_issue"].tolist() == doubted.tolist()


def test_the_nearest_images_of_both_classes_stand_beside_a_doubted_label(dataset: Dataset) -> None:
    dataset.relabel([3], "bee")
    dataset.embeddings[7] = dataset.embeddings[3]  # an ant
    dataset.embeddings[61] = -dataset.embeddings[3]  # the bee that is least like it
    artifacts = dataset.judged()
    evidence = artifacts.tables["label_evidence"].query("item_id == 3")
    assert evidence["shown_for"].value_counts().to_dict() == {"given": 3, "suggested": 3}
    suggested = evidence.query("shown_for == 'suggested'")
    assert (suggested["label"].eq("ant")).all()
    assert suggested.iloc[0][["neighbour_id", "place", "cosine_similarity"]].tolist() == [7, 1, 1.0]
    assert not evidence["neighbour_id"].isin([3, 61]).any()
    labels = dataset.manifest["label"].astype(str)
    assert (labels[evidence["neighbour_id"]].to_numpy() == evidence["label"]).all()
    assert (
        evidence["cosine_similarity"]
        .groupby(evidence["shown_for"])
        .apply(lambda c: c.is_monotonic_decreasing)
        .all()
    )
    assert any(figure.name == "evidence" for figure in artifacts.figures)


def test_without_doubted_labels_there_is_no_evidence(dataset: Dataset) -> None:
    assert dataset.judged().tables["label_evidence"].empty

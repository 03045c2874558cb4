"""Rows of those that no model judges stay, and a model's word on an image does not hang on its own label."""

import numpy as np
import pandas as pd
import pytest

from analysis.scrub.label_probabilities.mixture import mixed, mixing_weights, worth_teaching
from analysis.scrub.label_probabilities.parameters import LabelProbabilitiesParameters
from analysis.scrub.label_probabilities.stage import label_probabilities

PARAMETERS = LabelProbabilitiesParameters(
    model="nearest_neighbours", n_folds=4, network_epochs=1, max_network_images=100
)
NO_COPIES = pd.DataFrame({name: pd.Series(dtype="int64") for name in ("item_id_a", "item_id_b")})
N = 40


def probabilities_of(labels: list[str | None], *, status: str = "ok") -> np.ndarray:
    """Of images the first half of which look like ants, the others like bees."""
    shown = np.repeat([0, 1], N // 2)
    embeddings = np.eye(8, dtype=np.float32)[shown] + np.linspace(0, 0.1, N, dtype=np.float32)[:, None]
    manifest = pd.DataFrame(
        {
            "item_id": np.arange(N),
            "label": pd.Categorical(labels),
            "path": "",
            "split": "train",
            "status": "ok",
        }
    )
    scan = pd.DataFrame({"item_id": np.arange(N), "status": status, "value_range": None})
    thumbnails = np.zeros((N, 32, 32, 3), dtype=np.uint8)
    artifacts = label_probabilities(
        manifest,
        scan,
        thumbnails,
        embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True),
        NO_COPIES,
        parameters=PARAMETERS,
        seed=0,
    )
    return artifacts.tables["class_probabilities"]


def labels_as_shown() -> list[str | None]:
    return ["ant"] * (N // 2) + ["bee"] * (N // 2)


def test_columns_are_classes_by_name_and_rows_sum_to_one() -> None:
    probabilities = probabilities_of(labels_as_shown())
    assert probabilities.sum(axis=1) == pytest.approx(1)
    assert (probabilities.argmax(axis=1) == np.repeat([0, 1], N // 2)).all()


def test_an_images_own_label_does_not_change_what_is_made_of_it() -> None:
    labels = labels_as_shown()
    labels[0] = "bee"
    assert probabilities_of(labels)[0, 0] > 0.5


def test_images_without_a_label_and_of_too_small_classes_stay_blank_rows() -> None:
    labels = labels_as_shown()
    labels[0], labels[1:4] = None, ["rare"] * 3  # fewer than folds
    probabilities = probabilities_of(labels)
    assert probabilities.shape == (N, 2)
    assert np.isnan(probabilities[:4]).all()
    assert np.isfinite(probabilities[4:]).all()


@pytest.mark.parametrize("labels", [["ant"] * N, [None] * N])
def test_with_fewer_than_two_classes_every_row_is_blank(labels: list[str | None]) -> None:
    assert not np.isfinite(probabilities_of(labels)).any()


def test_without_pictures_every_row_is_blank() -> None:
    assert not np.isfinite(probabilities_of(labels_as_shown(), status="unreadable")).any()


def test_mixture_is_weighed_as_by_hand() -> None:
    """Likelihood of a weight w of the first: (0.8 w + 0.4 (1 - w)) (0.2 w + 0.6 (1 - w)), highest at 1/4."""
    first = np.array([[0.8, 0.2], [0.8, 0.2]])
    second = np.array([[0.4, 0.6], [0.4, 0.6]])
    weights = mixing_weights(np.array([0, 1]), {"first": first, "second": second})
    assert weights["first"] == pytest.approx(0.25, abs=0.01)
    assert mixed({"first": first, "second": second}, weights)[0, 0] == pytest.approx(0.5, abs=0.005)


def test_model_that_knows_nothing_has_no_weight() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 300)
    knowing = 0.1 + 0.7 * np.eye(3)[labels]
    weights = mixing_weights(labels, {"knowing": knowing, "guessing": np.full((300, 3), 1 / 3)})
    assert weights["guessing"] < 0.01


def test_the_most_doubted_third_of_those_disagreed_with_is_not_taught() -> None:
    labels = np.zeros(8, dtype=np.int64)
    of_label = np.array([0.9, 0.8, 0.45, 0.4, 0.3, 0.2, 0.1, 0.01])  # six disagreed with
    probabilities = np.column_stack([of_label, 1 - of_label])
    assert worth_teaching(labels, probabilities).tolist() == [True] * 6 + [False] * 2


def test_models_table_says_what_each_is_worth() -> None:
    labels = labels_as_shown()
    shown = np.repeat([0, 1], N // 2)
    rng = np.random.default_rng(0)
    embeddings = (np.eye(8)[shown] + rng.normal(0, 0.05, (N, 8))).astype(np.float32)
    manifest = pd.DataFrame(
        {
            "item_id": np.arange(N),
            "label": pd.Categorical(labels),
            "path": "",
            "split": "train",
            "status": "ok",
        }
    )
    scan = pd.DataFrame({"item_id": np.arange(N), "status": "ok", "value_range": None})
    artifacts = label_probabilities(
        manifest,
        scan,
        np.zeros((N, 32, 32, 3), dtype=np.uint8),
        embeddings,
        NO_COPIES,
        parameters=PARAMETERS.model_copy(update={"model": "auto"}),
        seed=0,
    )
    models = artifacts.tables["label_models"]
    assert models["round"].nunique() == 2
    assert models["model"].value_counts().to_dict() == dict.fromkeys(
        ["perceptron", "logistic_regression", "nearest_neighbours", "mixture"], 2
    )
    last = models.tail(4)
    assert last["weight"].head(3).sum() == pytest.approx(1, abs=0.001)
    assert last["log_loss"].iloc[-1] <= last["log_loss"].head(3).min() + 1e-3
    assert artifacts.tables["class_probabilities"].sum(axis=1) == pytest.approx(1)


@pytest.mark.slow
def test_networks_learn_from_the_pictures_themselves(make_dataset) -> None:
    """The embeddings say nothing; dark and light pictures are told apart by the network that sees them."""
    rows = [("ant", "train", 30 + i) for i in range(12)] + [("bee", "train", 200 + i) for i in range(12)]
    manifest, scan = make_dataset(rows)
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(24, 8)).astype(np.float32)
    parameters = PARAMETERS.model_copy(update={"model": "networks", "n_folds": 2, "network_epochs": 4})
    artifacts = label_probabilities(
        manifest,
        scan,
        np.zeros((24, 32, 32, 3), dtype=np.uint8),
        noise / np.linalg.norm(noise, axis=1, keepdims=True),
        NO_COPIES,
        parameters=parameters,
        seed=0,
    )
    models = artifacts.tables["label_models"].tail(5).set_index("model")
    assert models.loc["networks", "accuracy"] >= 0.9
    assert models["weight"].drop("mixture").idxmax() == "networks"

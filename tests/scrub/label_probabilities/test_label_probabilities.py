"""Rows of those that no model judges stay, and a model's word on an image does not hang on its own label."""

import numpy as np
import pandas as pd
import pytest

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

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from analysis.contract import Artifacts, NothingToJudgeError
from analysis.model.linear_probe import linear_head
from analysis.model.linear_probe.images import probed_images
from analysis.model.linear_probe.parameters import LinearProbeParameters
from analysis.model.linear_probe.stage import linear_probe

DEFAULTS = LinearProbeParameters.model_validate(
    yaml.safe_load((Path(__file__).parents[3] / "params.yaml").read_text(encoding="utf-8"))["linear_probe"]
)
CLASSES = ["a", "b", "c"]

Row = tuple[str | None, str]


def rows_of(**n_of_split: int) -> list[Row]:
    """So many images of each class in each split."""
    return [(label, split) for split, n in n_of_split.items() for label in CLASSES for _ in range(n)]


def embed(rows: Sequence[Row], *, noise: float, seed: int = 0) -> np.ndarray:
    """Unit vectors around one axis a class; none for an image without a label."""
    rng = np.random.default_rng(seed)
    axes = np.eye(8)[[CLASSES.index(label) if label else 7 for label, _ in rows]]
    vectors = axes + noise * rng.normal(size=axes.shape)
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture
def probe(make_dataset) -> Callable[..., Artifacts]:
    """Probe images of (label, split), all of different grey levels, unless `levels` are given."""

    def run(
        rows: Sequence[Row],
        embeddings: np.ndarray | None = None,
        *,
        labels: Sequence[str | None] | None = None,
        levels: Sequence[int | None] | None = None,
        classes: Sequence[str] = CLASSES,
        noise: float = 0.1,
        **changes,
    ) -> Artifacts:
        embeddings = embed(rows, noise=noise) if embeddings is None else embeddings
        given = labels or [label for label, _ in rows]
        table = [
            (label, split, level)
            for label, (_, split), level in zip(given, rows, levels or [0] * len(rows), strict=True)
        ]
        manifest, scan = make_dataset(table, classes=classes)
        # thumbnails tell images apart by their number, or are those of their levels
        numbers = np.array(range(len(rows)) if levels is None else [level or 0 for level in levels])
        pictures = np.stack([numbers % 256, numbers // 256, 0 * numbers], axis=-1).astype(np.uint8)
        thumbnails = np.broadcast_to(pictures[:, None, None], (len(rows), 32, 32, 3))
        return linear_probe(
            manifest,
            scan,
            thumbnails,
            embeddings,
            parameters=DEFAULTS.model_copy(update=changes),
            backbone="patches",
            seed=0,
        )

    return run


def test_separable_classes_are_all_recognised_with_the_interval_of_wilson(probe) -> None:
    artifacts = probe(rows_of(train=20, validation=20, test=10))
    metrics = artifacts.metrics
    assert (metrics["probe_test_accuracy"], metrics["probe_validation_accuracy"]) == (1, 1)
    assert (metrics["n_training_images"], metrics["n_test_images"], metrics["n_dimensions"]) == (60, 30, 8)
    # all of 30: 1 / (1 + z² / n)
    assert metrics["probe_test_accuracy_low"] == pytest.approx(30 / (30 + 1.959964**2))
    assert metrics["probe_test_accuracy_high"] == 1
    per_class = artifacts.tables["linear_probe"]
    assert per_class["label"].tolist() == CLASSES
    assert per_class["recall_low"].tolist() == pytest.approx([10 / (10 + 1.959964**2)] * 3, abs=5e-5)
    assert per_class["n_training_images"].tolist() == [20] * 3
    assert len(artifacts.tables["probe_predictions"]) == 90


def test_permuted_labels_are_recognised_by_chance(probe) -> None:
    rows = rows_of(train=100, validation=40, test=200)
    labels = np.random.default_rng(1).permutation([label for label, _ in rows]).tolist()
    metrics = probe(rows, labels=labels).metrics
    assert metrics["probe_test_accuracy"] == pytest.approx(1 / 3, abs=0.08)  # three standard errors


def test_predictions_of_test_images_name_them(probe) -> None:
    rows = rows_of(train=20, test=3)
    labels = [label for label, _ in rows]
    labels[-1] = "a"  # is a "c" to look at
    artifacts = probe(rows, embed(rows, noise=0.05), labels=labels)
    last = artifacts.tables["probe_predictions"].iloc[-1]
    assert (last["item_id"], last["split"], last["label"], last["predicted_label"]) == (68, "test", "a", "c")
    assert artifacts.metrics["probe_test_accuracy"] == 8 / 9
    recall = artifacts.tables["linear_probe"].set_index("label")["recall"]
    assert recall.to_dict() == {"a": 0.75, "b": 1, "c": 1}


def test_test_labels_choose_nothing(probe) -> None:
    rows = rows_of(train=30, validation=30, test=30)
    labels = [label for label, _ in rows]
    permuted = labels[:180] + np.random.default_rng(0).permutation(labels[180:]).tolist()
    plain, other = (probe(rows, labels=given, noise=0.5) for given in (labels, permuted))
    assert plain.metrics["inverse_regularisation"] == other.metrics["inverse_regularisation"]
    assert plain.metrics["probe_test_accuracy"] > other.metrics["probe_test_accuracy"] + 0.2
    said = [a.tables["probe_predictions"]["predicted_label"].astype(str).tolist() for a in (plain, other)]
    assert said[0] == said[1]


def test_validation_labels_choose_the_penalty(probe) -> None:
    rows = rows_of(train=30, validation=30, test=5)
    labels = [label for label, _ in rows]
    turned = dict(zip("abc", "bca", strict=True))
    plain = probe(rows, noise=0.2).metrics
    wrong = [*labels[:90], *[turned[label] for label in labels[90:180]], *labels[180:]]
    assert plain["inverse_regularisation"] > 0.1
    # to be sure of nothing costs least
    assert probe(rows, labels=wrong, noise=0.2).metrics["inverse_regularisation"] == linear_head.STRENGTHS[0]


def test_training_images_that_are_held_out_too_teach_nothing(probe) -> None:
    # the only "c" in training is the test image itself, so that without it no "c" is ever predicted
    rows = [("a", "train")] * 10 + [("b", "train")] * 10 + [("c", "train"), ("c", "test"), ("a", "test")]
    metrics = probe(rows, levels=[*range(20), 99, 99, 200]).metrics
    assert (metrics["n_leaked_left_out"], metrics["n_training_images"]) == (1, 20)
    assert metrics["probe_test_accuracy"] == 0.5
    assert probe(rows, levels=[*range(20), 98, 99, 200]).metrics["probe_test_accuracy"] == 1


def test_unreadable_and_unlabelled_images_are_left_out(probe) -> None:
    rows = [*rows_of(train=10, test=4), (None, "test"), ("a", "train")]
    embeddings = embed(rows, noise=0.1)
    embeddings[-1] = np.nan
    artifacts = probe(rows, embeddings, levels=[*range(43), None])
    assert (artifacts.metrics["n_training_images"], artifacts.metrics["n_test_images"]) == (30, 12)
    assert "2 of 44 images are left out: 1 cannot be read, 1 have no label." in artifacts.notes


def test_absent_classes_are_never_predicted_and_stay_as_rows(probe) -> None:
    rows = [row for row in rows_of(train=20, test=5) if row != ("b", "train")]
    artifacts = probe(rows, classes=[*CLASSES, "d"])
    table = artifacts.tables["linear_probe"].set_index("label")
    assert table["n_items"].to_dict() == {"a": 5, "b": 5, "c": 5, "d": 0}
    assert table["n_predicted"][["b", "d"]].tolist() == [0, 0]
    assert "2 classes have no image to train on and are never predicted." in artifacts.notes


@pytest.mark.parametrize("rows", [[("a", "train"), ("b", "test")], [("a", "test")], [(None, "train")]])
def test_one_class_to_learn_from_is_nothing_to_judge(probe, rows) -> None:
    with pytest.raises(NothingToJudgeError, match="images of two classes"):
        probe(rows)


def test_two_images_are_enough(probe) -> None:
    assert probe([("a", "train"), ("b", "train"), ("a", "test")]).metrics["probe_test_accuracy"] == 1


def test_without_test_validation_is_judged_and_chooses_nothing(probe) -> None:
    rows = rows_of(train=20, validation=20)
    labels = [label for label, _ in rows]
    permuted = labels[:60] + np.random.default_rng(0).permutation(labels[60:]).tolist()
    plain, other = (probe(rows, labels=given, noise=0.3).metrics for given in (labels, permuted))
    assert np.isnan(plain["probe_test_accuracy"])
    assert plain["probe_validation_accuracy"] > 0.8
    assert plain["inverse_regularisation"] == other["inverse_regularisation"]


def test_without_held_out_images_training_is_cross_validated(probe) -> None:
    rows = rows_of(train=50)
    labels = np.random.default_rng(1).permutation([label for label, _ in rows]).tolist()
    plain, by_chance = probe(rows), probe(rows, labels=labels, noise=0.5)
    assert plain.metrics["probe_cross_validated_accuracy"] == 1
    assert by_chance.metrics["probe_cross_validated_accuracy"] < 0.5  # nothing is learnt by heart
    assert np.isnan(plain.metrics["probe_test_accuracy"])
    assert np.isnan(plain.metrics["gain_of_last_doubling"])
    assert list(plain.metrics) == list(probe(rows_of(train=20, test=5)).metrics)


def test_the_learning_curve_doubles_its_training_images_and_counts_its_gains(probe) -> None:
    artifacts = probe(rows_of(train=64, validation=20, test=40), noise=0.6)
    curve = artifacts.figures[0].table
    assert curve["n_training_images"].tolist() == [24, 48, 96, 192]
    assert (curve["accuracy"] == curve["n_correct"] / 120).all()
    assert curve["accuracy"].iloc[-1] == artifacts.metrics["probe_test_accuracy"] < 1
    gains = curve.iloc[1:]
    assert gains["gain"].tolist() == pytest.approx(curve["accuracy"].diff()[1:].tolist())
    assert ((gains["gain_low"] < gains["gain"]) & (gains["gain"] < gains["gain_high"])).all()
    assert artifacts.metrics["gain_of_last_doubling"] == gains["gain"].iloc[-1]


def test_a_sample_holds_every_class_and_is_told_of(probe) -> None:
    artifacts = probe(rows_of(train=40, validation=20, test=10), max_training_images=30)
    assert artifacts.metrics["n_training_images"] == 30
    assert artifacts.tables["linear_probe"]["n_training_images"].tolist() == [10] * 3
    assert any("Trained on 30 of 120 images" in note for note in artifacts.notes)


def test_smaller_samples_are_parts_of_larger_ones(make_dataset) -> None:
    rows = [(label, split, i % 250) for i, (label, split) in enumerate(rows_of(train=30, test=2))]
    manifest, scan = make_dataset(rows, classes=CLASSES)
    thumbnails = np.random.default_rng(0).integers(0, 256, (len(rows), 32, 32, 3), dtype=np.uint8)
    embeddings = np.ones((len(rows), 4), np.float32)
    probed = probed_images(manifest, scan, thumbnails, embeddings, max_training_images=80, seed=3)
    small, large = (set(probed.training_sample(n)) for n in (20, 40))
    assert small < large < set(probed.training)
    assert pd.Series(probed.codes[list(small)]).value_counts().max() <= 7

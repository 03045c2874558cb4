from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import f1_score
from torch import Tensor, nn

from analysis.stage import InputError
from models.image_data import Batches, ImageStore, readable_images
from models.networks import in_unit_range, seeded_weights
from models.training import TrainingRun, train

CPU = torch.device("cpu")
PX = 8


@pytest.fixture
def batches(make_dataset) -> dict[str, Batches]:
    """Dark and light images, a few of the wrong label in validation."""
    levels = {"dark": range(0, 80, 5), "light": range(176, 256, 5)}
    rows = [(label, "train", level) for label, values in levels.items() for level in values]
    rows += [(label, "validation", level + 1) for label, values in levels.items() for level in values[::2]]
    rows += [("dark", "validation", 250), ("light", "validation", 3)]
    images = readable_images(*make_dataset(rows))
    stores = {
        split: ImageStore(images[images["split"] == split], input_px=PX, is_kept=True, description=split)
        for split in ("train", "validation")
    }
    return {
        "train": Batches(stores["train"], batch_images=16, seed=0),
        "validation": Batches(stores["validation"], batch_images=16),
    }


class TinyClassifier(nn.Module):
    """Stands for the ResNet, which would take most of these tests' time."""

    classes = ("dark", "light")

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, kernel_size=3)
        self.norm = nn.BatchNorm2d(4)
        self.head = nn.Linear(4, 2)

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.norm(self.stem(images)).relu().mean(dim=(2, 3)))


def new_classifier() -> TinyClassifier:
    with seeded_weights(0):
        return TinyClassifier()


def run(
    folder: Path, classifier: TinyClassifier, training: Batches, validation: Batches | None, **changes
) -> TrainingRun:
    recipe = {"epochs": 4, "patience": 4, "learning_rate": 0.05, "weight_decay": 0.01, "precision": "32-true"}
    return train(
        classifier,
        training,
        validation,
        device=CPU,
        dvclive=folder / "dvclive",
        checkpoints=folder / "checkpoints",
        **{**recipe, **changes},
    )


def macro_f1(classifier: TinyClassifier, batches: Batches) -> float:
    (images, labels) = (
        torch.cat([getattr(batch, name) for batch in batches]) for name in ("images", "labels")
    )
    with torch.inference_mode():
        predicted = classifier.eval()(in_unit_range(images)).argmax(dim=1)
    return f1_score(labels, predicted, average="macro")


def test_kept_weights_are_those_of_the_best_epoch(tmp_path: Path, batches) -> None:
    classifier, contrary = new_classifier(), batches["validation"]
    contrary.labels = 1 - contrary.labels  # the more is learnt, the worse: the last epoch is not the best
    result = run(tmp_path, classifier, batches["train"], contrary)
    curves = result.curves.set_index("epoch")
    scores = curves["validation_macro_f1"]
    assert scores.index.tolist() == [1, 2, 3, 4]
    assert scores[4] < scores[result.best_epoch] == scores.max()
    assert macro_f1(classifier, contrary) == pytest.approx(scores.max(), abs=1e-6)
    assert result.at_best("validation_loss") == curves["validation_loss"][result.best_epoch]


def test_training_stops_when_validation_no_longer_improves(tmp_path: Path, batches) -> None:
    result = run(
        tmp_path,
        new_classifier(),
        batches["train"],
        batches["validation"],
        epochs=9,
        patience=2,
        learning_rate=1e-12,
    )
    assert (len(result.curves), result.best_epoch) == (3, 1)


def test_training_without_validation_keeps_the_last_epoch(tmp_path: Path, batches) -> None:
    classifier = new_classifier()
    result = run(tmp_path, classifier, batches["train"], None, epochs=3, patience=1)
    assert (len(result.curves), result.best_epoch) == (3, 3)
    assert np.isnan(result.at_best("validation_loss"))
    assert result.at_best("train_loss") < result.curves["train_loss"][0]


def test_same_seed_trains_the_same_weights(tmp_path: Path, batches) -> None:
    states = []
    for name in ("a", "b"):
        classifier = new_classifier()
        batches["train"].epoch = 0
        torch.manual_seed(len(states))  # the global generator has no say
        run(tmp_path / name, classifier, batches["train"], batches["validation"], epochs=2)
        states.append(classifier.state_dict())
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_dvclive_holds_the_curves_and_nothing_else_is_written(
    tmp_path: Path, batches, monkeypatch: pytest.MonkeyPatch
) -> None:
    workplace = tmp_path / "workplace"
    workplace.mkdir()
    monkeypatch.chdir(workplace)
    curves = run(tmp_path, new_classifier(), batches["train"], batches["validation"], epochs=2).curves
    metrics = tmp_path / "dvclive/plots/metrics"
    for file, column in [
        ("train/loss", "train_loss"),
        ("validation/loss", "validation_loss"),
        ("validation/macro_f1", "validation_macro_f1"),
    ]:
        written = pd.read_csv(metrics / f"{file}.tsv", sep="\t")
        assert written["step"].tolist() == [1, 2]
        assert written[file.split("/")[1]].tolist() == pytest.approx(curves[column].tolist())
    assert sorted(path.name for path in (tmp_path / "dvclive").iterdir()) == ["metrics.json", "plots"]
    assert list(workplace.iterdir()) == []
    assert not (tmp_path / "checkpoints").exists()


def test_checkpoints_of_a_killed_run_do_not_matter(tmp_path: Path, batches) -> None:
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints/best.ckpt").write_bytes(b"half a checkp")
    result = run(tmp_path, new_classifier(), batches["train"], batches["validation"], epochs=1)
    assert result.best_epoch == 1


def test_diverging_training_says_what_to_change(tmp_path: Path, batches) -> None:
    with pytest.raises(InputError, match=r"diverged in epoch 1: lower baseline_resnet\.learning_rate"):
        run(tmp_path, new_classifier(), batches["train"], batches["validation"], learning_rate=1e30)


def test_one_step_is_enough_to_train(tmp_path: Path, batches) -> None:
    one_batch = Batches(batches["train"].store, batch_images=1000, seed=0)
    assert len(run(tmp_path, new_classifier(), one_batch, None, epochs=1).curves) == 1

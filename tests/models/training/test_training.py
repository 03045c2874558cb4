from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import f1_score
from torch import Tensor, nn

from analysis.contract import InputError
from analysis.dataset.readable import readable_images
from models.data.batches import Batches
from models.data.store import ImageStore
from models.networks.classifier import in_unit_range
from models.seeding import seeded_torch
from models.training.hardware import Hardware
from models.training.loop import TrainingRun, train
from models.training.module import Objective
from models.training.phases import Phase

CPU = Hardware(torch.device("cpu"))
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
        split: ImageStore(images[images["split"] == split], input_px=PX, home=CPU.device, description=split)
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

    def parts(self) -> dict[str, list[nn.Module]]:
        return {"stem": [self.stem, self.norm], "head": [self.head]}

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.norm(self.stem(images)).relu().mean(dim=(2, 3)))


class UnnormalisedClassifier(TinyClassifier):
    """Does not depend on what else is in the batch, or in the half of it that a process has."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.Identity()


def new_classifier() -> TinyClassifier:
    with seeded_torch(0):
        return TinyClassifier()


def run(
    folder: Path, classifier: TinyClassifier, training: Batches, validation: Batches | None, **changes
) -> TrainingRun:
    recipe = {"phases": one_phase(), "patience": 4, "objective": Objective(), "hardware": CPU}
    return train(
        classifier,
        training,
        validation,
        weight_decay=0.01,
        dvclive=folder / "dvclive",
        checkpoints=folder / "checkpoints",
        **{**recipe, **changes},
    )


def one_phase(n_epochs: int = 4, learning_rate: float = 0.05) -> list[Phase]:
    return [Phase("all layers", n_epochs, {"stem": learning_rate, "head": learning_rate})]


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
        phases=one_phase(9, learning_rate=1e-12),
        patience=2,
    )
    assert (len(result.curves), result.best_epoch) == (3, 1)


def test_training_without_validation_keeps_the_last_epoch(tmp_path: Path, batches) -> None:
    classifier = new_classifier()
    result = run(tmp_path, classifier, batches["train"], None, phases=one_phase(3), patience=1)
    assert (len(result.curves), result.best_epoch) == (3, 3)
    assert np.isnan(result.at_best("validation_loss"))
    assert result.at_best("train_loss") < result.curves["train_loss"][0]


def test_same_seed_trains_the_same_weights(tmp_path: Path, batches) -> None:
    states = []
    for name in ("a", "b"):
        classifier = new_classifier()
        batches["train"].epoch = 0
        torch.manual_seed(len(states))  # the global generator has no say
        run(tmp_path / name, classifier, batches["train"], batches["validation"], phases=one_phase(2))
        states.append(classifier.state_dict())
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_dvclive_holds_the_curves_and_nothing_else_is_written(
    tmp_path: Path, batches, monkeypatch: pytest.MonkeyPatch
) -> None:
    workplace = tmp_path / "workplace"
    workplace.mkdir()
    monkeypatch.chdir(workplace)
    curves = run(
        tmp_path, new_classifier(), batches["train"], batches["validation"], phases=one_phase(2)
    ).curves
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


def test_diverging_training_says_what_to_change(tmp_path: Path, batches) -> None:
    with pytest.raises(InputError, match=r"diverged in epoch 1: lower baseline_resnet\.learning_rate"):
        run(tmp_path, new_classifier(), batches["train"], batches["validation"], phases=one_phase(4, 1e30))
    assert not (tmp_path / "checkpoints").exists()  # nothing to go on from


def test_one_step_is_enough_to_train(tmp_path: Path, batches) -> None:
    one_batch = Batches(batches["train"].store, batch_images=1000, seed=0)
    assert len(run(tmp_path, new_classifier(), one_batch, None, phases=one_phase(1)).curves) == 1


# ---- phases ----------------------------------------------------------------------------------------------
def two_phases() -> list[Phase]:
    return [Phase("head", 2, {"head": 0.05}), Phase("fine-tuning", 2, {"stem": 0.01, "head": 0.05})]


def test_frozen_part_keeps_weights_and_batch_statistics(tmp_path: Path, batches) -> None:
    classifier, start = new_classifier(), new_classifier().state_dict()
    run(tmp_path, classifier, batches["train"], batches["validation"], phases=two_phases()[:1])
    changed = {name for name, value in classifier.state_dict().items() if not torch.equal(value, start[name])}
    assert changed == {"head.weight", "head.bias"}


def test_second_phase_trains_what_the_first_froze(tmp_path: Path, batches) -> None:
    classifier, start = new_classifier(), new_classifier().state_dict()
    result = run(tmp_path, classifier, batches["train"], None, phases=two_phases())
    assert result.curves["phase"].tolist() == ["head", "head", "fine-tuning", "fine-tuning"]
    assert result.curves["epoch"].tolist() == [1, 2, 3, 4]
    assert all(not torch.equal(value, start[name]) for name, value in classifier.state_dict().items())
    assert all(weights.requires_grad for weights in classifier.parameters())


def test_best_epoch_may_be_of_the_first_phase(tmp_path: Path, batches) -> None:
    spoil = Phase("fine-tuning", 2, {"stem": 0.0, "head": 0.05})
    classifier, contrary = new_classifier(), batches["validation"]
    contrary.labels = 1 - contrary.labels
    still = [Phase("head", 1, {"head": 1e-12}), spoil]
    result = run(tmp_path, classifier, batches["train"], contrary, phases=still)
    assert result.best_epoch == 1
    assert macro_f1(classifier, contrary) == pytest.approx(result.at_best("validation_macro_f1"), abs=1e-6)


def test_each_part_learns_at_its_own_rate(tmp_path: Path, batches) -> None:
    moved = {}
    for rate in (1e-3, 1e-2):
        classifier, start = new_classifier(), new_classifier().state_dict()
        phase = Phase("", 1, {"stem": rate, "head": 1e-3})
        run(tmp_path / str(rate), classifier, batches["train"], None, phases=[phase])
        state = classifier.state_dict()
        moved[rate] = [(state[name] - start[name]).abs().max() for name in ("stem.weight", "head.weight")]
    assert moved[1e-2][0] / moved[1e-3][0] == pytest.approx(10, rel=0.2)  # Adam's first step is the rate
    assert moved[1e-2][1] / moved[1e-3][1] == pytest.approx(1, rel=0.2)


# ---- after a kill ----------------------------------------------------------------------------------------
class Killed(BaseException):
    pass


def test_killed_training_ends_with_the_weights_it_would_have_had(tmp_path: Path, batches) -> None:
    def brighten(images: Tensor, labels: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        return images + torch.from_numpy(rng.integers(0, 30, images.shape)).to(torch.uint8), labels

    def train_through(folder: Path, *, dies_in_epoch: int | None = None) -> tuple[dict, TrainingRun, int]:
        def augment(images: Tensor, labels: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
            seen.append(training.epoch)
            if training.epoch == dies_in_epoch:
                raise Killed
            return brighten(images, labels, rng)

        seen: list[int] = []
        training = Batches(batches["train"].store, batch_images=16, seed=0, augment=augment)
        classifier = new_classifier()
        result = run(folder, classifier, training, batches["validation"], phases=two_phases())
        return classifier.state_dict(), result, len(set(seen))

    whole, expected, _ = train_through(tmp_path / "whole")
    with pytest.raises(Killed):
        train_through(tmp_path / "killed", dies_in_epoch=4)  # the second epoch of the second phase
    resumed, found, n_epochs_run = train_through(tmp_path / "killed")
    assert n_epochs_run == 1
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    pd.testing.assert_frame_equal(found.curves, expected.curves)
    ids = pd.Series(range(32))
    pd.testing.assert_frame_equal(found.dynamics.table(ids), expected.dynamics.table(ids))
    live = pd.read_csv(tmp_path / "killed/dvclive/plots/metrics/train/loss.tsv", sep="\t")
    assert live["step"].tolist() == [1, 2, 3, 4]


# ---- several processes -----------------------------------------------------------------------------------
@pytest.mark.slow
def test_two_processes_share_every_batch_and_agree_with_one(tmp_path: Path, batches) -> None:
    results = {}
    for n_devices in (1, 2):
        with seeded_torch(0):
            classifier = UnnormalisedClassifier()
        batches["train"].epoch = 0
        found = run(
            tmp_path / str(n_devices),
            classifier,
            batches["train"],
            batches["validation"],
            hardware=Hardware(torch.device("cpu"), n_devices=n_devices),
        )
        results[n_devices] = (found, classifier.state_dict())
    (one, weights), (two, shared) = results[1], results[2]
    for name in weights:
        torch.testing.assert_close(shared[name], weights[name], atol=1e-4, rtol=1e-3)
    columns = ["train_loss", "validation_loss", "validation_macro_f1"]
    pd.testing.assert_frame_equal(one.curves[columns], two.curves[columns], atol=1e-3)
    ids = pd.Series(range(32))
    pd.testing.assert_frame_equal(one.dynamics.table(ids), two.dynamics.table(ids), atol=1e-2)

from pathlib import Path

import pytest
import torch
from torch import nn
from torchvision.models import resnet18, resnet34

from analysis.contract import InputError
from models.networks.trained_elsewhere import TrainedElsewhere, classifier_from

MEAN, STD = [0.2, 0.4, 0.6], [0.5, 0.25, 0.1]
OWN = {"architecture": "resnet18", "checkpoint_classes": None, "input_px": 32, "interpolation": "area"}


def load(path: Path, classes: list[str], **changes) -> nn.Module:
    return trained_elsewhere(path, classes, **changes).classifier


def trained_elsewhere(path: Path, classes: list[str], **changes) -> TrainedElsewhere:
    return classifier_from(path, classes, mean=MEAN, std=STD, **{**OWN, **changes})


def donor(n_classes: int = 3) -> nn.Module:
    torch.manual_seed(0)
    return resnet18(num_classes=n_classes).eval()


def images() -> torch.Tensor:
    return torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))


def logits_of(network: nn.Module) -> torch.Tensor:
    normalised = torch.stack([(images()[:, c] - MEAN[c]) / STD[c] for c in range(3)], dim=1)
    return network(normalised)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda state: state,
        lambda state: {"state_dict": state, "epoch": 3},
        lambda state: {f"module.{name}": tensor for name, tensor in state.items()},
        lambda state: {"model": {f"net.backbone.{name}": tensor for name, tensor in state.items()}},
        lambda state: {"net": {f"_orig_mod.{name}": tensor for name, tensor in state.items()}},
        lambda state: {name: tensor for name, tensor in state.items() if "num_batches" not in name},
        lambda state: {f"ema.{name}": tensor for name, tensor in state.items()},
    ],
    ids=["plain", "state_dict", "DataParallel", "nested", "compiled", "without counts", "averaged alone"],
)
def test_logits_are_the_donors_of_the_normalised_image(tmp_path: Path, wrap) -> None:
    torch.save(wrap(donor().state_dict()), tmp_path / "model.pt")
    classifier = load(tmp_path / "model.pt", ["a", "b", "c"])
    torch.testing.assert_close(classifier(images()), logits_of(donor()))
    assert (classifier.input_px, classifier.interpolation, classifier.keep_resolution) == (32, "area", False)


def test_outputs_are_sorted_by_name_unless_said(tmp_path: Path) -> None:
    torch.save(donor().state_dict(), tmp_path / "model.pt")
    expected = logits_of(donor())
    by_name = load(tmp_path / "model.pt", ["2", "10", "1"])  # ImageFolder's order: 1, 10, 2
    torch.testing.assert_close(by_name(images()), expected[:, [2, 1, 0]])
    named = load(tmp_path / "model.pt", ["2", "10", "1"], checkpoint_classes=["10", "1", "2"])
    torch.testing.assert_close(named(images()), expected[:, [2, 0, 1]])


def test_outputs_of_other_classes_are_left_out(tmp_path: Path) -> None:
    torch.save(donor(4).state_dict(), tmp_path / "model.pt")
    classifier = load(tmp_path / "model.pt", ["c", "a"], checkpoint_classes=["a", "b", "c", "d"])
    torch.testing.assert_close(classifier(images()), logits_of(donor(4))[:, [2, 0]])


def test_small_stem_is_seen_from_the_weights(tmp_path: Path) -> None:
    network = donor()
    network.conv1, network.maxpool = nn.Conv2d(3, 64, 3, padding=1, bias=False), nn.Identity()
    torch.save(network.state_dict(), tmp_path / "model.pt")
    classifier = load(tmp_path / "model.pt", ["a", "b", "c"])
    assert classifier.keep_resolution
    torch.testing.assert_close(classifier(images()), logits_of(network))


@pytest.mark.parametrize(
    ("content", "classes", "changes", "message"),
    [
        (lambda: donor().state_dict(), ["a", "b"], {}, "has 3 outputs, but there are 2 classes"),
        (
            lambda: donor().state_dict(),
            ["a", "b", "z"],
            {"checkpoint_classes": ["a", "b", "c"]},
            "checkpoint_classes lacks z",
        ),
        (lambda: resnet34(num_classes=2).state_dict(), ["a", "b"], {}, "does not fit .* resnet18"),
        (lambda: {"weights": torch.zeros(2)}, ["a", "b"], {}, r"has no conv1\.weight, fc\.bias, fc\.weight"),
        (lambda: {0: torch.zeros(2), "fc.bias": 3}, ["a", "b"], {}, r"has no conv1\.weight, fc\.bias"),
        (lambda: donor().state_dict() | {"fc.bias": torch.tensor(1.0)}, ["a"], {}, r"has no fc\.bias of its"),
    ],
    ids=["outputs", "classes", "architecture", "no network", "odd names", "odd shape"],
)
def test_checkpoint_that_does_not_fit_is_refused(tmp_path: Path, content, classes, changes, message) -> None:
    torch.save(content(), tmp_path / "model.pt")
    with pytest.raises(InputError, match=message):
        load(tmp_path / "model.pt", classes, **changes)


def test_pickled_network_is_never_loaded(tmp_path: Path) -> None:
    torch.save(donor(), tmp_path / "model.pt")  # the module itself: loading it would run its code
    with pytest.raises(InputError, match="A pickled model is refused"):
        load(tmp_path / "model.pt", ["a", "b", "c"])


def test_what_lies_beside_the_network_is_left_out_and_named(tmp_path: Path) -> None:
    """As Lightning keeps it: with an optimiser's state, a loss's weights and averaged weights."""
    state = {f"model.{name}": tensor for name, tensor in donor().state_dict().items()}
    averaged = {f"model_ema.module.{name}": torch.zeros_like(t) for name, t in donor().state_dict().items()}
    beside = {"criterion.weight": torch.ones(3), "metric.confmat": torch.zeros(3, 3)}
    content = {
        "epoch": 3,
        "state_dict": averaged | state | beside,
        "optimizer_states": [{"state": {0: {"exp_avg": torch.zeros(2), "step": torch.tensor(1.0)}}}],
    }
    torch.save(content, tmp_path / "last.ckpt")
    classifier, ignored = trained_elsewhere(tmp_path / "last.ckpt", ["a", "b", "c"])
    torch.testing.assert_close(classifier(images()), logits_of(donor()))
    assert sorted(ignored) == sorted(
        ["state_dict.criterion.weight", "state_dict.metric.confmat"]
        + [f"state_dict.{name}" for name in averaged]
        + ["optimizer_states.0.state.0.exp_avg", "optimizer_states.0.state.0.step"]
    )


def test_of_two_networks_in_one_file_none_is_guessed(tmp_path: Path) -> None:
    both = {f"{who}.{name}": t for who in ("student", "teacher") for name, t in donor().state_dict().items()}
    torch.save(both, tmp_path / "model.pt")
    with pytest.raises(InputError, match=r"holds 2 networks, under student\., teacher\."):
        load(tmp_path / "model.pt", ["a", "b", "c"])


def test_dictionary_that_holds_itself_ends(tmp_path: Path) -> None:
    content: dict = dict(donor().state_dict())
    content["again"] = content
    torch.save(content, tmp_path / "model.pt")
    with pytest.raises(InputError, match="networks"):
        load(tmp_path / "model.pt", ["a", "b", "c"])

import pytest
import torch

from models.networks.classifier import ImageClassifier
from models.training.phases import PARTS, Phase, freeze_all_but, parameter_groups, training_phases

RECIPE = {
    "n_epochs": 8,
    "n_head_epochs": 2,
    "unfrozen": ["layer3", "layer4"],
    "learning_rate": 1.0,
    "layer_decay": 0.5,
}


@pytest.fixture(params=["resnet18", "efficientnet_lite0"])
def classifier(request: pytest.FixtureRequest) -> ImageClassifier:
    return ImageClassifier(
        architecture=request.param,
        classes=["a", "b"],
        input_px=32,
        keep_resolution=False,
        mean=[0.5] * 3,
        std=[0.2] * 3,
    )


def test_parts_hold_every_weight_once(classifier) -> None:
    parts = classifier.parts()
    assert tuple(parts) == PARTS
    named = [
        id(weights) for modules in parts.values() for module in modules for weights in module.parameters()
    ]
    assert sorted(named) == sorted(id(weights) for weights in classifier.parameters())


def test_network_from_scratch_has_one_phase_of_one_rate() -> None:
    assert training_phases(PARTS, **RECIPE) == [Phase("all layers", 8, dict.fromkeys(PARTS, 1.0))]


def test_pretrained_network_learns_its_head_first_then_the_last_stages_slower() -> None:
    head, rest = training_phases(["head"], **RECIPE)
    assert head == Phase("head", 2, {"head": 1.0})
    assert rest == Phase("fine-tuning", 8, {"layer3": 0.25, "layer4": 0.5, "head": 1.0})


def test_stem_of_another_shape_learns_with_the_head_from_the_start() -> None:
    first, rest = training_phases(["stem", "head"], **RECIPE)
    assert (first.name, first.peak_learning_rates) == ("stem and head", {"stem": 1.0, "head": 1.0})
    assert rest.peak_learning_rates == {"layer3": 0.25, "layer4": 0.5, "stem": 1.0, "head": 1.0}


def test_no_head_epochs_leaves_that_phase_out() -> None:
    phases = training_phases(["head"], **{**RECIPE, "n_head_epochs": 0})
    assert [phase.name for phase in phases] == ["fine-tuning"]


def test_frozen_parts_have_no_gradient_and_fixed_batch_statistics(classifier) -> None:
    freeze_all_but(classifier, ["layer4", "head"])
    learns = {
        name.split(".")[0] if "head" in name else name.split(".")[1]
        for name, weights in classifier.named_parameters()
        if weights.requires_grad
    }
    assert learns == {"layer4", "head"}
    before = {name: values.clone() for name, values in classifier.named_buffers()}
    classifier(torch.rand(4, 3, 32, 32))
    moved = {
        name.split(".")[1] for name, values in classifier.named_buffers() if not values.equal(before[name])
    }
    assert moved == {"layer4"}


def test_parameter_groups_bear_the_rates_of_their_parts(classifier) -> None:
    stem, head = parameter_groups(classifier, {"stem": 0.1, "head": 0.2})
    assert (stem["lr"], head["lr"]) == (0.1, 0.2)
    n_channels, n_features = (64, 512) if classifier.architecture == "resnet18" else (32, 1280)
    assert [weights.shape[0] for weights in stem["params"]] == [n_channels] * 3
    assert [tuple(weights.shape) for weights in head["params"]] == [(2, n_features), (2,)]

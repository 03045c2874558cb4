import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from torch import nn

from analysis.interpret.attributions.randomisation import STEPS, randomised, ssim_of_maps
from analysis.statistics.correlation import rank_correlation_of_maps
from models.networks.classifier import ImageClassifier
from models.seeding import seeded_torch

PX = 16


@pytest.fixture(params=["resnet18", "efficientnet_lite0"])
def classifier(request: pytest.FixtureRequest) -> ImageClassifier:
    with seeded_torch(5):
        return (
            ImageClassifier(
                architecture=request.param,
                classes=["a", "b"],
                input_px=PX,
                keep_resolution=False,
                mean=[0.5] * 3,
                std=[0.25] * 3,
            )
            .eval()
            .requires_grad_(requires_grad=False)
        )


@pytest.fixture
def pixels() -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).integers(0, 256, (12, 3, PX, PX), dtype=np.uint8))


def changed_modules(before: dict, after: dict) -> set[str]:
    names = {"conv1": "stem", "bn1": "stem"}
    changed = {
        name.removeprefix("backbone.").split(".")[0] for name in before if not before[name].equal(after[name])
    }
    return {names.get(name, name) for name in changed}


@pytest.mark.parametrize("step", STEPS)
def test_cascade_changes_all_down_to_its_step_and_nothing_below(classifier, pixels, step: str) -> None:
    before = {name: values.clone() for name, values in classifier.state_dict().items()}
    network = randomised(classifier, pixels, down_to=step, seed=1)
    assert changed_modules(before, network.state_dict()) == set(STEPS[: STEPS.index(step) + 1])
    assert changed_modules(before, classifier.state_dict()) == set()
    assert not any(module.training for module in network.modules())


def test_seed_alone_decides_the_weights(classifier, pixels) -> None:
    state = torch.random.get_rng_state()
    first, same, other = (randomised(classifier, pixels, down_to="stem", seed=seed) for seed in (1, 1, 2))
    images = pixels.float() / 255
    assert torch.equal(first(images), same(images))
    assert not torch.allclose(first(images), other(images))
    assert torch.equal(torch.random.get_rng_state(), state)


def test_random_networks_hand_on_signals_of_unit_spread(classifier, pixels) -> None:
    """With statistics that are not theirs, activations would shrink or swell from layer to layer."""
    network = randomised(classifier, pixels, down_to="stem", seed=1)
    modules = [module for part in network.parts()["stem"] for module in part.modules()]
    convolution = next(module for module in modules if isinstance(module, nn.Conv2d))
    norm = next(module for module in modules if isinstance(module, nn.BatchNorm2d))
    normed = norm(convolution((pixels.float() / 255 - network.mean) / network.std))
    assert normed.mean(dim=(0, 2, 3)).abs().max() < 0.01
    assert (normed.std(dim=(0, 2, 3)) - 1).abs().max() < 0.01


def test_rank_correlation_equals_scipys_with_ties() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.integers(0, 4, (2, 3, 5, 5)).astype(float)
    expected = [spearmanr(a.ravel(), b.ravel()).statistic for a, b in zip(first, second, strict=True)]
    assert rank_correlation_of_maps(first, second) == pytest.approx(expected)
    assert rank_correlation_of_maps(first, -first) == pytest.approx([-1] * 3)


def test_map_of_zeros_is_like_nothing() -> None:
    some = np.random.default_rng(0).random((1, 9, 9))
    assert np.isnan(rank_correlation_of_maps(some, np.zeros((1, 9, 9)))).all()
    assert np.isnan(ssim_of_maps(some, np.zeros((1, 9, 9)))).all()


def test_similarity_minds_the_place_and_not_the_scale() -> None:
    some = np.zeros((1, 16, 16))
    some[0, 2:6, 2:6] = 1
    assert ssim_of_maps(some, 7 * some) == pytest.approx([1])
    assert ssim_of_maps(some, some[:, ::-1])[0] < 0.7

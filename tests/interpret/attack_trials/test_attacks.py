import warnings

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from analysis.interpret.attack_trials.attack_checks import check_attacks
from analysis.interpret.attack_trials.attack_sweep import sweep
from analysis.interpret.attack_trials.attacks import (
    LOSSES,
    Loss,
    Target,
    cross_entropies,
    margins,
    pgd,
    project,
    shrink_perturbations,
    sizes,
    steepest,
    unit_noise,
    unit_starts,
)
from analysis.interpret.robustness_deepdive.trials import accuracy_table, median_smallest

NORMS = ["linf", "l2"]
SHAPE = (6, 3, 4, 4)


class Linear(nn.Module):
    """Two classes; the second wins where w · x + b is above 0."""

    def __init__(self, weights: Tensor, bias: float) -> None:
        super().__init__()
        self.weights, self.bias = weights, bias

    def forward(self, images: Tensor) -> Tensor:
        score = (images * self.weights).sum(dim=(1, 2, 3)) + self.bias
        return torch.stack([torch.zeros_like(score), score], dim=1)


class Convolutional(nn.Module):
    """A small network with random weights."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(3)
        self.kernels = torch.randn((8, 3, 3, 3), generator=generator)
        self.head = torch.randn((5, 8), generator=generator)

    def forward(self, images: Tensor) -> Tensor:
        hidden = torch.tanh(nn.functional.conv2d(images - 0.5, self.kernels, padding=1))
        return hidden.mean(dim=(2, 3)) @ self.head.T * 10


@pytest.fixture
def linear() -> tuple[Target, Tensor, Tensor]:
    """Images of the first class about the middle of the range, and the classifier."""
    generator = torch.Generator().manual_seed(0)
    weights = torch.randn(SHAPE[1:], generator=generator)
    images = 0.5 + 0.02 * torch.randn(SHAPE, generator=generator)
    bias = -float((images * weights).sum(dim=(1, 2, 3)).max()) - 0.3
    return Target(Linear(weights, bias), batch_images=4), images, torch.zeros(len(images), dtype=torch.long)


def exact_sizes(target: Target, images: Tensor, norm: str) -> Tensor:
    """The distance to the boundary of a linear classifier: its score over the weights' dual norm."""
    score = -target.classifier(images)[:, 1]
    weights = target.classifier.weights
    return score / (weights.abs().sum() if norm == "linf" else weights.norm())


# ---- one step --------------------------------------------------------------------------------------------
def test_fgsm_by_hand() -> None:
    weights = torch.zeros(1, 3, 1, 2)
    weights[0, 0, 0], weights[0, 2, 0, 1] = torch.tensor([2.0, -3.0]), 0.5
    images = torch.full((1, 3, 1, 2), 0.25)
    images[0, 2, 0, 1] = 0.98
    target, labels = Target(Linear(weights[0], 0.0), 1), torch.zeros(1, dtype=torch.long)
    gradients, logits = target.gradients(images, labels, margins)
    torch.testing.assert_close(gradients, weights)
    torch.testing.assert_close(margins(logits, labels), torch.tensor([2 * 0.25 - 3 * 0.25 + 0.5 * 0.98]))
    moved = project(images + 0.1 * steepest(gradients, "linf"), images, norm="linf", epsilon=0.1)
    expected = images.clone()
    expected[0, 0, 0], expected[0, 2, 0, 1] = torch.tensor([0.35, 0.15]), 1.0  # cut off at white
    torch.testing.assert_close(moved, expected)
    along = steepest(gradients, "l2")
    torch.testing.assert_close(along, weights / np.sqrt(4 + 9 + 0.25))


def test_margin_is_of_the_best_other_class() -> None:
    logits = torch.tensor([[1.0, 3.0, 2.0], [1.0, 3.0, 2.0]])
    assert margins(logits, torch.tensor([1, 2])).tolist() == [-1, 1]


def test_zero_gradient_has_no_direction() -> None:
    for norm in NORMS:
        assert torch.equal(steepest(torch.zeros(SHAPE), norm), torch.zeros(SHAPE))


def test_gradient_survives_where_cross_entropy_vanishes(linear) -> None:
    target, images, labels = linear
    sure = Target(Linear(target.classifier.weights * 1000, target.classifier.bias * 1000), 4)
    pixels = images.clone().requires_grad_()
    loss = nn.functional.cross_entropy(sure.classifier(pixels), labels, reduction="sum")
    assert torch.autograd.grad(loss, pixels)[0].abs().max() == 0
    assert (sure.gradients(images, labels, margins)[0] != 0).all()


# ---- balls -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("norm", NORMS)
def test_projection_stays_within_ball_and_range_and_keeps_what_lies_inside(norm: str) -> None:
    generator = torch.Generator().manual_seed(1)
    images = torch.rand(SHAPE, generator=generator)
    far = project(images + torch.randn(SHAPE, generator=generator), images, norm=norm, epsilon=0.3)
    assert (sizes(far - images, norm) <= 0.3 * (1 + 1e-5)).all()
    assert far.min() >= 0
    assert far.max() <= 1
    torch.testing.assert_close(project(far, images, norm=norm, epsilon=0.31), far)
    assert torch.equal(project(images + 1, images, norm=norm, epsilon=0.0), images)


def test_projection_on_the_l2_ball_by_hand() -> None:
    images = torch.full((1, 3, 1, 1), 0.5)
    moved = project(images + torch.tensor([0.3, 0.4, 0.0]).view(1, 3, 1, 1), images, norm="l2", epsilon=0.25)
    torch.testing.assert_close(moved.flatten(), torch.tensor([0.65, 0.7, 0.5]))


@pytest.mark.parametrize("norm", NORMS)
def test_random_starts_fill_the_ball_and_noise_is_of_size_one(norm: str) -> None:
    shape = (4000, 3, 1, 1)
    starts = sizes(unit_starts(shape, norm, torch.Generator().manual_seed(0)), norm)
    assert starts.max() <= 1
    # evenly over the volume: a ball of half the size holds an eighth of three dimensions
    assert (starts < 0.5).float().mean() == pytest.approx(1 / 8, abs=0.02)
    noise = unit_noise(shape, norm, torch.Generator().manual_seed(0))
    torch.testing.assert_close(sizes(noise, norm), torch.ones(4000))
    assert noise.mean().abs() < 0.03


# ---- many steps ------------------------------------------------------------------------------------------
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("norm", NORMS)
def test_pgd_reaches_the_closed_form_of_a_linear_classifier(linear, norm: str, loss: Loss) -> None:
    target, images, labels = linear
    exact = exact_sizes(target, images, norm)
    for image, label, size in zip(images.split(1), labels.split(1), exact, strict=True):
        for factor, is_misled in ((0.999, False), (1.001, True)):
            ball = {"norm": norm, "epsilon": factor * float(size), "n_steps": 10}
            found = pgd(target, image, label, image, loss=loss, **ball)
            assert bool(target.predict(found) != label) == is_misled


def test_l2_steps_along_the_sign_would_miss_the_closed_form(linear) -> None:
    """Why captum's PGD is not used."""
    from captum.robust import PGD

    target, images, labels = linear
    epsilon = float(exact_sizes(target, images, "l2").max()) * 1.05
    attack = PGD(target.classifier, margins, lower_bound=0.0, upper_bound=1.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns that it asks for gradients
        theirs = attack.perturb(images.clone(), epsilon, epsilon / 4, 10, labels, norm="L2")
    ours = pgd(target, images, labels, images, loss=margins, norm="l2", epsilon=epsilon, n_steps=10)
    assert (target.predict(ours) != labels).all()
    assert (target.predict(theirs) == labels).any()


def test_pgd_within_linf_is_captums() -> None:
    from captum.robust import PGD

    target = Target(Convolutional(), batch_images=4)
    images = torch.rand((10, 3, 8, 8), generator=torch.Generator().manual_seed(5))
    labels = target.predict(images)
    attack = PGD(target.classifier, margins, lower_bound=0.0, upper_bound=1.0)
    attack.fgsm.zero_thresh = 0.0
    epsilon = 0.0001  # too little to mislead: captum's goes on where ours stops
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = attack.perturb(images.clone(), epsilon, 2.5 * epsilon / 10, 10, labels)
    ours = pgd(target, images, labels, images, loss=margins, norm="linf", epsilon=epsilon, n_steps=10)
    assert torch.equal(target.predict(ours), labels)
    torch.testing.assert_close(ours, theirs, atol=1e-7, rtol=0)


@pytest.mark.parametrize(("norm", "name"), [("linf", "PGD"), ("l2", "PGDL2")])
def test_pgd_finds_what_torchattacks_finds(norm: str, name: str) -> None:
    torchattacks = pytest.importorskip("torchattacks")
    target = Target(Convolutional(), batch_images=64)
    images = torch.rand((40, 3, 8, 8), generator=torch.Generator().manual_seed(5))
    labels = target.predict(images)
    for epsilon in (0.01, 0.03) if norm == "linf" else (0.1, 0.3):
        settings = {"eps": epsilon, "alpha": epsilon / 4, "steps": 10, "random_start": False}
        theirs = getattr(torchattacks, name)(target.classifier, **settings)(images, labels)
        ball = {"norm": norm, "epsilon": epsilon, "n_steps": 10}
        ours = pgd(target, images, labels, images, loss=cross_entropies, **ball)
        misled = [(target.predict(found) != labels).tolist() for found in (theirs, ours)]
        assert misled[0] == misled[1]


def test_shrinking_ends_at_the_boundary(linear) -> None:
    target, images, labels = linear
    exact = exact_sizes(target, images, "l2")
    direction = steepest(target.gradients(images, labels, margins)[0], "l2")
    found = shrink_perturbations(target, images, images + 2 * exact.max() * direction, labels)
    assert (target.predict(found) != labels).all()
    assert (sizes(found - images, "l2") <= exact + 2 * exact.max() / 32 + 1e-6).all()


# ---- several sizes ---------------------------------------------------------------------------------------
def run_sweep(target: Target, images: Tensor, labels: Tensor, norm: str, epsilons: list[float], **changes):
    settings = {"n_steps": 10, "n_restarts": 1, "seed": 0} | changes
    return sweep(target, images, labels, norm=norm, epsilons=epsilons, **settings)


@pytest.mark.parametrize("norm", NORMS)
def test_sweep_finds_the_smallest_perturbations_of_a_linear_classifier(linear, norm: str) -> None:
    target, images, labels = linear
    exact = exact_sizes(target, images, norm).numpy()
    epsilons = [float(exact.max()) * factor for factor in (0.25, 0.5, 1.01, 2, 4)]
    result = run_sweep(target, images, labels, norm, epsilons)
    assert result.is_right.all()
    assert (result.smallest >= exact * (1 - 1e-4)).all()
    assert (result.smallest <= exact * 1.1).all()
    assert median_smallest(result) == pytest.approx(np.median(result.smallest))
    np.testing.assert_array_equal(result.is_wrong["fgsm"], exact <= np.array(epsilons)[:, None])  # linear
    table = accuracy_table(result)
    assert table["accuracy_pgd"].iloc[[0, -1]].tolist() == [1, 0]
    assert table["accuracy_pgd"].is_monotonic_decreasing
    checks = check_attacks(
        target, images, labels, [result], evaluated_right=np.ones(len(images), bool), n_steps=10
    )
    assert checks["passed"].all(), checks


def test_images_wrong_untouched_count_as_wrong_and_are_not_attacked(linear) -> None:
    target, images, labels = linear
    labels = torch.tensor([1, 1, 0, 0, 0, 0])
    result = run_sweep(target, images, labels, "linf", [0.5])
    assert result.is_right.tolist() == [False, False, True, True, True, True]
    assert result.smallest[:2].tolist() == [0, 0]
    assert int(result.search.steps["n_attacked"].sum()) == 4
    assert accuracy_table(result)["accuracy_pgd"].tolist() == [4 / 6, 0]


def test_sweep_where_nothing_is_right(linear) -> None:
    target, images, _ = linear
    result = run_sweep(target, images, torch.ones(len(images), dtype=torch.long), "l2", [0.1, 1.0])
    assert not result.is_right.any()
    assert np.isnan(median_smallest(result))
    assert (accuracy_table(result)["accuracy_pgd"] == 0).all()


def test_same_seed_gives_the_same_and_batches_do_not_matter(linear) -> None:
    _, images, labels = linear
    network = Convolutional()
    labels = Target(network, 6).predict(images)
    first, again, other = (
        run_sweep(Target(network, batch), images, labels, "l2", [0.05, 0.2, 1.0]) for batch in (6, 6, 1)
    )
    np.testing.assert_array_equal(first.smallest, again.smallest)
    np.testing.assert_allclose(first.smallest, other.smallest, rtol=0.05)


# ---- attacks that fail are noticed -----------------------------------------------------------------------
class Quantised(Linear):
    """Gradient masking: what it sees is rounded, so that its gradient is zero almost everywhere."""

    def forward(self, images: Tensor) -> Tensor:
        return super().forward((images * 20).round() / 20)


class Reversed(Linear):
    """The gradient that it tells points the wrong way."""

    def forward(self, images: Tensor) -> Tensor:
        return super().forward(2 * images.detach() - images)


@pytest.mark.parametrize(
    ("kind", "failing"),
    [
        (Quantised, {"PGD raises the loss", "no gradient vanishes", "accuracy falls to 0 without bounds"}),
        (Reversed, {"PGD raises the loss", "accuracy falls to 0 without bounds"}),
    ],
)
def test_masked_gradients_fail_the_checks(linear, kind: type[Linear], failing: set[str]) -> None:
    target, images, labels = linear
    masked = Target(kind(target.classifier.weights, target.classifier.bias), 8)
    result = run_sweep(masked, images, labels, "linf", [0.001, 0.3], n_restarts=1)
    right = (masked.predict(images) == labels).numpy()
    checks = check_attacks(masked, images, labels, [result], evaluated_right=right, n_steps=10)
    assert failing <= set(checks.loc[~checks["passed"], "check"])


def test_other_predictions_than_those_evaluated_fail_the_first_check(linear) -> None:
    target, images, labels = linear
    result = run_sweep(target, images, labels, "linf", [0.1])
    evaluated = np.array([True] * 5 + [False])
    checks = check_attacks(target, images, labels, [result], evaluated_right=evaluated, n_steps=10)
    assert checks.loc[~checks["passed"], "check"].tolist() == ["ε = 0 is the accuracy of evaluate"]

import copy

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from analysis.interpret.attributions.attribution import (
    INTEGRATION_STEPS,
    attribution_maps,
    choose_layer,
    gradcam,
    guided_gradcam,
    integrated_gradients,
    map_side_px,
)
from models.networks.classifier import ImageClassifier
from models.seeding import seeded_torch


@pytest.fixture
def make_random_classifier():
    """A network of random weights whose batch statistics are not the trivial ones."""

    def make(architecture: str, *, input_px: int, keep_resolution: bool) -> ImageClassifier:
        with seeded_torch(0):
            classifier = ImageClassifier(
                architecture=architecture,
                classes=["a", "b", "c"],
                input_px=input_px,
                keep_resolution=keep_resolution,
                mean=[0.4, 0.5, 0.6],
                std=[0.2, 0.3, 0.25],
            )
            classifier.train()
            for module in classifier.modules():
                if getattr(module, "momentum", 1) < 0.1:
                    module.momentum = 0.5  # with hardly any of the batch's, signals die out on the way
            with torch.no_grad():
                classifier(torch.rand(8, 3, input_px, input_px))
        return classifier.eval().requires_grad_(requires_grad=False)

    return make


def random_images(n: int, px: int) -> Tensor:
    return torch.from_numpy(np.random.default_rng(1).random((n, 3, px, px), dtype=np.float32))


# ---- the layer -------------------------------------------------------------------------------------------
@pytest.mark.parametrize("keep_resolution", [True, False])
@pytest.mark.parametrize("input_px", [8, 15, 33])
def test_map_side_is_that_of_the_layers_output(make_random_classifier, input_px, keep_resolution) -> None:
    classifier = make_random_classifier("resnet18", input_px=input_px, keep_resolution=keep_resolution)
    for layer in ("layer1", "layer2", "layer3", "layer4"):
        found = gradcam(classifier, random_images(1, input_px), torch.tensor([0]), layer)
        assert found.shape == (1, *[map_side_px(classifier, layer)] * 2)


@pytest.mark.parametrize(
    ("input_px", "keep_resolution", "chosen"),
    [
        (16, True, "layer3"),
        (32, True, "layer4"),
        (32, False, "layer2"),
        (224, False, "layer4"),
        (8, False, "layer1"),
    ],
)
def test_auto_takes_the_last_layer_of_four_cells(
    make_random_classifier, input_px, keep_resolution, chosen
) -> None:
    classifier = make_random_classifier("resnet18", input_px=input_px, keep_resolution=keep_resolution)
    assert choose_layer(classifier, "auto") == chosen
    assert choose_layer(classifier, "layer1") == "layer1"


# ---- Grad-CAM --------------------------------------------------------------------------------------------
def test_gradcam_by_hand(make_grey_classifier) -> None:
    """The grey classifier's first channel is the maximum of red around every fourth pixel, up to layer1.

    layer2 takes the first of its 2×2 cells, so that only there is a gradient: 2 · sharpness · centre.
    """
    classifier = make_grey_classifier(["none", "half", "full"], [0.0, 0.5, 1.0], sharpness=10.0)
    images = random_images(3, 8)
    every_second = images[:, 0, ::2, ::2]  # the stem's convolution
    parts = [slice(0, 2), slice(1, 4)]  # of the pooling's windows, what lies inside
    cells = torch.stack(
        [torch.stack([every_second[:, r, c].amax((1, 2)) for c in parts], 1) for r in parts], 1
    )
    found = gradcam(classifier, images, torch.tensor([0, 1, 2]), "layer1")
    weights = torch.tensor([0.0, 10.0, 20.0]) / 4  # mean over the cells
    assert torch.allclose(found, weights[:, None, None] * cells, rtol=1e-3)


@pytest.mark.parametrize("architecture", ["resnet18", "resnet50", "efficientnet_lite0"])
@pytest.mark.parametrize("layer", ["layer1", "layer3"])
def test_gradcam_equals_hooks_and_autograd(make_random_classifier, architecture, layer) -> None:
    classifier = make_random_classifier(architecture, input_px=48, keep_resolution=False)
    images, targets = random_images(4, 48), torch.tensor([0, 1, 2, 1])
    expected = gradcam_by_hooks(classifier, images, targets, layer)
    found = gradcam(classifier, images, targets, layer)
    assert torch.allclose(found, expected, rtol=1e-4, atol=1e-6 * float(expected.max()))
    assert expected.max() > 0


def gradcam_by_hooks(classifier: ImageClassifier, images: Tensor, targets: Tensor, layer: str) -> Tensor:
    kept = {}
    module = getattr(classifier.backbone, layer)
    handle = module.register_forward_hook(lambda *found: kept.update(output=found[2].requires_grad_()))
    scores = classifier(images).gather(1, targets[:, None]).sum()
    handle.remove()
    (gradient,) = torch.autograd.grad(scores, kept["output"])
    return (gradient.mean(dim=(2, 3), keepdim=True) * kept["output"]).sum(dim=1).clamp(min=0).detach()


def test_map_without_target_is_that_of_the_predicted_class(make_random_classifier) -> None:
    classifier = make_random_classifier("resnet18", input_px=16, keep_resolution=False)
    pixels = (random_images(5, 16) * 255).to(torch.uint8)
    predicted = classifier(pixels.float() / 255).argmax(dim=1).numpy()
    for method in ("gradcam", "guided_gradcam", "integrated_gradients"):
        options = {"method": method, "layer": "layer1", "batch_images": 2}
        own = attribution_maps(classifier, pixels, None, **options)
        assert own == pytest.approx(attribution_maps(classifier, pixels, predicted, **options), abs=1e-5)
        assert own.shape == (5, 16, 16)
        assert own.min() >= 0


def test_maps_do_not_depend_on_the_batch(make_random_classifier) -> None:
    classifier = make_random_classifier("resnet18", input_px=16, keep_resolution=True)
    pixels = (random_images(5, 16) * 255).to(torch.uint8)
    targets = np.array([0, 1, 2, 0, 1])
    one, many = (
        attribution_maps(classifier, pixels, targets, method="gradcam", layer="layer3", batch_images=n)
        for n in (1, 64)
    )
    assert one == pytest.approx(many, rel=1e-3, abs=1e-6)


# ---- guided Grad-CAM -------------------------------------------------------------------------------------
class GuidedRelu(torch.autograd.Function):
    """Lets a gradient pass where both it and the input are positive."""

    @staticmethod
    def forward(ctx, values: Tensor, highest: float) -> Tensor:
        ctx.save_for_backward(values)
        ctx.highest = highest
        return values.clamp(min=0, max=highest)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, None]:
        (values,) = ctx.saved_tensors
        return gradient.clamp(min=0) * ((values > 0) & (values < ctx.highest)), None


class GuidedReluModule(nn.Module):
    def __init__(self, highest: float) -> None:
        super().__init__()
        self.highest = highest

    def forward(self, values: Tensor) -> Tensor:
        return GuidedRelu.apply(values, self.highest)


@pytest.mark.parametrize("architecture", ["resnet18", "resnet50", "efficientnet_lite0"])
def test_guided_gradcam_equals_custom_gradients(make_random_classifier, architecture) -> None:
    classifier = make_random_classifier(architecture, input_px=48, keep_resolution=False)
    images, targets = random_images(3, 48), torch.tensor([2, 0, 1])
    found = guided_gradcam(classifier, images, targets, "layer3")
    coarse = gradcam_by_hooks(classifier, images, targets, "layer3")
    guided = copy.deepcopy(classifier)
    highest = 6 if architecture == "efficientnet_lite0" else torch.inf
    for module in list(guided.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, nn.ReLU):
                setattr(module, name, GuidedReluModule(highest))
    inputs = images.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(guided(inputs).gather(1, targets[:, None]).sum(), inputs)
    fine = functional.interpolate(coarse[:, None], (48, 48), mode="bilinear", align_corners=False)
    assert torch.allclose(found, gradient * fine, rtol=1e-3, atol=1e-5 * float((gradient * fine).abs().max()))
    assert found.abs().max() > 0


def test_attribution_leaves_the_classifier_as_it_was(make_random_classifier) -> None:
    classifier = make_random_classifier("resnet18", input_px=16, keep_resolution=True)
    images, targets = random_images(2, 16), torch.tensor([0, 1])
    before = classifier(images)
    guided_gradcam(classifier, images, targets, "layer3")
    assert torch.equal(classifier(images), before)
    assert all(relu.inplace for relu in classifier.modules() if isinstance(relu, nn.ReLU))
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in classifier.modules())


# ---- integrated gradients --------------------------------------------------------------------------------
def test_integrated_gradients_are_complete(make_random_classifier, monkeypatch) -> None:
    classifier = make_random_classifier("resnet18", input_px=16, keep_resolution=False)
    images, targets = random_images(3, 16), torch.tensor([0, 1, 2])
    baseline = classifier.mean.expand(3, 3, 16, 16)
    rise = (classifier(images) - classifier(baseline)).gather(1, targets[:, None])[:, 0]
    for n_steps, tolerance in ((INTEGRATION_STEPS, 0.1), (256, 0.01)):
        monkeypatch.setattr("analysis.interpret.attributions.attribution.INTEGRATION_STEPS", n_steps)
        found = integrated_gradients(classifier, images, targets).sum(dim=(1, 2, 3))
        assert torch.allclose(found, rise, atol=tolerance * float(rise.abs().max()))


def test_integrated_gradients_of_a_linear_score_by_hand(make_grey_classifier) -> None:
    """Red at the stem's pixels less the baseline's, times the gradient: all else is never looked at."""
    classifier = make_grey_classifier(["none", "full"], [0.0, 1.0], sharpness=10.0)
    images = torch.zeros(1, 3, 8, 8)
    images[0, 0, 0, 0] = 0.7  # the greatest of its window, of which the score is 20 times the value
    found = integrated_gradients(classifier, images, torch.tensor([1]))
    assert found[0, 0, 0, 0] == pytest.approx(14.0, rel=1e-3)
    assert found.abs().sum() == pytest.approx(14.0, rel=1e-3)

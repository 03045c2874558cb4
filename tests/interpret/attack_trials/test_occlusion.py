import pytest
import torch
from torch import Tensor, nn

from analysis.interpret.attack_trials.attacks import Target
from analysis.interpret.attack_trials.occlusion import occlusion_maps

MEAN = torch.tensor([0.2, 0.4, 0.6]).view(1, 3, 1, 1)


class Corner(nn.Module):
    """Looks at the red of the 2 × 2 pixels at the top left, and at nothing else."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", MEAN)

    def forward(self, images: Tensor) -> Tensor:
        score = images[:, 0, :2, :2].mean(dim=(1, 2)) - 0.5
        return torch.stack([-score, score], dim=1)


def by_hand(classifier: nn.Module, image: Tensor, patch_px: int, stride: int) -> Tensor:
    """Mean drop over the squares that cover a pixel, one square at a time."""
    side = image.shape[-1]
    predicted = classifier(image[None]).argmax()
    clean = classifier(image[None]).softmax(dim=1)[0, predicted]
    total, count = torch.zeros(side, side), torch.zeros(side, side)
    last = -(-(side - patch_px) // stride)
    for row in range(last + 1):
        for column in range(last + 1):
            area = (
                slice(row * stride, row * stride + patch_px),
                slice(column * stride, column * stride + patch_px),
            )
            covered = image.clone()
            covered[:, area[0], area[1]] = MEAN[0].expand(3, *covered[0][area].shape)
            total[area] += clean - classifier(covered[None]).softmax(dim=1)[0, predicted]
            count[area] += 1
    return total / count


@pytest.mark.parametrize(("patch_px", "batch_images"), [(2, 1), (2, 64), (4, 5), (3, 64), (1, 7)])
def test_maps_are_those_of_squares_covered_one_by_one(patch_px: int, batch_images: int) -> None:
    images = torch.rand((3, 3, 8, 8), generator=torch.Generator().manual_seed(0))
    maps, probabilities = occlusion_maps(Target(Corner(), batch_images), images, patch_px=patch_px)
    expected = torch.stack([by_hand(Corner(), image, patch_px, max(1, patch_px // 2)) for image in images])
    torch.testing.assert_close(maps, expected)
    torch.testing.assert_close(probabilities, Corner()(images).softmax(dim=1).amax(dim=1))


def test_only_the_part_that_counts_lights_up() -> None:
    images = torch.ones((1, 3, 8, 8))
    maps, probabilities = occlusion_maps(Target(Corner(), 16), images, patch_px=2)
    after = torch.tensor([-(0.2 - 0.5), 0.2 - 0.5]).softmax(dim=0)[1]
    assert maps[0, 0, 0] == pytest.approx(float(probabilities[0] - after))
    assert maps[0, 3:, :].abs().max() < 1e-6
    assert maps[0, :, 3:].abs().max() < 1e-6

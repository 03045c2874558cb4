import numpy as np
import pytest
import torch
from torch import Tensor, nn

from analysis.interpret.attributions.faithfulness import (
    area_under,
    blurred_baseline,
    pixel_ranks,
    random_maps,
    removal_curves,
)

PX = 16


class CornerClassifier(nn.Module):
    """Class 0 is as likely as the upper left quarter is red; nothing else matters."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(8.0), requires_grad=False)

    def forward(self, images: Tensor) -> Tensor:
        red = images[:, 0, : PX // 2, : PX // 2].mean(dim=(1, 2))
        return torch.stack([self.scale * (red - 0.5), torch.zeros_like(red)], dim=1)


@pytest.fixture
def corner_images() -> Tensor:
    pixels = torch.zeros((3, 3, PX, PX), dtype=torch.uint8)
    pixels[:, 0, : PX // 2, : PX // 2] = 255
    return pixels


def curves_of(pixels: Tensor, maps: np.ndarray, *, batch_images: int = 2) -> dict[str, np.ndarray]:
    ranks = pixel_ranks(maps, rng=np.random.default_rng(0))
    targets = np.zeros(len(pixels), dtype=np.int64)
    return removal_curves(CornerClassifier(), pixels, targets, ranks, n_steps=4, batch_images=batch_images)


def test_ranks_go_from_the_highest_and_break_ties_at_random() -> None:
    maps = np.array([[[0.0, 3], [1, 2]], [[5, 5], [5, 5]]])
    ranks = pixel_ranks(maps, rng=np.random.default_rng(0))
    assert ranks[0].tolist() == [[3, 0], [2, 1]]
    assert sorted(ranks[1].ravel()) == [0, 1, 2, 3]
    firsts = {int(pixel_ranks(maps, rng=np.random.default_rng(seed))[1].argmin()) for seed in range(30)}
    assert firsts == {0, 1, 2, 3}


def test_area_by_hand() -> None:
    assert area_under(np.array([[1.0, 1, 1], [1, 0.5, 0], [1, 0, 0]])) == pytest.approx([1, 0.5, 0.25])


def test_curves_start_and_end_with_the_picture_and_its_blur(corner_images) -> None:
    curves = curves_of(corner_images, np.random.default_rng(0).random((3, PX, PX)))
    sharp, blur = (
        CornerClassifier()(images).softmax(dim=1)[:, 0].numpy()
        for images in (corner_images / 255, blurred_baseline(corner_images / 255))
    )
    assert curves["deletion"][:, [0, -1]] == pytest.approx(np.stack([sharp, blur], axis=1))
    assert curves["insertion"][:, [-1, 0]] == pytest.approx(np.stack([sharp, blur], axis=1))
    assert (blur < sharp).all()


def test_true_map_beats_chance_and_its_opposite_loses(corner_images) -> None:
    rng = np.random.default_rng(0)
    true = np.zeros((3, PX, PX))
    true[:, : PX // 2, : PX // 2] = 1
    by_chance = random_maps(3, cells=4, side_px=PX, rng=rng)
    areas = {
        name: {
            measure: area_under(values).mean() for measure, values in curves_of(corner_images, maps).items()
        }
        for name, maps in (("true", true), ("chance", by_chance), ("opposite", 1 - true))
    }
    assert areas["true"]["deletion"] < areas["chance"]["deletion"] < areas["opposite"]["deletion"]
    assert areas["true"]["insertion"] > areas["chance"]["insertion"] > areas["opposite"]["insertion"]


def test_curves_do_not_depend_on_the_batch(corner_images) -> None:
    maps = np.random.default_rng(0).random((3, PX, PX))
    one, many = (curves_of(corner_images, maps, batch_images=n) for n in (1, 64))
    assert one["deletion"] == pytest.approx(many["deletion"])


def test_blur_keeps_plain_pictures_and_the_mean() -> None:
    plain = torch.full((1, 3, 9, 9), 0.3)
    assert torch.allclose(blurred_baseline(plain), plain, atol=1e-6)
    assert blurred_baseline(torch.rand(1, 3, 8, 8)).shape == (1, 3, 8, 8)


def test_random_maps_are_as_coarse_as_asked() -> None:
    maps = random_maps(2, cells=2, side_px=8, rng=np.random.default_rng(0))
    assert maps.shape == (2, 8, 8)
    assert np.ptp(maps[:, :2, :2], axis=(1, 2)) == pytest.approx(0)  # within half a cell of the corner

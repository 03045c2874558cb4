import numpy as np
import pytest
import torch

from models.augmentation import random_horizontal_flip, random_shift


def noise(n: int = 64, px: int = 8) -> torch.Tensor:
    return torch.randint(
        0, 256, (n, 3, px, px), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )


class FixedOffsets:
    """Stands for the generator: shift down, then right, counted from the padded corner."""

    def __init__(self, down: list[int], right: list[int]) -> None:
        self.offsets = np.array([down, right])

    def integers(self, low: int, high: int, size: tuple[int, int]) -> np.ndarray:
        assert (low, size) == (0, self.offsets.shape)
        assert (self.offsets < high).all()
        return self.offsets


def test_shift_moves_each_image_by_its_own_offset_and_repeats_the_border() -> None:
    image = torch.arange(9, dtype=torch.uint8).view(1, 1, 3, 3).repeat(3, 3, 1, 1)
    shifted = random_shift(image, FixedOffsets([1, 0, 2], [1, 1, 2]), max_px=1)
    assert shifted[0, 0].tolist() == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]
    assert shifted[1, 0].tolist() == [[0, 1, 2], [0, 1, 2], [3, 4, 5]]  # down by one
    assert shifted[2, 0].tolist() == [[4, 5, 5], [7, 8, 8], [7, 8, 8]]  # up and left by one
    assert torch.equal(shifted[:, 0], shifted[:, 2])


def test_shift_covers_its_range_evenly_and_no_more() -> None:
    image = torch.zeros(4000, 3, 9, 9, dtype=torch.uint8)
    image[:, :, 4, 4] = 255
    place = random_shift(image, np.random.default_rng(0), max_px=2)[:, 0].flatten(1).argmax(dim=1)
    rows = torch.bincount(place // 9, minlength=9)
    assert rows[[0, 1, 7, 8]].sum() == 0
    assert (rows[2:7] > 700).all()


def test_shift_keeps_shape_and_type_and_leaves_plain_images_alone() -> None:
    plain = torch.full((5, 3, 8, 8), 200, dtype=torch.uint8)
    shifted = random_shift(plain, np.random.default_rng(0), max_px=3)
    assert shifted.dtype == torch.uint8
    assert torch.equal(shifted, plain)
    assert torch.equal(random_shift(noise(), np.random.default_rng(0), max_px=0), noise())


def test_flip_mirrors_about_half_of_the_images() -> None:
    flipped = random_horizontal_flip(noise(), np.random.default_rng(0))
    is_same = (flipped == noise()).flatten(1).all(dim=1)
    is_mirrored = (flipped == torch.from_numpy(noise().numpy()[..., ::-1].copy())).flatten(1).all(dim=1)
    assert (is_same ^ is_mirrored).all()
    assert 20 < is_mirrored.sum() < 44


@pytest.mark.parametrize("augment", [random_horizontal_flip, lambda x, rng: random_shift(x, rng, max_px=2)])
def test_same_seed_changes_images_alike_and_another_does_not(augment) -> None:
    first, same, other = (augment(noise(), np.random.default_rng(seed)) for seed in (3, 3, 4))
    assert torch.equal(first, same)
    assert not torch.equal(first, other)

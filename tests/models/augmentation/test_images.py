import pickle
from collections.abc import Sequence

import numpy as np
import pytest
import torch

from models.augmentation.images import Augmentation, new_augmentation, random_flip, random_shift
from models.augmentation.parameters import AugmentationParameters

OFF = {
    "horizontal_flip": False,
    "vertical_flip": False,
    "shift_fraction": 0.0,
    "min_crop_area": 1.0,
    "colour_jitter": 0.0,
    "rand_augment_operations": 0,
    "rand_augment_magnitude": 9,
    "erasing_probability": 0.0,
    "mixup_alpha": 0.0,
    "cutmix_alpha": 0.0,
}
CHANGES = {
    "shift": {"shift_fraction": 0.25},
    "crop": {"min_crop_area": 0.3},
    "colour": {"colour_jitter": 0.4},
    "rand_augment": {"rand_augment_operations": 2},
    "erasing": {"erasing_probability": 0.5},
    "mixup": {"mixup_alpha": 0.5},
    "cutmix": {"cutmix_alpha": 1.0},
}
EVERYTHING = {key: value for change in CHANGES.values() for key, value in change.items()}
ALL = torch.ones(64, dtype=torch.bool)


def noise(n: int = 64, px: int = 8) -> torch.Tensor:
    return torch.randint(
        0, 256, (n, 3, px, px), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )


def labels_of(n: int = 64) -> torch.Tensor:
    return torch.arange(n) % 4


def augmentation(*, flips: dict[str, Sequence[bool]] | None = None, px: int = 8, **changes) -> Augmentation:
    masks = {name: np.array(mask) for name, mask in (flips or {}).items()}
    return new_augmentation(AugmentationParameters(**OFF | changes), masks, n_classes=4, input_px=px)


class FixedOffsets:
    """Stands for the generator: shift down, then right, counted from the padded corner."""

    def __init__(self, down: list[int], right: list[int]) -> None:
        self.offsets = np.array([down, right])

    def integers(self, low: int, high: int, size: tuple[int, int]) -> np.ndarray:
        assert (low, size) == (0, self.offsets.shape)
        assert (self.offsets < high).all()
        return self.offsets


# ---- shift -----------------------------------------------------------------------------------------------
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


def test_shift_is_a_share_of_the_side() -> None:
    assert augmentation(shift_fraction=0.125, px=32).max_shift_px == 4


# ---- flips -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("axis", [-1, -2])
def test_flip_mirrors_about_half_of_the_images(axis: int) -> None:
    flipped = random_flip(noise(), np.random.default_rng(0), axis=axis, may_flip=ALL)
    is_same = (flipped == noise()).flatten(1).all(dim=1)
    mirrored = torch.from_numpy(np.flip(noise().numpy(), axis).copy())
    is_mirrored = (flipped == mirrored).flatten(1).all(dim=1)
    assert (is_same ^ is_mirrored).all()
    assert 20 < is_mirrored.sum() < 44


def test_only_classes_that_may_be_are_mirrored_each_along_its_own_axis() -> None:
    masks = {"horizontal_flip": [True, False, False, True], "vertical_flip": [False, True, False, True]}
    changed, targets = augmentation(flips=masks)(noise(), labels_of(), np.random.default_rng(0))
    assert torch.equal(targets, labels_of())
    for label, axes in enumerate([{(), (-1,)}, {(), (-2,)}, {()}, {(), (-1,), (-2,), (-1, -2)}]):
        of_class = labels_of() == label
        before, after = noise()[of_class], changed[of_class]
        found = {
            axes
            for axes in [(), (-1,), (-2,), (-1, -2)]
            for a, b in zip(before, after, strict=True)
            if torch.equal(a.flip(axes), b)
        }
        assert found == axes


def test_nothing_turned_on_changes_nothing() -> None:
    images, targets = augmentation(flips={"horizontal_flip": [False] * 4})(
        noise(), labels_of(), np.random.default_rng(0)
    )
    assert torch.equal(images, noise())
    assert torch.equal(targets, labels_of())


# ---- torchvision's ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("n", [1, 3, 16, 65])
@pytest.mark.parametrize("change", [*CHANGES.values(), EVERYTHING], ids=[*CHANGES, "everything"])
def test_batch_keeps_shape_and_type(change: dict[str, float], n: int) -> None:
    images, targets = augmentation(**change)(noise(n), labels_of(n), np.random.default_rng(0))
    assert (images.shape, images.dtype) == (noise(n).shape, torch.uint8)
    assert len(targets) == n


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_images_of_a_batch_are_changed_differently(change: dict[str, float]) -> None:
    """One picture 64 times, but mixed with others: as many draws as groups, not one for the batch."""
    images = noise(1).repeat(64, 1, 1, 1)
    images[1::2] = 255 - images[1::2]
    changed, _ = augmentation(**change)(images, labels_of(), np.random.default_rng(0))
    assert len(changed.flatten(1).unique(dim=0)) >= 12


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_draws_depend_on_the_generator_alone(change: dict[str, float]) -> None:
    def changed(seed: int, torch_seed: int) -> torch.Tensor:
        torch.manual_seed(torch_seed)
        return augmentation(**change)(noise(), labels_of(), np.random.default_rng(seed))[0]

    assert torch.equal(changed(3, 0), changed(3, 1))
    assert not torch.equal(changed(3, 0), changed(4, 0))


def test_draws_of_others_are_left_as_they_are() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    augmentation(**EVERYTHING)(noise(), labels_of(), np.random.default_rng(0))
    assert torch.equal(torch.rand(3), expected)


def test_same_draws_after_a_trip_to_another_process() -> None:
    here = augmentation(**EVERYTHING)
    there = pickle.loads(pickle.dumps(here))
    both = [each(noise(), labels_of(), np.random.default_rng(0)) for each in (here, there)]
    assert torch.equal(both[0][0], both[1][0])
    assert torch.equal(both[0][1], both[1][1])


# ---- mixing ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "mix", [{"mixup_alpha": 0.8}, {"cutmix_alpha": 1.0}, {"mixup_alpha": 1.0, "cutmix_alpha": 1.0}]
)
def test_mixed_pixels_and_targets_have_the_same_shares(mix: dict[str, float]) -> None:
    """Images of plain colour 50 × class: a mixed image's mean is that of its target."""
    labels = labels_of()
    plain = (50 * labels).to(torch.uint8)[:, None, None, None].expand(-1, 3, 16, 16).contiguous()
    images, targets = augmentation(**mix, px=16)(plain, labels, np.random.default_rng(0))
    assert targets.shape == (64, 4)
    assert targets.sum(dim=1).numpy() == pytest.approx(1)
    assert ((targets > 0).sum(dim=1) <= 2).all()
    expected = (targets * torch.arange(4) * 50).sum(dim=1)
    assert images.float().mean(dim=(1, 2, 3)).numpy() == pytest.approx(expected.numpy(), abs=0.51)
    assert targets.max(dim=1).values.min() < 0.9  # some are mixed indeed


def test_mixup_blends_and_cutmix_puts_a_rectangle() -> None:
    labels = labels_of()
    plain = (50 * labels).to(torch.uint8)[:, None, None, None].expand(-1, 3, 16, 16).contiguous()
    blended, _ = augmentation(mixup_alpha=0.8, px=16)(plain, labels, np.random.default_rng(0))
    cut, _ = augmentation(cutmix_alpha=1.0, px=16)(plain, labels, np.random.default_rng(0))
    assert all(len(image.unique()) == 1 for image in blended)
    assert set(cut.unique().tolist()) <= {0, 50, 100, 150}
    assert max(len(image.unique()) for image in cut) == 2


def test_crop_keeps_at_least_the_share_asked_for() -> None:
    ramp = torch.arange(64, dtype=torch.uint8).mul(4).expand(3, 64, 64).repeat(64, 1, 1, 1)
    crops, _ = augmentation(min_crop_area=0.5, px=64)(ramp, labels_of(), np.random.default_rng(0))
    widths = crops[:, 0, 32].float().amax(dim=1) - crops[:, 0, 32].float().amin(dim=1)
    assert widths.min() > 252 * 0.5 * 0.75**0.5  # torchvision's crops are up to 4:3
    assert widths.unique().numel() > 8

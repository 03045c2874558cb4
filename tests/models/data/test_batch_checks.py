import numpy as np
import pytest
import torch

from analysis.dataset.readable import readable_images
from models.data.batch_checks import CONTRACT_COLUMNS, check_batch, check_contract
from models.data.batches import Batch, Batches
from models.data.store import ImageStore

PX = 8


def batch_of(**changes: torch.Tensor) -> Batch:
    labels = torch.tensor([0, 1, 2, 1])
    sound = {
        "images": torch.full((4, 3, PX, PX), 7, dtype=torch.uint8),
        "labels": labels,
        "targets": labels,
        "rows": torch.arange(4),
    }
    return Batch(**sound | changes)


def failed(batch: Batch) -> list[str]:
    return [row["check"] for row in check_batch(batch, n_classes=3, input_px=PX) if not row["is_met"]]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, []),
        ({"targets": torch.full((4, 3), 1 / 3)}, []),
        ({"images": torch.zeros(4, PX, PX, 3, dtype=torch.uint8)}, ["shape of images"]),
        ({"images": torch.zeros(3, 3, PX, PX, dtype=torch.uint8)}, ["shape of images"]),
        ({"images": torch.full((4, 3, PX, PX), 300.0)}, ["type of images", "pixels"]),
        ({"images": torch.full((4, 3, PX, PX), torch.nan)}, ["type of images", "pixels"]),
        ({"labels": torch.tensor([0, 1, 3, 1])}, ["labels", "targets"]),
        ({"labels": torch.tensor([0, 1, -1, 1])}, ["labels", "targets"]),
        ({"labels": torch.tensor([0, 1, 2, 1]).int()}, ["type of labels"]),
        ({"targets": torch.tensor([0, 1, 2, 2])}, ["targets"]),
        ({"targets": torch.full((4, 3), 0.5)}, ["targets"]),
        ({"targets": torch.full((4, 2), 0.5)}, ["targets"]),
        ({"targets": torch.tensor([[2.0, -1.0, 0.0]] * 4)}, ["targets"]),
        ({"targets": torch.full((4, 3), torch.nan)}, ["targets"]),
    ],
)
def test_each_breach_fails_its_own_check(changes: dict[str, torch.Tensor], expected: list[str]) -> None:
    assert failed(batch_of(**changes)) == expected


@pytest.fixture
def batches(make_dataset) -> Batches:
    images = readable_images(*make_dataset([("a", "train", 1), ("b", "train", 2), ("b", "train", 255)]))
    store = ImageStore(images, input_px=PX, home=torch.device("cpu"), description="")
    return Batches(store, batch_images=2, seed=0)


def test_table_says_what_was_expected_and_found(batches: Batches) -> None:
    table = check_contract(batches, batches, n_classes=2, input_px=PX, n_leaked=0)
    assert list(table) == CONTRACT_COLUMNS
    assert table["is_met"].all()
    assert table["batches"].value_counts().to_dict() == {"training": 8, "validation": 6}
    found = table.set_index("check").loc["shape of images", ["expected", "found"]].drop_duplicates()
    assert found.to_numpy().tolist() == [["(2, 3, 8, 8)", "(2, 3, 8, 8)"]]
    assert batches.epoch == 0


def test_faults_of_the_dataset_are_listed_and_do_not_stop_training(batches: Batches) -> None:
    table = check_contract(batches, None, n_classes=5, input_px=PX, n_leaked=1200)
    unmet = table[~table["is_met"]].set_index("check")["found"].to_dict()
    assert unmet == {"classes with images": "2", "copies of validation or test images": "1,200, left out"}


def test_faults_of_the_program_are_raised_with_what_was_found(batches: Batches) -> None:
    def spoil(images: torch.Tensor, labels: torch.Tensor, rng: np.random.Generator) -> tuple:
        return images / 255, labels

    batches.augment = spoil
    with pytest.raises(ValueError, match="training: type of images should be uint8, found float32"):
        check_contract(batches, None, n_classes=2, input_px=PX, n_leaked=0)

from pathlib import Path
from typing import Any
from urllib.error import URLError

import numpy as np
import pytest
import torchvision.datasets
from PIL import Image

from analysis.contract import InputError
from analysis.obtain.prepare import torchvision_source as module
from analysis.obtain.prepare.torchvision_source import write_torchvision


class FakeDataset:
    """Four images of two classes a part; the pixel value tells them apart."""

    classes = ("T-shirt/top", "Coat")

    def __init__(self, root: Path, *, download: bool = False, first: int = 0) -> None:
        assert download
        assert root.is_dir()
        self.first = first

    def __getitem__(self, index: int) -> tuple[Image.Image, Any]:
        if index == 4:
            raise IndexError
        return Image.new("L", (5, 7), self.first + index), np.int64(index % 2)


class TrainFlag(FakeDataset):
    def __init__(self, root: Path, train: bool = True, download: bool = False) -> None:
        super().__init__(root, download=download, first=0 if train else 10)


class SplitNames(FakeDataset):
    names = ("train", "valid", "test")

    def __init__(self, root: Path, split: str = "train", download: bool = False) -> None:
        if split not in self.names:
            raise ValueError(f"Unknown value '{split}' for argument split. Valid values are {self.names}.")
        super().__init__(root, download=download, first=10 * self.names.index(split))


class TrainAndTest(SplitNames):
    names = ("trainval", "test")


class Everything(SplitNames):
    names = ("train", "val", "trainval", "test")


class NoSplits(FakeDataset):
    def __init__(self, root: Path, download: bool = False) -> None:
        super().__init__(root, download=download)


class Synonyms(NoSplits):
    classes = (("tench", "Tinca tinca"), ("springer", "English springer"))


class Unnamed(NoSplits):
    classes = property()  # an attribute that is not there


class Boxes(NoSplits):
    def __getitem__(self, index: int) -> tuple[Image.Image, Any]:
        return super().__getitem__(index)[0], {"boxes": []}


class Offline(NoSplits):
    def __init__(self, root: Path, download: bool = False) -> None:
        raise URLError("Name or service\nnot known")


class Broken(NoSplits):
    def __init__(self, root: Path, download: bool = False) -> None:
        raise ValueError("a fault of its own")


@pytest.fixture(autouse=True)
def fakes(monkeypatch: pytest.MonkeyPatch) -> None:
    fakes = [
        TrainFlag,
        SplitNames,
        TrainAndTest,
        Everything,
        NoSplits,
        Synonyms,
        Unnamed,
        Boxes,
        Offline,
        Broken,
    ]
    for fake in fakes:
        monkeypatch.setattr(torchvision.datasets, fake.__name__, fake, raising=False)
    names = tuple(fake.__name__ for fake in fakes)
    monkeypatch.setattr(torchvision.datasets, "__all__", (*torchvision.datasets.__all__, *names))


def write(name: str, folder: Path) -> list[tuple[str, str, str | None, int]]:
    """Path in the folder, label, split and pixel value of each image."""
    rows = write_torchvision(name, folder / "images", downloads=folder / "downloads").rows
    assert (rows["status"] == "ok").all()
    return [
        (
            str(Path(path).relative_to(folder / "images")),
            label,
            split,
            int(np.unique(np.asarray(Image.open(path))).item()),
        )
        for path, label, split, *_ in rows.itertuples(index=False)
    ]


def test_write_torchvision_writes_each_image_once_with_its_label_and_split(tmp_path: Path) -> None:
    assert write("TrainFlag", tmp_path) == [
        ("test/Coat/00001.png", "Coat", "test", 11),
        ("test/Coat/00003.png", "Coat", "test", 13),
        ("test/T-shirt_top/00000.png", "T-shirt/top", "test", 10),
        ("test/T-shirt_top/00002.png", "T-shirt/top", "test", 12),
        ("train/Coat/00001.png", "Coat", "train", 1),
        ("train/Coat/00003.png", "Coat", "train", 3),
        ("train/T-shirt_top/00000.png", "T-shirt/top", "train", 0),
        ("train/T-shirt_top/00002.png", "T-shirt/top", "train", 2),
    ]


@pytest.mark.parametrize(
    ("name", "first_values"),
    [
        ("SplitNames", {"train": 0, "validation": 10, "test": 20}),
        ("TrainAndTest", {"train": 0, "test": 10}),
        ("Everything", {"train": 0, "validation": 10, "test": 30}),  # trainval would repeat both
        ("NoSplits", {None: 0}),
    ],
)
def test_write_torchvision_takes_the_splits_that_there_are(
    tmp_path: Path, name: str, first_values: dict[str | None, int]
) -> None:
    rows = write(name, tmp_path)
    assert {split: min(row[3] for row in rows if row[2] == split) for _, _, split, _ in rows} == first_values
    assert len(rows) == 4 * len(first_values)


def test_write_torchvision_labels_with_the_first_synonym_or_the_number(tmp_path: Path) -> None:
    assert {row[1] for row in write("Synonyms", tmp_path / "a")} == {"tench", "springer"}
    assert {row[1] for row in write("Unnamed", tmp_path / "b")} == {"0", "1"}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("CIFAR01", r"no dataset 'CIFAR01' .*did you mean 'CIFAR10'\?"),
        ("ImageFolder", "no dataset 'ImageFolder' that downloads by itself"),
        ("xyz", r"no dataset 'xyz' .*\(there are: .*CIFAR10, CIFAR100, "),
        ("Boxes", "Boxes does not give an image one class, but dict"),
        (
            "Offline",
            "Offline could not be downloaded .*Name or service not known.* network, or put .*downloads",
        ),
    ],
)
def test_write_torchvision_says_what_to_mend(tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        write(name, tmp_path)


def test_write_torchvision_hides_no_fault_of_torchvision(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="a fault of its own"):
        write("Broken", tmp_path)


def test_usual_datasets_are_offered() -> None:
    for name in ("CIFAR10", "CIFAR100", "MNIST", "FashionMNIST", "SVHN", "STL10", "Flowers102", "EuroSAT"):
        assert module._downloads_by_itself(getattr(torchvision.datasets, name))

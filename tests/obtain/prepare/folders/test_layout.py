"""Datasets as people keep them: what the folders are taken for."""

from __future__ import annotations

from pathlib import Path

import pytest

from analysis.contract import InputError
from analysis.dataset.splits import split_named, split_within
from analysis.obtain.prepare.folders.layout import understand

ROOT = Path("data")


def images(*folders: str, n: int = 3) -> list[tuple[str, ...]]:
    return [tuple(folder.split("/")) if folder else () for folder in folders for _ in range(n)]


def read(folders: list[tuple[str, ...]], label_level: int | str = "auto") -> dict[str, tuple]:
    layout = understand(folders, root=ROOT, label_level=label_level)
    return {"/".join(names): layout.read(names) for names in folders}


@pytest.mark.parametrize(
    ("name", "split"),
    [
        *(("Training", "train"), ("TRAIN", "train"), ("trn", "train"), ("train_set", "train")),
        *(("images_train", "train"), ("TrainData", "train"), ("train2017", "train"), ("01-train", "train")),
        *(
            ("dev", "validation"),
            ("eval", "validation"),
            ("valid", "validation"),
            ("val_split", "validation"),
        ),
        *(("Testing", "test"), ("tst", "test"), ("hold-out", "test"), ("holdout", "test")),
        *(("trains", None), ("test tube", None), ("retrain", None), ("train_test", None), ("dog", None)),
        *(("TEST_SIMPLE", None), ("", None), ("protest", None)),
    ],
)
def test_names_of_splits_are_known_in_any_spelling(name: str, split: str | None) -> None:
    assert split_named(name) == split


def test_split_within_a_name_of_more_words() -> None:
    assert split_within("TEST_SIMPLE") == "test"
    assert split_within("train and test") is None


LAYOUTS = {
    "classes": (images("cat", "dog"), {"cat": ("cat", None), "dog": ("dog", None)}),
    "classes with anything below": (
        images("cat/s1", "cat/s2", "dog/x"),
        {"cat/s1": ("cat", None), "cat/s2": ("cat", None), "dog/x": ("dog", None)},
    ),
    "splits in other words": (
        images("Training/yes", "Training/no", "Testing/yes", "Testing/no"),
        {
            "Training/yes": ("yes", "train"),
            "Training/no": ("no", "train"),
            "Testing/yes": ("yes", "test"),
            "Testing/no": ("no", "test"),
        },
    ),
    "more of a split": (
        images("TRAIN/a", "TRAIN/b", "TEST/a", "TEST/b", "TEST_SIMPLE/a"),
        {
            "TRAIN/a": ("a", "train"),
            "TRAIN/b": ("b", "train"),
            "TEST/a": ("a", "test"),
            "TEST/b": ("b", "test"),
            "TEST_SIMPLE/a": ("a", "test"),
        },
    ),
    "the same classes in no split": (
        images("train/a", "train/b", "test/a", "test/b", "extra/a"),
        {
            "train/a": ("a", "train"),
            "train/b": ("b", "train"),
            "test/a": ("a", "test"),
            "test/b": ("b", "test"),
            "extra/a": ("a", None),
        },
    ),
    "something else beside splits": (
        images("train/a", "train/b", "figures"),
        {"train/a": ("a", "train"), "train/b": ("b", "train"), "figures": (None, None)},
    ),
    "splits within classes": (
        images("cat/train", "cat/test", "dog/train", "dog/val"),
        {
            "cat/train": ("cat", "train"),
            "cat/test": ("cat", "test"),
            "dog/train": ("dog", "train"),
            "dog/val": ("dog", "validation"),
        },
    ),
    "wrapped": (
        images("flowers-master/data/rose", "flowers-master/data/tulip"),
        {
            "flowers-master/data/rose": ("rose", None),
            "flowers-master/data/tulip": ("tulip", None),
        },
    ),
    "wrapped splits": (
        images("set/train/a", "set/train/b", "set/test/a"),
        {"set/train/a": ("a", "train"), "set/train/b": ("b", "train"), "set/test/a": ("a", "test")},
    ),
    "one split alone": (
        images("train/a", "train/b"),
        {"train/a": ("a", "train"), "train/b": ("b", "train")},
    ),
    "trains among vehicles": (
        images("bus", "plane", "train"),
        {"bus": ("bus", None), "plane": ("plane", None), "train": ("train", None)},
    ),
    "folds": (
        images("fold0/a", "fold0/b", "fold1/a", "fold1/b"),
        {"fold0/a": ("a", None), "fold0/b": ("b", None), "fold1/a": ("a", None), "fold1/b": ("b", None)},
    ),
    "a test split without labels": (
        images("train/a", "train/b", "test"),
        {"train/a": ("a", "train"), "train/b": ("b", "train"), "test": (None, "test")},
    ),
    "images beside the class folders": (
        images("", "cat", "dog"),
        {"": (None, None), "cat": ("cat", None), "dog": ("dog", None)},
    ),
    "sessions of their own in each class": (
        images("fist/anna", "fist/ben", "palm/carl", "palm/dora", "palm/emil"),
        {f"{c}/{s}": (c, None) for c, s in [("fist", "anna"), ("fist", "ben"), ("palm", "carl")]},
    ),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_layout_is_read_as_its_owner_would(name: str) -> None:
    folders, expected = LAYOUTS[name]
    found = read(folders)
    assert {folder: found[folder] for folder in expected} == expected


AMBIGUOUS = {
    "a level below": (
        images("tomato/blight", "tomato/healthy", "potato/blight", "potato/healthy"),
        ["label_level=1 gives 2 classes", "label_level=2 gives 2 classes", "'potato/blight'"],
    ),
    "another version": (
        images("yes", "no", "augmented data/yes", "augmented data/no"),
        ["another version", 'dataset.exclude=["augmented data"]', "label_level=last"],
    ),
    "a repository": (
        images("Dataset/0", "Dataset/1", "Dataset/2", n=9) + images("Examples", n=2),
        ["Probably data/Dataset is the dataset (3 classes: '0', '1', '2')", "label_level=1"],
    ),
    "two versions side by side": (
        images("raw/a", "raw/b", "raw/c", "resized/a", "resized/b"),
        ["hold the same folders", "label_level=2 gives 3 classes"],
    ),
}


@pytest.mark.parametrize("name", AMBIGUOUS)
def test_layout_of_two_readings_stops_and_names_them(name: str) -> None:
    folders, parts = AMBIGUOUS[name]
    with pytest.raises(InputError) as stopped:
        understand(folders, root=ROOT)
    assert [part for part in parts if part not in str(stopped.value)] == []


@pytest.mark.parametrize(
    ("label_level", "labels"),
    [
        (1, ["tomato", "potato"]),
        (2, ["blight", "healthy"]),
        ("last", ["blight", "healthy"]),
        ("all", ["tomato/blight", "potato/healthy"]),
    ],
)
def test_level_that_a_person_chose_is_the_label(label_level: int | str, labels: list[str]) -> None:
    found = read(images("train/tomato/blight", "train/potato/healthy"), label_level)
    if isinstance(label_level, int):
        found = read(images("tomato/blight/train", "potato/healthy/train"), label_level)
    assert list(found.values()) == [(label, "train") for label in labels]


def test_what_is_not_plain_is_said() -> None:
    folders = images("set/train/a", "set/train/b", "set/TEST_SIMPLE/a", "set/figures")
    first, simple, figures = understand(folders, root=ROOT).notes
    assert "'set'" in first
    assert "'TEST_SIMPLE' was taken for more of the test split" in simple
    assert "'figures' lies beside the splits" in figures
    assert "3 images" in figures

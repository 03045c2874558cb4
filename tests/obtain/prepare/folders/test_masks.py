"""Masks among the images, made of two levels and beside photographs of many."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from analysis.obtain.prepare.folders.masks import find_masks
from analysis.obtain.prepare.sources import read_folder


def write_photo(path: Path, seed: int = 0) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (20, 30, 3), dtype=np.uint8)).save(path)
    return str(path)


def write_mask(path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.kron(np.eye(2), np.full((10, 10), 255)).astype(np.uint8)).save(path)
    return str(path)


@pytest.mark.parametrize(
    ("photo", "mask"),
    [
        ("cat/{}.jpg", "cat/{}.png"),
        ("cat/{}.png", "cat/{}_mask.png"),
        ("cat/{}.jpg", "cat/{} (1)-seg.png".replace(" (1)", "")),
        ("images/{}.jpg", "masks/{}.png"),
        ("train/images/cat/{}.jpg", "train/labels/cat/{}.png"),
    ],
)
def test_masks_are_found_by_name_and_levels(tmp_path: Path, photo: str, mask: str) -> None:
    paths = [write_photo(tmp_path / photo.format(i), i) for i in range(4)]
    paths += [write_mask(tmp_path / mask.format(i)) for i in range(4)]
    assert find_masks(paths) == [4, 5, 6, 7]


def test_two_photographs_of_one_stem_are_two_images(tmp_path: Path) -> None:
    paths = [write_photo(tmp_path / f"{i}.{kind}", i) for i in range(4) for kind in ("jpg", "png")]
    assert find_masks(paths) == []


def test_drawings_without_a_partner_are_no_masks(tmp_path: Path) -> None:
    assert find_masks([write_mask(tmp_path / f"{i}.png") for i in range(4)]) == []


def test_masks_are_left_out_and_counted(tmp_path: Path) -> None:
    for label in ("cat", "dog"):
        for i in range(3):
            write_photo(tmp_path / label / f"{i}.jpg", i)
            write_mask(tmp_path / label / f"{i}.png")
    listing = read_folder(tmp_path)
    assert (len(listing.rows), listing.n_masks) == (6, 6)
    assert listing.rows["path"].str.endswith(".jpg").all()


def test_masks_in_a_folder_of_their_own_are_no_class(tmp_path: Path) -> None:
    for label in ("cat", "dog"):
        for i in range(3):
            write_photo(tmp_path / "images" / label / f"{i}.jpg", i)
            write_mask(tmp_path / "masks" / label / f"{i}.png")
    listing = read_folder(tmp_path)
    assert sorted(set(listing.rows["label"])) == ["cat", "dog"]
    assert listing.n_masks == 6


def test_excluded_folders_are_left_out_and_counted(tmp_path: Path) -> None:
    for folder in ("yes", "no", "augmented data/yes", "augmented data/no"):
        write_photo(tmp_path / folder / "1.png")
    listing = read_folder(tmp_path, exclude=["augmented*"])
    assert (sorted(listing.rows["label"]), listing.n_excluded) == (["no", "yes"], 2)

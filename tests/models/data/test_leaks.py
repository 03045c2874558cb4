from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from models.data.leaks import leaked_images

SIZE = {"input_px": 8, "interpolation": "bilinear"}


def dataset(folder: Path, pictures: list[tuple[str, str, np.ndarray]]) -> tuple[pd.DataFrame, np.ndarray]:
    """Images of (split, name, pixels) as `readable_images` has them, and 4×4 thumbnails."""
    for _, name, pixels in pictures:
        Image.fromarray(pixels).save(folder / name)
    images = pd.DataFrame(
        {
            "item_id": range(len(pictures)),
            "path": [str(folder / name) for _, name, _ in pictures],
            "split": [split for split, _, _ in pictures],
            "class_index": 0,
            "value_range": None,
            "is_truncated": False,
        }
    )
    thumbnails = [np.asarray(Image.fromarray(p).resize((4, 4), Image.Resampling.BOX)) for _, _, p in pictures]
    return images, np.stack(thumbnails)


def noise(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (16, 16, 3), dtype=np.uint8)


def test_copies_are_found_whatever_file_holds_them(tmp_path: Path) -> None:
    pictures = [
        ("train", "a.png", noise(0)),
        ("train", "b.png", noise(1)),
        ("train", "c.png", noise(2)),
        ("train", "d.png", noise(3)),
        ("test", "a.bmp", noise(0)),
        ("validation", "c.png", noise(2)),
        ("train", "e.png", noise(1)),  # twice in training is no leak
        ("test", "changed.png", noise(3) ^ 1),
    ]
    images, thumbnails = dataset(tmp_path, pictures)
    assert leaked_images(images, thumbnails, **SIZE).tolist() == [0, 2]


def test_pictures_that_only_look_alike_as_thumbnails_are_told_apart(tmp_path: Path) -> None:
    detail = np.full((16, 16, 3), 100, dtype=np.uint8)
    detail[4:8, 4:6], detail[4:8, 6:8] = 120, 80  # the mean of its 4×4 cell stays
    images, thumbnails = dataset(tmp_path, [("train", "a.png", detail * 0 + 100), ("test", "b.png", detail)])
    assert np.array_equal(*thumbnails)
    assert leaked_images(images, thumbnails, **SIZE).tolist() == []


def test_only_images_that_may_be_trained_on_can_leak(tmp_path: Path) -> None:
    images, thumbnails = dataset(tmp_path, [("train", "a.png", noise(0)), ("test", "b.png", noise(0))])
    assert leaked_images(images, thumbnails, **SIZE).tolist() == [0]
    assert leaked_images(images.assign(class_index=[-1, 0]), thumbnails, **SIZE).tolist() == []
    assert leaked_images(images.assign(class_index=[0, -1]), thumbnails, **SIZE).tolist() == [0]
    assert leaked_images(images.head(1), thumbnails, **SIZE).tolist() == []
    assert leaked_images(images.head(0), thumbnails, **SIZE).tolist() == []

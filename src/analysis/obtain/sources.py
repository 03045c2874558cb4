"""Where a dataset comes from: each source gives one row an image, with its path, label, split and status."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from analysis.obtain.splits import split_named
from analysis.stage import InputError

IMAGE_EXTENSIONS = frozenset(
    ".avif .bmp .gif .jfif .jp2 .jpe .jpeg .jpg .pbm .pgm .png .pnm .ppm .tga .tif .tiff .webp".split()
)
ROW = ["path", "label", "split", "status"]


def natural_key(text: str) -> tuple:
    """Sorts "class 2" before "class 10", and without regard to case except between equals."""
    pieces = re.split("([0-9]+)", text.casefold())
    numbers = [(len(digits.lstrip("0")), digits.lstrip("0")) for digits in pieces[1::2]]
    return (*(part for pair in zip(pieces[::2], [*numbers, ()], strict=True) for part in pair), text)


def write_digits(images: Path) -> pd.DataFrame:
    """The 1,797 handwritten digits that come with scikit-learn (8×8, UCI Optdigits test set), as PNG files."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    pixels = np.rint(digits.images * (255 / 16)).astype(np.uint8)  # grey levels 0..16 -> 0..255
    rows = []
    for number, (image, target) in enumerate(zip(pixels, digits.target, strict=True)):
        path = images / str(target) / f"{number:04}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(image).save(path)
        rows.append((path.as_posix(), str(target), None, "ok"))
    return pd.DataFrame(rows, columns=ROW)


def read_folder(root: Path) -> pd.DataFrame:
    names = sorted((e.name for e in os.scandir(root) if e.is_dir()), key=natural_key)
    is_split_layout = any(split_named(name) for name in names)
    rows = []
    for path in _walk(root):
        parts = list(path.relative_to(root).parts[:-1])
        split = split_named(parts[0]) if parts and is_split_layout else None
        if split:
            parts = parts[1:]
        rows.append((path.as_posix(), parts[0] if parts else None, split, "ok"))
    if not rows:
        raise InputError(f"no images in {root}")
    return pd.DataFrame(rows, columns=ROW)


def _walk(folder: Path) -> Iterator[Path]:
    for entry in sorted(os.scandir(folder), key=lambda e: natural_key(e.name)):
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(folder / entry.name)
        elif Path(entry.name).suffix.lower() in IMAGE_EXTENSIONS:
            yield folder / entry.name

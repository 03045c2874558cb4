"""Masks of the objects in images, where a user gives them: a PNG file an image, black where no object is."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from analysis.contract import NO_FILE, InputError
from analysis.dataset.images import ImageError, open_as_seen

MASK_SUFFIX = ".png"


def expected_masks(images: pd.DataFrame, folder: Path, *, image_root: Path) -> list[Path]:
    """Where the mask of each image (`path`) would be: its path below `image_root`, as PNG, below `folder`."""
    relative = [os.path.relpath(path, image_root) for path in images["path"]]
    return [(folder / name).with_suffix(MASK_SUFFIX) for name in relative]


def common_folder(paths: pd.Series) -> Path:
    """The innermost folder that holds all of these files."""
    return Path(os.path.commonpath({str(Path(path).parent) for path in paths}))


def masks_of(images: pd.DataFrame, folder: Path, *, image_root: Path, side_px: int) -> np.ndarray:
    """Share of object in each pixel of `images` (`path`): float32 (N, side_px, side_px); NaN without mask.

    Raises
    ------
    InputError
        If there is no such folder, or see `read_masks`.
    """
    if folder == Path(NO_FILE):
        return np.full((len(images), side_px, side_px), np.nan, dtype=np.float32)
    if not folder.is_dir():
        raise InputError(f"gradcam.masks is {folder}, which is no folder; {NO_FILE} stands for no masks.")
    return read_masks(expected_masks(images, folder, image_root=image_root), folder, side_px=side_px)


def read_masks(paths: list[Path], folder: Path, *, side_px: int) -> np.ndarray:
    """Share of object in each pixel, float32 (N, side_px, side_px) in [0, 1]; NaN where there is no mask.

    A mask is squeezed to a square as its image is. One that is black all over names no object and counts as
    none; any other value is object, so that masks of 0 and 1 serve as well as those of 0 and 255.

    Raises
    ------
    InputError
        If a mask leads out of the folder or cannot be read.
    """
    masks = np.full((len(paths), side_px, side_px), np.nan, dtype=np.float32)
    root = folder.resolve()
    for mask, path in zip(masks, paths, strict=True):
        if not path.exists():
            continue
        if not path.resolve().is_relative_to(root):
            raise InputError(f"The mask {path} leads out of {folder}: put the file itself there.")
        try:
            picture = open_as_seen(path).convert("L")
        except ImageError as error:
            raise InputError(f"The mask {path} cannot be read ({error}): mend it or take it away.") from error
        is_object = np.asarray(picture) > 0
        if is_object.any():
            whole = Image.fromarray(is_object.astype(np.uint8) * 255)
            mask[:] = np.asarray(whole.resize((side_px, side_px), Image.Resampling.BOX)) / 255
    return masks

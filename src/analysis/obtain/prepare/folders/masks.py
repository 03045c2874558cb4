"""Which images are masks of others: named like them, and of few grey levels.

A photograph `x.jpg` and its mask `x.png`, `x_mask.png` or `masks/x.png` are one image of the dataset. The
names propose, the pixels decide: of the pairs that the names make a sample is opened, and only where nearly
all of their second images are of few levels are these masks.
"""

# Paths are strings here: a Path object per file would double the time on large datasets.
# ruff: noqa: PTH122

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import cache

import numpy as np
from PIL import Image

from analysis.dataset.images import ImageError, open_as_seen

WORD = re.compile(r"(masks?|seg|segmentations?|annotations?|labels?|gt|ground[ _-]?truths?)", re.IGNORECASE)
SUFFIX = re.compile(rf"[ _.-]+{WORD.pattern}$", re.IGNORECASE)
IMAGES = {"images", "image", "imgs", "img", "photos"}  # the folder beside that of the masks
MAX_LEVELS = 16  # of a mask: background, object, perhaps a class each; a photograph has hundreds
N_OPENED = 60  # pairs, spread over all
NEARLY_ALL = 0.95


def find_masks(paths: Sequence[str]) -> list[int]:
    """Places of those paths that are masks of another one."""
    pairs = _pairs(paths)
    if not pairs:
        return []
    chosen = np.unique(np.linspace(0, len(pairs) - 1, min(N_OPENED, len(pairs))).astype(int))
    are_masks = [_has_few_levels(paths[pairs[i]]) for i in chosen]
    return pairs if np.mean(are_masks) >= NEARLY_ALL else []


def _pairs(paths: Sequence[str]) -> list[int]:
    """Places of the images that are named as masks of others, in order."""
    by_name = defaultdict(list)
    for place, path in enumerate(paths):
        by_name[_of_image(path)].append(place)
    found = []
    for places in by_name.values():
        if len(places) == 2:
            found += _second(places, paths)
    return sorted(found)


def _of_image(path: str) -> str:
    """The path without extension and without what names a mask, in a folder or at the end of the stem."""
    folder, name = os.path.split(os.path.splitext(path)[0])
    return f"{_plain(folder)}/{SUFFIX.sub('', name)}".casefold()


@cache
def _plain(folder: str) -> str:
    return "/".join("*" if _names_masks_or_images(part) else part for part in folder.split("/"))


def _names_masks_or_images(folder: str) -> bool:
    return WORD.fullmatch(folder) is not None or folder.casefold() in IMAGES


def _second(places: Iterable[int], paths: Sequence[str]) -> list[int]:
    """Of two images of one name the one that is named a mask, else the PNG beside a photograph's format."""
    named = [place for place in places if _is_named_mask(paths[place])]
    if len(named) == 1:
        return named
    lossless = [place for place in places if paths[place].casefold().endswith((".png", ".bmp", ".gif"))]
    return lossless if len(lossless) == 1 else []


def _is_named_mask(path: str) -> bool:
    folder, name = os.path.split(os.path.splitext(path)[0])
    in_folder = any(WORD.fullmatch(part) for part in folder.split("/"))
    return in_folder or SUFFIX.search(name) is not None


def _has_few_levels(path: str) -> bool:
    try:
        with open_as_seen(path) as image:
            grey = image.convert("L").resize((256, 256), Image.Resampling.NEAREST)  # no new levels
    except (ImageError, OSError):
        return False
    return len(np.unique(np.asarray(grey))) <= MAX_LEVELS

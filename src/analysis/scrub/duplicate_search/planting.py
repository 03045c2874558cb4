"""Copies of this dataset's own images, made to learn how well copies agree here."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.dataset.images import ImageError, open_as_seen
from analysis.dataset.small_pictures import thumbnail_of
from analysis.progress import progress
from analysis.scrub.duplicate_search.candidates import Images
from analysis.scrub.duplicate_search.detail import MAX_PX, Luma
from analysis.scrub.faults import COPY_QUALITY, NEAR_COPIES, mirrored, through_jpeg

N_PLANTED = 240  # copies, as many under each change: their agreement is known to a few hundredths
LARGEST_PX = 2 * MAX_PX  # of a longer side; a larger picture is reduced first, to change it in milliseconds


@dataclass(frozen=True)
class Planted:
    """Copies that were made: of which rows, and what they look like.

    Attributes
    ----------
    rows
        (n,) of the originals, among the images given.
    thumbnails
        (n, 32, 32, 3)
    lumas
        The copies at the size they would be saved in.
    is_mirrored
        (n,)
    """

    rows: NDArray[np.int64]
    thumbnails: Images
    lumas: list[Luma]
    is_mirrored: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.rows)


def plant_in_memory(images: pd.DataFrame, *, seed: int, n_workers: int) -> Planted:
    """`N_PLANTED` copies of images drawn at random, of each as few as can be, saved as JPEG as people do.

    `images` has `path` and `value_range`. An image that is gone since the scan is left out.
    """
    rng = np.random.default_rng(seed)
    n_rounds = -(-N_PLANTED // max(len(images), 1))
    rows = np.concatenate([rng.permutation(len(images)) for _ in range(n_rounds)])[:N_PLANTED]
    changes = np.arange(len(rows)) % len(NEAR_COPIES)
    paths, ranges = images["path"].to_numpy(), images["value_range"].to_numpy()

    def plant(number: int) -> NDArray[np.uint8] | None:
        row = rows[number]
        change = list(NEAR_COPIES.values())[changes[number]]
        picture = _opened(paths[row], ranges[row])
        if picture is None:
            return None
        copy = change(picture, np.random.default_rng([seed, number]))
        return np.ascontiguousarray(through_jpeg(copy, COPY_QUALITY))

    with ThreadPoolExecutor(n_workers) as pool:
        numbers = range(len(rows))
        made = pool.map(plant, numbers)
        copies = list(progress(made, description="copies planted", unit="copies", total=len(rows)))
    there = [number for number in numbers if copies[number] is not None]
    thumbnails = [thumbnail_of(copies[number]) for number in there]
    return Planted(
        rows[there],
        np.stack(thumbnails) if there else np.empty((0, 32, 32, 3), dtype=np.uint8),
        [cv2.cvtColor(copies[number], cv2.COLOR_RGB2GRAY) for number in there],
        np.array([list(NEAR_COPIES)[changes[number]] == mirrored.__name__ for number in there], dtype=bool),
    )


def _opened(path: str, value_range: str | None) -> NDArray[np.uint8] | None:
    try:
        picture = np.asarray(open_as_seen(path, value_range=value_range, allow_truncated=True))
    except ImageError:
        return None
    factor = LARGEST_PX / max(picture.shape[:2])
    return (
        cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
        if factor < 1
        else picture
    )

"""Small pictures of the images concerned, written into the report so that it can be moved and sent."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from PIL import Image

from analysis.cores import available_cores
from analysis.dataset.images import ImageError, open_as_seen
from analysis.progress import progress

THUMBNAIL_PX = 224  # shown at half of it, so that it is crisp on screens of double density
JPEG_QUALITY = 85
MAX_THREADS = 4  # each may hold one picture of full size


@dataclass(frozen=True)
class Thumbnail:
    """A picture in the report's folder, or the reason why there is none.

    `is_enlarged` says that the image is smaller than its tile, so that its pixels should stay visible.
    """

    file: str = ""
    width_px: int = 0
    height_px: int = 0
    is_enlarged: bool = False
    problem: str = ""


def make_thumbnails(images: pd.DataFrame, folder: Path) -> dict[int, Thumbnail]:
    """Write a picture of each row of `images` into `folder`, named by `item_id`.

    `images` are rows of the manifest with the scan's `value_range`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows = list(images[["item_id", "path", "value_range", "status"]].itertuples(index=False))
    with ThreadPoolExecutor(min(MAX_THREADS, available_cores())) as threads:
        made = threads.map(lambda row: _make_thumbnail(*row, folder), rows)
        made = progress(made, description="thumbnails", unit="images", total=len(rows))
        return {int(row.item_id): thumbnail for row, thumbnail in zip(rows, made, strict=True)}


def _make_thumbnail(item_id: int, path: str, value_range: str | None, status: str, folder: Path) -> Thumbnail:
    if status != "ok":
        return Thumbnail(problem=status)
    try:
        image = open_as_seen(path, value_range=value_range, allow_truncated=True)
    except ImageError as error:
        return Thumbnail(problem=error.status)
    is_small = max(image.size) <= THUMBNAIL_PX
    file = folder / f"{item_id}{'.png' if is_small else '.jpg'}"
    if is_small:  # every pixel counts: kept as it is, without JPEG's loss
        image.save(file)
    else:
        image.thumbnail((THUMBNAIL_PX, THUMBNAIL_PX), Image.Resampling.LANCZOS)
        image.save(file, quality=JPEG_QUALITY)
    return Thumbnail(file.name, *image.size, is_enlarged=2 * max(image.size) <= THUMBNAIL_PX)

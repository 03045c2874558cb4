"""Makes known faults: copies of pictures under small changes, and pictures spoilt or cut short.

Sizes follow the picture's own: what is 1 pixel of 32 in a thumbnail is 1/32 of the picture's width here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.dataset.images import open_as_seen

Picture = NDArray[np.uint8]  # (height, width, 3)
Change = Callable[[Picture, np.random.Generator], Picture]
COPY_QUALITY = 90  # JPEG quality at which a changed copy is saved, as whoever changes a picture does
FINER = 8  # times finer than pixels a line is drawn along which a picture is moved
UNIT = 32  # the sides of a thumbnail, in whose pixels shifts and borders are given


# ---- copies ----------------------------------------------------------------------------------------------


def recompressed(picture: Picture, rng: np.random.Generator) -> Picture:
    """As JPEG of quality 50."""
    return through_jpeg(picture, 50)


def resized(picture: Picture, rng: np.random.Generator) -> Picture:
    """By a factor of 0.5 to 2."""
    factor = 2 ** rng.uniform(-1, 1)
    method = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return cv2.resize(picture, None, fx=factor, fy=factor, interpolation=method)


def brightness(picture: Picture, rng: np.random.Generator) -> Picture:
    """20% brighter or darker."""
    return _as_bytes(picture * (1 + rng.choice([-0.2, 0.2])))


def contrast(picture: Picture, rng: np.random.Generator) -> Picture:
    """20% more or less contrast."""
    return _as_bytes((picture - picture.mean()) * (1 + rng.choice([-0.2, 0.2])) + picture.mean())


def cropped(picture: Picture, rng: np.random.Generator) -> Picture:
    """Up to 10% off each of the two sides."""
    size = np.array(picture.shape[:2])
    cut = rng.uniform(0, 0.1, 2) * size
    start = np.round(cut * rng.uniform(0, 1, 2)).astype(int)
    stop = np.round(size - cut).astype(int) + start
    return picture[start[0] : stop[0], start[1] : stop[1]]


def shifted(picture: Picture, rng: np.random.Generator) -> Picture:
    """By up to 3 pixels of 32 each way, with black where the picture ends."""
    x, y = rng.integers(-3, 4, 2) * picture.shape[1] / UNIT
    return _warped(picture, np.array([[1, 0, x], [0, 1, y]]))


def rotated(picture: Picture, rng: np.random.Generator) -> Picture:
    """By up to 3 degrees."""
    height, width = picture.shape[:2]
    return _warped(picture, cv2.getRotationMatrix2D((width / 2, height / 2), rng.uniform(-3, 3), 1))


def mirrored(picture: Picture, rng: np.random.Generator) -> Picture:
    """Left for right."""
    return picture[:, ::-1]


def hue_shifted(picture: Picture, rng: np.random.Generator) -> Picture:
    """By 15 to 60 degrees."""
    hsv = cv2.cvtColor(np.ascontiguousarray(picture), cv2.COLOR_RGB2HSV)
    turn = int(rng.choice([-1, 1]) * rng.integers(8, 31))  # OpenCV counts half degrees
    hsv[..., 0] = (hsv[..., 0].astype(int) + turn) % 180
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)


def bordered(picture: Picture, rng: np.random.Generator) -> Picture:
    """Black or white, 1 to 3 pixels of 32 wide, around the whole picture."""
    width = max(1, int(rng.integers(1, 4)) * picture.shape[1] // UNIT)
    colour = [int(rng.choice([0, 255]))] * 3
    return cv2.copyMakeBorder(picture, *[width] * 4, cv2.BORDER_CONSTANT, value=colour)


def copied(picture: Picture, rng: np.random.Generator) -> Picture:
    """Every pixel as it was."""
    return picture


NEAR_COPIES: Mapping[str, Change] = {
    change.__name__: change
    for change in (
        recompressed,
        resized,
        brightness,
        contrast,
        cropped,
        shifted,
        rotated,
        mirrored,
        hue_shifted,
        bordered,
    )
}


# ---- spoilt pictures -------------------------------------------------------------------------------------


def blurred(picture: Picture, rng: np.random.Generator) -> Picture:
    """By a Gaussian of 2 to 4% of the shorter side, at least 1 pixel."""
    sigma_px = max(1.0, rng.uniform(0.02, 0.04) * min(picture.shape[:2]))
    return cv2.GaussianBlur(np.ascontiguousarray(picture), (0, 0), sigma_px)


def moved(picture: Picture, rng: np.random.Generator) -> Picture:
    """While it was taken: along a line in any direction, 5 to 12% of the longer side, at least 3 pixels."""
    length, angle = max(3.0, rng.uniform(0.05, 0.12) * max(picture.shape[:2])), rng.uniform(0, np.pi)
    side = 2 * int(np.ceil(length / 2)) + 3
    middle, half = side * FINER / 2, FINER * length / 2 * np.array([np.cos(angle), np.sin(angle)])
    ends = [tuple(round(float(end)) for end in middle + sign * half) for sign in (-1, 1)]
    line = cv2.line(np.zeros((FINER * side, FINER * side), np.float32), *ends, 1.0, FINER)
    kernel = cv2.resize(line, (side, side), interpolation=cv2.INTER_AREA)
    return cv2.filter2D(np.ascontiguousarray(picture), -1, kernel / kernel.sum())


def blanked(picture: Picture, rng: np.random.Generator) -> Picture:
    """Of one shade, with a little noise."""
    return _as_bytes(rng.uniform(0, 255, 3) + rng.normal(0, 1, picture.shape))


def darkened(picture: Picture, rng: np.random.Generator) -> Picture:
    """To 5 to 20% of its light."""
    return _as_bytes(picture * rng.uniform(0.05, 0.2))


def overexposed(picture: Picture, rng: np.random.Generator) -> Picture:
    """Only the upper 5 to 20% of the scale are left."""
    return _as_bytes(255 - (255.0 - picture) * rng.uniform(0.05, 0.2))


SPOILT: Mapping[str, Change] = {
    change.__name__: change for change in (blurred, moved, blanked, darkened, overexposed)
}


# ---- files -----------------------------------------------------------------------------------------------


def plant_pictures(
    originals: pd.DataFrame, change: Change, folder: Path, rng: np.random.Generator
) -> pd.DataFrame:
    """Write a changed picture for each of `originals` (`item_id`, `path`, `value_range`) into `folder`,
    which is made.

    Near copies are saved as JPEG, as whoever changes a picture does; others as PNG, lest compression be taken
    for the fault. Returned is one row each, in order: `original_id` and the `path` of the new file.
    """
    is_lossy = change.__name__ in NEAR_COPIES
    suffix, options = (".jpg", [cv2.IMWRITE_JPEG_QUALITY, COPY_QUALITY]) if is_lossy else (".png", [])
    folder.mkdir()
    rows = []
    for number, original in enumerate(originals.itertuples(index=False)):
        file = folder / f"{number:06d}{suffix}"
        opened = open_as_seen(original.path, value_range=original.value_range)
        picture = change(np.asarray(opened), rng)
        file.write_bytes(_encoded(picture, suffix, options))
        rows.append((original.item_id, file.as_posix()))
    return pd.DataFrame(rows, columns=["original_id", "path"])


def plant_truncated(originals: pd.DataFrame, folder: Path, rng: np.random.Generator) -> pd.DataFrame:
    """The same with files that end after 30 to 80% of their bytes."""
    folder.mkdir()
    rows = []
    for number, original in enumerate(originals.itertuples(index=False)):
        file = folder / f"{number:06d}{Path(original.path).suffix}"
        content = Path(original.path).read_bytes()
        file.write_bytes(content[: int(rng.uniform(0.3, 0.8) * len(content))])
        rows.append((original.item_id, file.as_posix()))
    return pd.DataFrame(rows, columns=["original_id", "path"])


def _encoded(picture: Picture, suffix: str, options: Sequence[int]) -> bytes:
    _, data = cv2.imencode(suffix, np.ascontiguousarray(picture[..., ::-1]), options)
    return data.tobytes()


def through_jpeg(picture: Picture, quality: int) -> Picture:
    data = _encoded(picture, ".jpg", [cv2.IMWRITE_JPEG_QUALITY, quality])
    return cv2.imdecode(np.frombuffer(data, dtype=np.uint8), cv2.IMREAD_COLOR)[..., ::-1]


def _as_bytes(values: NDArray) -> Picture:
    return np.clip(values, 0, 255).astype(np.uint8)


def _warped(picture: Picture, warp: NDArray) -> Picture:
    return cv2.warpAffine(np.ascontiguousarray(picture), warp.astype(np.float32), picture.shape[1::-1])

"""Whether a picture ends as one does whose file broke off while a lenient decoder filled the rest with grey.

A JPEG that is half there, closed by whoever saved it again, decodes without complaint. libjpeg, by way of
which nearly every program reads JPEG, gives the blocks that it has no data for as zeros, which is the very
grey 128 in every channel: all of the last rows and, as a file breaks off within a row of blocks, the right
part of the one above them, a step as high as a block. No margin, ground, sky or padding has that step. It
outlives saving as PNG or JPEG, and moderate resizing.

What cannot be seen here: a file that broke off at the very end of a row of blocks, one chance in so many
blocks as a row has (a half of pictures of 32 pixels); a progressive JPEG after its first pass, which is
blurred instead; and rows that another program filled with black or white, which look like a margin.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from analysis.dataset.images import TURNS

GREY = 128
TOLERANCES = (0, 2)  # grey levels: as decoded, and as saving as JPEG again makes it
# EXIF orientation -> whether the last pixel of the file is seen on the right, and below
LAST_CORNER = {1: (1, 1), 2: (0, 1), 3: (0, 0), 4: (1, 0), 5: (1, 1), 6: (0, 1), 7: (0, 0), 8: (1, 0)}
INVERSE = {6: 8, 8: 6}  # EXIF orientations that are not their own inverse
# A block is 8 or 16 rows high, twice that in a picture enlarged to twice its size
LEAST_STEP_PX, GREATEST_STEP_PX = 2, 33
LEAST_RUN_PX = 4
RAGGED_PX = 2  # by which the step's edge may vary, as smoothing and saving again make it do


def grey_end_fraction(picture: Image.Image, exif_orientation: int) -> float:
    """Share of the rows, as they are stored, that are the grey end of a file that broke off; 0 where none is.

    `picture` is in mode RGB, as seen.
    """
    right, down = LAST_CORNER[exif_orientation]
    last = picture.getpixel((right * (picture.width - 1), down * (picture.height - 1)))
    if abs(last[0] - GREY) > max(TOLERANCES):
        return 0.0
    if exif_orientation != 1:
        picture = picture.transpose(TURNS[INVERSE.get(exif_orientation, exif_orientation)])
    pixels = np.asarray(picture)
    return max(_grey_end(pixels, tolerance) for tolerance in TOLERANCES)


def _grey_end(pixels: np.ndarray, tolerance: int) -> float:
    if np.abs(pixels[-1].astype(np.int16) - GREY).max() > tolerance:  # of most pictures this is all
        return 0.0
    is_grey = (np.abs(pixels.astype(np.int16) - GREY) <= tolerance).all(axis=-1)
    width = is_grey.shape[1]
    run = np.where(is_grey.all(axis=1), width, is_grey[:, ::-1].argmin(axis=1))  # of grey, at the right end
    is_other = run < width
    n_end = int(is_other[::-1].argmax()) if is_other.any() else 0
    n_left = len(run) - n_end
    return n_end / len(run) if n_end and _is_step(is_grey[:n_left], run[:n_left]) else 0.0


def _is_step(is_grey: np.ndarray, run: np.ndarray) -> bool:
    """Whether the last rows end in a grey rectangle, a block high, with a picture above and to its left."""
    height = int((run[::-1] == 0).argmax())  # 0 also where it reaches the upper edge
    if not LEAST_STEP_PX <= height <= GREATEST_STEP_PX:
        return False
    width = int(np.median(run[-height:]))
    is_straight = np.mean(np.abs(run[-height:] - width) <= RAGGED_PX) >= 0.75
    return width >= LEAST_RUN_PX and is_straight and is_grey[-height:, :-width].mean() < 0.5

"""What of a picture can be seen: how far its brightness reaches within its border, how fine its detail is.

**Fine detail** is a ratio of two energies of luma's gradient: of what a Gaussian of 1 pixel removes, to what
it leaves. Widening every edge lowers it; scaling the contrast does not change it, nor does plain paper around
the edges. Taken along each direction u, it is uᵀAu / uᵀBu with the covariances A and B of the two gradients,
so that its extremes over all directions are the generalised eigenvalues of the pair. Out of focus lowers
both; motion along a line lowers the least one more than the other. White noise has some 20, photographs
about 1.

**The border** is a band of one shade along a side, such as the black of a scanner's lid or of a letterbox,
that ends along a line: paper around letters, and the black around a digit, end where the letters begin, and
are none. What lies within must show something: a black box on white is a shape, not a picture with a border.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

SHADE_TOLERANCE = 16  # grey levels by which noise and JPEG change a border's one shade
LONE_FRACTION = 0.02  # of a line: dust, and letters that stand in a border
FILLED_FRACTION = 0.7  # of a line across the inner picture: differs from the border once that has begun
SKEW_FRACTION = 0.08  # of the side: a border may run out askew over so much, which is 4.5 degrees
INSET_PX = 3  # at working size: what lies so near to a border's edge is blurred with it, or sharp by it
MIN_BORDERED_PX = 64  # longer side, below which no border is looked for
MIN_INNER_FRACTION = 0.2  # of each side
EXTREME_FRACTION = 0.0003  # of the pixels may be darker than the darkest or brighter than the brightest
MIN_INNER_RANGE = 10  # grey levels that 3 × 3 means must span within a border, for it to be one
BINOMIAL = np.array([1, 4, 6, 4, 1], np.float32)  # a Gaussian of 1 pixel, times 16: integers throughout
MIN_GRADIENT = 0.1  # mean squared, in grey levels a pixel: less is rounding, and says nothing of detail
ISOTROPIC_SHARE = 0.02  # added to both covariances: where nothing varies in a direction, nothing was blurred

MARGIN_PX = 2  # of its own edge around each picture, for filters over several of them

Box = tuple[slice, slice]
WHOLE: Box = (slice(None), slice(None))


def inner_box(luma: NDArray[np.uint8]) -> Box:
    """Rows and columns of `luma` (height, width) within its border; all of them if it has none."""
    if max(luma.shape) < MIN_BORDERED_PX:
        return WHOLE
    starts = [_border_px(side) for side in (luma, luma[::-1], luma.T, luma.T[::-1])]
    if not any(starts):
        return WHOLE
    top, bottom, left, right = (start + INSET_PX if start else 0 for start in starts)
    height, width = luma.shape
    inner_fractions = (height - top - bottom) / height, (width - left - right) / width
    if min(inner_fractions) < MIN_INNER_FRACTION:
        return WHOLE
    box = (slice(top, height - bottom), slice(left, width - right))
    means = cv2.blur(np.ascontiguousarray(luma[box]), (3, 3))
    return box if int(means.max()) - int(means.min()) >= MIN_INNER_RANGE else WHOLE


def _border_px(luma: NDArray[np.uint8]) -> int:
    """How many of the first rows are border; 0 if none."""
    line = np.sort(luma[0])
    n_lone, shade = int(LONE_FRACTION * len(line)) // 2, int(line[len(line) // 2])
    if int(line[-1 - n_lone]) - int(line[n_lone]) > 2 * SHADE_TOLERANCE:
        return 0
    darkest, lightest = max(0, shade - SHADE_TOLERANCE), min(255, shade + SHADE_TOLERANCE)
    differs = (luma < darkest) | (luma > lightest)
    inner_width = np.count_nonzero(differs.mean(axis=0) > LONE_FRACTION)
    share = differs.sum(axis=1) / max(inner_width, 1)  # of each row
    begins, filled = np.flatnonzero(share > LONE_FRACTION), np.flatnonzero(share >= FILLED_FRACTION)
    reach = max(3, int(SKEW_FRACTION * len(luma)))
    if len(filled) == 0 or filled[0] - begins[0] > reach:
        return 0
    stays = np.median(share[filled[0] : filled[0] + reach]) >= FILLED_FRACTION  # a line of letters ends soon
    return int(filled[0]) if stays else 0


def at_size(box: Box, working: tuple[int, int], whole: tuple[int, int]) -> Box:
    """A box found at working size (height, width), in pixels of the whole picture."""
    scaled = []
    for part, small, large in zip(box, working, whole, strict=True):
        start, stop, _ = part.indices(small)
        scaled.append(slice(start * large // small, -(-stop * large // small)))
    return scaled[0], scaled[1]


def least_and_most(counts: NDArray[np.float64]) -> tuple[NDArray, NDArray]:
    """Darkest and brightest grey level of (n, 256) counts, but for `EXTREME_FRACTION` of the pixels."""
    at_most = counts.cumsum(axis=-1)
    beyond = EXTREME_FRACTION * at_most[:, -1:]
    darkest = (at_most <= beyond).sum(axis=-1)
    brightest = (at_most < at_most[:, -1:] - beyond).sum(axis=-1)
    return darkest, brightest


def means_of_3_by_3(padded: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Of pictures with a margin; their extremes are those of what is larger than a speck of noise."""
    means = cv2.blur(padded.reshape(-1, padded.shape[2]), (3, 3)).reshape(padded.shape)
    return means[:, MARGIN_PX:-MARGIN_PX, MARGIN_PX:-MARGIN_PX]


def fine_detail(padded: NDArray[np.uint8]) -> tuple[NDArray, NDArray]:
    """The least and the greatest fine detail over all directions, each (n,), of pictures with a margin.

    `padded` is (n, height + 4, width + 4). 0 where nothing can be said: there is hardly any gradient, or a
    side has less than 3 pixels.
    """
    n, height, width = len(padded), *(side - 2 * MARGIN_PX for side in padded.shape[1:])
    if min(height, width) < 3:
        return np.zeros(n), np.zeros(n)
    tall = np.ascontiguousarray(padded).reshape(-1, padded.shape[2])
    left = cv2.sepFilter2D(tall, cv2.CV_32F, BINOMIAL, BINOMIAL)
    removed = tall * np.float32(256)
    removed -= left  # both times 256
    fine, coarse = (_gradient_energies(part, padded.shape) for part in (removed, left))
    is_flat = coarse[0] + coarse[1] < MIN_GRADIENT * 4 * 256.0**2 * (height - 1) * (width - 1)
    for energies in (fine, coarse):
        energies[:2] += ISOTROPIC_SHARE * (energies[0] + energies[1])
    (a, b, c), (d, e, f) = fine, coarse
    determinant = np.where(is_flat, np.inf, d * e - f * f)
    middle = (a * e + b * d - 2 * c * f) / (2 * determinant)
    half = np.sqrt(np.maximum(middle**2 - (a * b - c * c) / determinant, 0))
    return middle - half, middle + half


def _gradient_energies(tall: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.float64]:
    """(3, n): sums of squares across and down, and of the product; twice the gradient in cells of 2 × 2.

    In a cell a b over c d, with p = d - a and q = c - b, it is p - q across and p + q down. Norms are
    OpenCV's, as BLAS would start threads of its own within each worker.
    """
    inside = slice(MARGIN_PX, -MARGIN_PX)
    sums = []
    for field in tall.reshape(shape)[:, inside, inside]:
        pairs = field[:, 1:] + field[:, :-1]
        p = cv2.norm(field[1:, 1:], field[:-1, :-1], cv2.NORM_L2SQR)
        q = cv2.norm(field[1:, :-1], field[:-1, 1:], cv2.NORM_L2SQR)
        down = cv2.norm(pairs[1:], pairs[:-1], cv2.NORM_L2SQR)
        sums.append((2 * (p + q) - down, down, p - q))
    return np.array(sums).T

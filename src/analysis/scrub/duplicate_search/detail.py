"""The second look: do two pictures, opened from their files, agree in their detail?

Two photographs of one pose, two pages of one form and two slices of one head agree in outline. Only copies of
one shot agree in what lies between: grain, weave, print, the edge of a shadow. So the two pictures are laid
upon one another at the resolution of the softer one, at most `MAX_PX` pixels, by the affine map that starts
from that of the thumbnails and maximises the enhanced correlation coefficient (Evangelidis & Psarakis 2008),
coarse to fine. Of both is kept what lies between Gaussians of 1 and 2 pixels, divided by its own strength
nearby (local contrast normalisation: Jarrett et al. 2009), so that a strong outline counts no more than the
faint texture beside it; and this is correlated where the pictures overlap. Brightness and contrast, also
where they change slowly over the picture, fall out.

The finest band that both pictures resolve is what tells; the band of twice its width stands beside it. Where
a single outline is all there is, it may agree by chance in most places: so the weakest quarter of the parts
of the picture counts too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import fft

from analysis.progress import progress
from analysis.scrub.duplicate_search.candidates import SIDE_PX
from analysis.scrub.duplicate_search.first_look import MAP_COLUMNS
from analysis.scrub.duplicate_search.parameters import DETAIL_COLUMNS

MAX_PX = 256  # of the longer side compared
ENLARGED_UP_TO_PX = 48  # of a longer side: such a picture has its finest detail in bands of half a pixel
FINE_PX, COARSE_PX, NEARBY_PX = 1.0, 2.0, 4.0  # widths of Gaussians, at each of the scales
GRAIN = 1.0  # of 255; detail weaker than this is the noise of compression
SCALES = (1.0, 0.5, 0.25)  # at which that band is looked at
MAX_STRENGTH_RATIO = 4.0  # beyond which one of two pictures does not resolve what the other does
ALIGNMENT = ((0.25, 20), (0.5, 8))  # scale, steps
MIN_CORRELATION = 0.4  # once aligned; with less they are not one picture
SMALLEST_ALIGNED_PX = 16
SHADING = 6.0  # times wider than what is aligned by; slower changes over the picture are left out
ALIGNMENT_TOLERANCE, SMOOTHING_PX = 1e-3, 3
MARGIN_PX = 3  # beside what the second picture does not cover
MIN_OVERLAP = 0.3  # of the first picture; with less in common nothing is compared
PARTS = 4  # each way
PART_COVERED, MIN_PARTS = 0.4, 4
LEAST_STRENGTH = 0.5  # of 255, of a band that is resolved
PART_STRENGTH = 0.25  # of detail over its strength nearby plus grain, in a part that has any
NO_STRENGTH = 0.05  # likewise: correlation shrinks towards 0 below
ELSEWHERE_PX = 6.0  # at its scale, detail is correlated with what lies nearer
REPEATS_MATTER = 0.5  # an agreement below is no copy's, whether the picture repeats itself or not
MAX_SCALE = 4.0  # by which one picture may be the enlarged other
PAIRS_AT_ONCE = 512  # whose pictures are held in memory
Luma = NDArray[np.uint8]  # (height, width)
Plane = NDArray[np.float32]
Affine = NDArray[np.float64]  # (3, 3): from the first picture's pixels to the second's
Opener = Callable[[int], Luma | None]


def reduced(picture: Luma, cut_px: NDArray[np.int64]) -> Luma:
    """Without its border, and no larger than it is compared.

    `cut_px` are the widths of the border (top, bottom, left, right) in pixels of a thumbnail.
    """
    height, width = picture.shape
    top, bottom, left, right = cut_px / SIDE_PX
    inner = picture[round(top * height) : height - round(bottom * height)]
    inner = inner[:, round(left * width) : width - round(right * width)]
    factor = MAX_PX / max(inner.shape)
    return _resized(inner, factor)[0] if factor < 1 else inner


def second_look(pairs: pd.DataFrame, open_luma: Opener, *, n_workers: int) -> pd.DataFrame:
    """`DETAIL_COLUMNS` of each pair, by the index of `pairs`.

    Agreements are correlations, 1 of equal pictures; 0 where there is nothing to compare: a picture that is
    flat, or gone since the scan. `self_agreement` is how well the first picture's detail agrees with itself
    elsewhere in the picture (0 where the two agree too little for it to matter). `distortion` is by how much
    (log of a ratio) the map between them stretches one direction more than another. `detail_band_px` is the
    width of the finest detail that both pictures resolve, in pixels of the softer one.

    Parameters
    ----------
    pairs
        `row_a`, `row_b`, `is_mirrored`, and `MAP_COLUMNS` from the first thumbnail's pixels to the second's.
    open_luma
        Gives the picture of a row, `reduced`.
    """
    tables = [np.empty((0, len(DETAIL_COLUMNS)))]
    bar = progress(description="pairs opened", unit="pairs", total=len(pairs))
    maps = pairs[MAP_COLUMNS].to_numpy().reshape(-1, 2, 3)
    rows = pairs[["row_a", "row_b"]].to_numpy()
    mirrored = pairs["is_mirrored"].to_numpy()
    with ThreadPoolExecutor(n_workers) as pool, bar:
        for block in _blocks(rows):
            needed = np.unique(rows[block])
            lumas = dict(zip(needed.tolist(), pool.map(open_luma, needed.tolist()), strict=True))

            def look(pair: int, lumas: dict = lumas) -> tuple[float, ...]:
                first, second = (lumas[row] for row in rows[pair].tolist())
                return detail_of(first, second, maps[pair], is_mirrored=bool(mirrored[pair]))

            tables.append(np.array(list(pool.map(look, block.tolist()))))
            bar.update(len(block))
    order = np.concatenate([np.empty(0, dtype=np.int64), *_blocks(rows)])
    found = np.empty((len(pairs), len(DETAIL_COLUMNS)))
    found[order] = np.concatenate(tables)
    return pd.DataFrame(found, columns=DETAIL_COLUMNS, index=pairs.index)


def _blocks(rows: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """Positions of pairs, those that share their first picture together, so that few are opened twice."""
    order = np.argsort(rows[:, 0], kind="stable")
    for start in range(0, len(order), PAIRS_AT_ONCE):
        yield order[start : start + PAIRS_AT_ONCE]


NOTHING = (0.0, 0.0, 0.0, 0.0, np.nan, np.nan)


def detail_of(
    first: Luma | None, second: Luma | None, thumbnail_map: NDArray[np.float64], *, is_mirrored: bool
) -> tuple[float, ...]:
    """`DETAIL_COLUMNS` of one pair; `thumbnail_map` is (2, 3)."""
    if first is None or second is None:
        return NOTHING
    if is_mirrored:
        second = np.ascontiguousarray(second[:, ::-1])
    one, other, start, enlarged = _at_one_scale(first, second, thumbnail_map)
    if one is None:
        return NOTHING
    found = _align(one, other, start)
    if found is None:
        return NOTHING
    moved, covered = _laid_upon(one, other, found)
    if covered.mean() < MIN_OVERLAP:
        return NOTHING
    for finest, scale in enumerate(SCALES[:-1]):
        band = _band_at(scale, one, moved, covered)
        if band.is_resolved:
            coarser = _band_at(SCALES[finest + 1], one, moved, covered)
            agreement = band.agreement()
            return (
                agreement,
                coarser.agreement(),
                band.weakest(),
                _self_agreement(band.detail) if agreement >= REPEATS_MATTER else 0.0,
                _distortion(found),
                COARSE_PX / scale / enlarged,
            )
    return NOTHING


# ---- alignment -------------------------------------------------------------------------------------------


def _at_one_scale(
    first: Luma, second: Luma, thumbnail_map: NDArray[np.float64]
) -> tuple[Plane | None, Plane, Affine, float]:
    """Both as large as the softer one, the map between them, and by how much small ones were enlarged."""
    start = _to_pixels(second) @ _squared(thumbnail_map) @ np.linalg.inv(_to_pixels(first))
    scale = np.sqrt(abs(np.linalg.det(start[:2, :2])))
    one, other = first.astype(np.float32), second.astype(np.float32)
    if not 1 / MAX_SCALE < scale < MAX_SCALE:
        return None, other, start, 1.0
    if scale > 1:
        other, map_other = _resized(other, 1 / scale)
        start = map_other @ start
    else:
        one, map_one = _resized(one, scale)
        start = start @ np.linalg.inv(map_one)
    enlarged = 1.0
    if max(one.shape) <= ENLARGED_UP_TO_PX:
        enlarged = 2.0
        one, map_one = _resized(one, enlarged)
        other, map_other = _resized(other, enlarged)
        start = map_other @ start @ np.linalg.inv(map_one)
    return one, other, start, enlarged


def _to_pixels(picture: Luma) -> Affine:
    """From the thumbnail's pixels to the picture's."""
    height, width = picture.shape
    x, y = width / SIDE_PX, height / SIDE_PX
    return np.array([[x, 0, (x - 1) / 2], [0, y, (y - 1) / 2], [0, 0, 1]])


def _squared(affine: NDArray) -> Affine:
    return np.vstack([affine, [0, 0, 1]])


def _resized(picture: NDArray, factor: float) -> tuple[NDArray, Affine]:
    """The picture, and the map from its pixels to those of the result."""
    height, width = picture.shape
    size = max(1, round(width * factor)), max(1, round(height * factor))
    method = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    x, y = size[0] / width, size[1] / height
    resized = cv2.resize(picture, size, interpolation=method)
    return resized, np.array([[x, 0, (x - 1) / 2], [0, y, (y - 1) / 2], [0, 0, 1]])


def _align(one: Plane, other: Plane, start: Affine) -> Affine | None:
    """The map that lets the two correlate best, found coarse to fine; None if they hardly do at the first."""
    found = start
    for scale, n_steps in ALIGNMENT:
        small, map_small = _resized(one, scale)
        small_other, map_other = _resized(other, scale)
        if min(*small.shape, *small_other.shape) < SMALLEST_ALIGNED_PX:
            continue
        small, small_other = _without_shading(small), _without_shading(small_other)
        at_scale = (map_other @ found @ np.linalg.inv(map_small))[:2].astype(np.float32)
        criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, n_steps, ALIGNMENT_TOLERANCE)
        try:
            correlation, at_scale = cv2.findTransformECC(
                small, small_other, at_scale, cv2.MOTION_AFFINE, criteria, None, SMOOTHING_PX
            )
        except cv2.error as error:
            if error.code != cv2.Error.StsNoConv:
                raise
            return None
        if correlation < MIN_CORRELATION:
            return None
        found = np.linalg.inv(map_other) @ _squared(at_scale) @ map_small
    return found


def _without_shading(plane: Plane) -> Plane:
    """Light that falls from one side would draw the alignment after it."""
    return plane - cv2.GaussianBlur(plane, (0, 0), max(plane.shape) / SHADING)


def _laid_upon(one: Plane, other: Plane, affine: Affine) -> tuple[Plane, Plane]:
    """The other picture as seen from the one, and where it has pixels for it."""
    size, warp = one.shape[::-1], affine[:2].astype(np.float32)
    inverse = cv2.WARP_INVERSE_MAP
    moved = cv2.warpAffine(
        other, warp, size, flags=inverse | cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    covered = cv2.warpAffine(np.ones_like(other), warp, size, flags=inverse | cv2.INTER_LINEAR) > 0.99
    margin = np.ones((2 * MARGIN_PX + 1,) * 2, dtype=np.uint8)
    return moved, cv2.erode(covered.astype(np.uint8), margin, borderValue=1).astype(np.float32)


def _distortion(affine: Affine) -> float:
    """By how much (log of a ratio) one direction is stretched more than another: 0 of what was only moved,
    turned or resized, as a copy is; another thing that is made to fit has to be sheared and squeezed."""
    longest, shortest = np.linalg.svd(affine[:2, :2], compute_uv=False)
    return float(np.log(longest / max(shortest, 1e-6)))


# ---- agreement -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Band:
    """Sums over the parts of the picture (16,), of what two pictures have in one band; `sums` is (6, 16).

    They are of 1 (pixels seen), first, other, first squared, other squared, first times other. `detail` is
    the first picture's.
    """

    sums: NDArray[np.float64]
    n_px: NDArray[np.float64]
    is_resolved: bool
    detail: Plane

    def agreement(self) -> float:
        return float(_correlation(self.sums.sum(axis=1)))

    def weakest(self) -> float:
        """Lower quartile of the agreement of parts; parts without detail in either picture say nothing."""
        seen, one, other, one_squared, other_squared, _ = self.sums
        n = np.maximum(seen, 1)
        power = np.maximum(one_squared / n - (one / n) ** 2, other_squared / n - (other / n) ** 2)
        tells = (seen >= PART_COVERED * self.n_px) & (power >= PART_STRENGTH**2)
        found = _correlation(self.sums[:, tells])
        return float(np.quantile(np.append(found, np.zeros(max(MIN_PARTS - len(found), 0))), 0.25))


def _band_at(scale: float, one: Plane, other: Plane, covered: Plane) -> Band:
    if scale < 1:
        one, other, covered = (_resized(plane, scale)[0] for plane in (one, other, covered))
    inside = (covered > 0.99).astype(np.float32)
    (first, strength), (second, strength_other) = (_normalised(plane, inside) for plane in (one, other))
    ratio = (strength + GRAIN) / (strength_other + GRAIN)
    is_resolved = min(strength, strength_other) >= LEAST_STRENGTH
    is_resolved &= 1 / MAX_STRENGTH_RATIO < ratio < MAX_STRENGTH_RATIO
    planes = np.stack([inside, first, second, first * first, second * second, first * second])
    rows, columns = (np.arange(PARTS) * side // PARTS for side in inside.shape)
    sums = np.add.reduceat(np.add.reduceat(planes, rows, axis=1), columns, axis=2)  # -> (6, 4, 4)
    whole = np.outer(np.diff(rows, append=inside.shape[0]), np.diff(columns, append=inside.shape[1]))
    return Band(sums.reshape(6, -1).astype(np.float64), whole.ravel().astype(float), bool(is_resolved), first)


def _normalised(plane: Plane, inside: Plane) -> tuple[Plane, float]:
    """The band between two Gaussians over its strength nearby, 0 outside; and its strength in all, of 255."""
    band = cv2.GaussianBlur(plane, (0, 0), FINE_PX) - cv2.GaussianBlur(plane, (0, 0), COARSE_PX)
    power = band * band
    nearby = np.sqrt(cv2.GaussianBlur(power, (0, 0), NEARBY_PX))
    strength = np.sqrt((power * inside).sum() / max(inside.sum(), 1))
    return band / (nearby + GRAIN) * inside, float(strength)


def _self_agreement(detail: Plane) -> float:
    """How well the detail agrees with itself elsewhere: near 1 of stripes, checks and straight edges.

    The largest value of its circular autocorrelation beyond `ELSEWHERE_PX`.
    """
    height, width = detail.shape
    power = np.square(np.abs(fft.rfft2(detail - detail.mean())))
    repeated = fft.irfft2(power, s=detail.shape)
    y, x = (np.minimum(np.arange(side), side - np.arange(side)) for side in (height, width))
    elsewhere = np.hypot(y[:, None], x) >= ELSEWHERE_PX
    return float(repeated[elsewhere].max(initial=0) / max(float(repeated[0, 0]), 1e-6))


def _correlation(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of what `Band.sums` sums, shrunk towards 0 where there is hardly any detail."""
    n, one, other, one_squared, other_squared, product = sums
    n = np.maximum(n, 1)
    together = product - one * other / n
    apart = [
        squared - total**2 / n + NO_STRENGTH**2 * n
        for squared, total in ((one_squared, one), (other_squared, other))
    ]
    return together / np.sqrt(apart[0] * apart[1])

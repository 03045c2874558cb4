"""The first look at candidate pairs: align the two thumbnails, and measure what they share.

Three steps, each on what the one before left over.

1. *Shift.* The cross-correlation of the two images' structure (brightness, band-passed) over all small
   shifts, by Fourier transform. Of the candidates only the most alike go on.
2. *Alignment.* The affine map that maximises the enhanced correlation coefficient (Evangelidis & Psarakis
   2008), which brightness and contrast do not change.
3. *Evidence.* How well colour agrees, up to a turn of the hue, and how well structure does, also as compared
   with chance: a plane on a plain sky agrees with many skies, a frog in the grass with itself alone. So an
   agreement counts in standard deviations of the image's agreement with others drawn at random, which
   speaker verification calls S-norm (Kenny 2010).

How alike a pair is, is told in two ways, and either will do: by that, and by how far it stands out among the
candidates of its own two images. Where all images are of one pose, all of them are far beyond chance, and
only the second tells a copy; an image with many copies stands out among them by the first alone.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import fft
from scipy.stats import rankdata

from analysis.progress import progress
from analysis.scrub.duplicate_search.candidates import LUMA, SIDE_PX, Images, Pairs, Planes, structure_of

GRAIN = 1.0  # of 255; structure weaker than this is the noise of compression
CHROMA_GRAIN = 2.0  # likewise for colour
NO_COLOUR = 0.65  # colour agreement where there is no colour to compare
HALF_PX = SIDE_PX // 2  # shifts are searched at half the thumbnail's resolution
SHIFTS = np.arange(-3, 4)  # each way, in pixels of that resolution
N_COHORT = 96  # images that say what agreement chance brings
COPY_IN_COHORT_Z = 8.0  # spreads beyond which an agreement is left out of what chance brings
MIN_DEVIATION = 0.05  # of that agreement, lest a dataset of one picture divide by zero
ALIGNMENT_STEPS, ALIGNMENT_TOLERANCE = 10, 1e-3
MARGIN_PX = 6  # around the middle, which must agree too
MAX_CORRELATION = 0.9999  # beyond which agreement is not told apart
MIN_OVERLAP = 0.4  # of the first picture; with less in common they are no copies
ROWS_AT_ONCE = 4096
MAP_COLUMNS = ["map_xx", "map_xy", "map_x1", "map_yx", "map_yy", "map_y1"]  # an affine map, row by row
Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Chance:
    """Mean and standard deviation of each image's agreement (Fisher's z) with images drawn at random."""

    mean: Numbers
    deviation: Numbers

    def surpassed_by(self, correlation: NDArray, pairs: Pairs) -> Numbers:
        """By how many standard deviations pairs correlate beyond chance, on average of their two images."""
        agreement = fisher_z(correlation)[:, None]
        return ((agreement - self.mean[pairs[:, :2]]) / self.deviation[pairs[:, :2]]).mean(axis=1)


@dataclass(frozen=True)
class FirstLook:
    """Thumbnails prepared to be compared: their structure, at half resolution too, and what chance brings."""

    images: Images
    structure: Planes
    halves: Planes
    chance: Chance


def first_look(images: Images, *, n_drawn_from: int, seed: int) -> FirstLook:
    """`images` are those of `candidates.without_borders`; chance is drawn from the first `n_drawn_from`."""
    structure = structure_of(images)
    halves = _faded_halves(structure)
    cohort = _cohort_rows(n_drawn_from, seed=seed)
    return FirstLook(images, structure, halves, _agreement_by_chance(halves, cohort))


def most_alike(look: FirstLook, pairs: Pairs, *, max_pairs: int) -> tuple[Pairs, NDArray[np.int64]]:
    """At most so many of the pairs, those that agree best at some small shift, and that shift (x, y)."""
    correlation, shifts = _correlating(look.halves, pairs)
    beyond_chance = look.chance.surpassed_by(correlation, pairs)
    kept = np.sort(best_first(beyond_chance, pairs, correlation)[:max_pairs])
    return pairs[kept], shifts[kept]


def best_first(likeness: NDArray, pairs: Pairs, correlation: NDArray) -> NDArray[np.int64]:
    """Positions of the pairs, first the most alike or those that stand out among their images' candidates."""
    ranks = [rankdata(-values) for values in (likeness, _standing_out(pairs, correlation))]
    return np.argsort(np.minimum(*ranks), kind="stable")


def likeness_of(table: pd.DataFrame) -> Numbers:
    """Log-odds of a copy by the thumbnails alone, of pairs that are `aligned`, whatever the dataset.

    Fitted by logistic regression to 560 pairs of CIFAR-10 that were hard to tell apart and judged by eye.
    """
    structure, colour = table["structure_z"], table["colour_agreement"]
    return (0.58 * structure + 10.1 * colour - 6.6 * table["hue_degrees"].abs() / 180).to_numpy()


def _standing_out(pairs: Pairs, correlation: NDArray) -> Numbers:
    """By how much a pair agrees better (Fisher's z) than the middle one of either image's candidates."""
    agreement = np.tile(fisher_z(correlation), 2)
    image = pd.Series(pairs[:, :2].T.ravel())
    middle = pd.Series(agreement).groupby(image).transform("median").to_numpy()
    return (agreement - middle).reshape(2, -1).mean(axis=0)


def aligned(look: FirstLook, pairs: Pairs, shifts: NDArray[np.int64], *, n_workers: int) -> pd.DataFrame:
    """One row per pair, the better of its upright and its mirrored form, by rows.

    `row_a`, `row_b`, `is_mirrored`; the evidence `structure_agreement` (a correlation), `structure_z` (beyond
    chance) and `colour_agreement`; the change from a to b: `scale`, `stretch` (of width over height),
    `rotation_degrees`, `shift_px`, `overlap_fraction`, `brightness_change` (of 255), `contrast_ratio`,
    `hue_degrees`, `saturation_levels` and `tint_levels` (of 255: by how much colour spreads, and lies,
    otherwise than the contrast alone would make it); and `MAP_COLUMNS`, from the pixels of a to those of b.
    Pairs that share too little are not among them.
    """
    table = _aligned(look.images, look.structure, pairs, shifts, n_workers=n_workers)
    table["structure_z"] = look.chance.surpassed_by(table["structure_agreement"].to_numpy(), pairs)
    order = ["row_a", "row_b", "structure_agreement"]
    table = table[table["overlap_fraction"] >= MIN_OVERLAP]
    best = table.sort_values(order, ascending=[True, True, False], kind="stable")
    return best.drop_duplicates(["row_a", "row_b"], ignore_index=True)


# ---- shift -----------------------------------------------------------------------------------------------


def _faded_halves(structure: Planes) -> Planes:
    """At half resolution, faded towards the edges (a shift moves other content in), of length one."""
    n = len(structure)
    halves = structure.reshape(n, HALF_PX, 2, HALF_PX, 2).mean(axis=(2, 4))  # (n, 32, 32) -> (n, 16, 16)
    fade = np.sqrt(np.hanning(HALF_PX + 4)[2:-2]).astype(np.float32)
    halves *= fade[:, None] * fade
    halves -= halves.mean(axis=(1, 2), keepdims=True)
    return halves / (np.linalg.norm(halves, axis=(1, 2), keepdims=True) + GRAIN)


def _cohort_rows(n: int, *, seed: int) -> NDArray[np.int64]:
    return np.sort(np.random.default_rng(seed).choice(n, min(N_COHORT, n), replace=False))


def _agreement_by_chance(halves: Planes, cohort: NDArray[np.int64]) -> Chance:
    """Each image's best correlation, at any small shift or mirrored, with every image of a random cohort."""
    n, n_cohort = len(halves), len(cohort)
    views = _every_view(halves[cohort])
    mean, deviation = np.full(n, np.nan), np.full(n, np.nan)
    for rows in _blocks(n, 1024):
        vectors = halves[rows].reshape(-1, HALF_PX**2)
        best = (vectors @ views.T).reshape(len(vectors), -1, n_cohort).max(axis=1)
        agreement = fisher_z(best)
        is_itself = np.arange(n)[rows, None] == cohort
        agreement = np.ma.array(agreement, mask=is_itself | _far_above_the_rest(agreement))
        mean[rows], deviation[rows] = agreement.mean(axis=1), agreement.std(axis=1)
    return Chance(mean, np.maximum(deviation, MIN_DEVIATION))


def _far_above_the_rest(agreement: NDArray) -> NDArray[np.bool_]:
    """Where a cohort itself holds copies of an image, as that of a small dataset does."""
    median = np.median(agreement, axis=1, keepdims=True)
    spread = np.median(np.abs(agreement - median), axis=1, keepdims=True) / 0.6745  # of a normal distribution
    return agreement > median + COPY_IN_COHORT_Z * np.maximum(spread, MIN_DEVIATION)


def _every_view(halves: Planes) -> NDArray[np.float32]:
    """The images at every small shift, upright and mirrored; (98 n, 256)."""
    views = [
        np.roll(view, (y, x), axis=(1, 2)).reshape(-1, HALF_PX**2)
        for view in (halves, halves[:, :, ::-1])
        for y in SHIFTS
        for x in SHIFTS
    ]
    return np.concatenate(views)


def fisher_z(correlation: NDArray) -> NDArray:
    return np.arctanh(np.clip(correlation, 0, MAX_CORRELATION))


def _correlating(halves: Planes, pairs: Pairs) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """How well each pair correlates at the best small shift, and that shift (x, y) in pixels."""
    spectra = [fft.rfft2(halves), fft.rfft2(halves[:, :, ::-1])]  # upright, mirrored
    to_shifts = _inverse_transform_at_shifts()
    correlation, best = np.empty(len(pairs), dtype=np.float32), np.empty(len(pairs), dtype=np.int64)
    blocks = _blocks(len(pairs))
    for rows in progress(blocks, description="pairs correlated", unit=f"blocks of {ROWS_AT_ONCE:,}"):
        one, other, is_mirrored = pairs[rows].T
        second = np.where(is_mirrored[:, None, None] == 1, spectra[1][other], spectra[0][other])
        product = (spectra[0][one].conj() * second).reshape(len(one), -1)
        at_shifts = product.view(np.float32) @ to_shifts
        best[rows] = at_shifts.argmax(axis=1)
        correlation[rows] = at_shifts.max(axis=1)
    y, x = np.divmod(best, len(SHIFTS))
    return correlation, 2 * np.stack([SHIFTS[x], SHIFTS[y]], axis=1)


def _inverse_transform_at_shifts() -> NDArray[np.float32]:
    """The inverse Fourier transform as a matrix, for the few shifts that are wanted; (288, 49)."""
    shape = (HALF_PX, HALF_PX // 2 + 1)
    units = np.eye(np.prod(shape), dtype=np.complex64).reshape(-1, *shape)
    parts = np.stack([units, 1j * units], axis=1).reshape(-1, *shape)  # real and imaginary, as in memory
    correlation = fft.irfft2(parts, s=(HALF_PX, HALF_PX))
    return correlation[:, SHIFTS[:, None], SHIFTS].reshape(len(parts), -1).astype(np.float32)


# ---- alignment -------------------------------------------------------------------------------------------


def _aligned(
    images: Images, structure: Planes, pairs: Pairs, shifts: NDArray[np.int64], *, n_workers: int
) -> pd.DataFrame:
    """What the two images of each pair share once the second lies upon the first."""

    def lay(pair: NDArray, shift: NDArray) -> tuple:
        return _overlay(images, structure, *pair.tolist(), *shift.tolist())

    tables = [_no_rows()]
    bar = progress(description="pairs aligned", unit="pairs", total=len(pairs))
    with ThreadPoolExecutor(n_workers) as pool, bar:
        for rows in _blocks(len(pairs)):
            laid = zip(*pool.map(lay, pairs[rows], shifts[rows]), strict=True)
            correlation, warps, seconds, inside = (np.stack(part) for part in laid)
            table = pd.DataFrame(pairs[rows], columns=["row_a", "row_b", "is_mirrored"])
            maps = dict(zip(MAP_COLUMNS, warps.reshape(-1, 6).T, strict=True))
            changes = maps | _geometry_of(warps) | _colour_evidence(images[pairs[rows, 0]], seconds, inside)
            tables.append(table.assign(structure_agreement=correlation, **changes))
            bar.update(len(table))
    return pd.concat(tables, ignore_index=True).astype({"is_mirrored": bool})


def _overlay(images: Images, structure: Planes, a: int, b: int, mirror: int, x: int, y: int) -> tuple:
    """The second image laid upon the first: correlation, affine map, its pixels, and where it has any."""
    step = -1 if mirror else 1
    second = np.ascontiguousarray(structure[b, :, ::step])
    warp = _align(structure[a], second, x, y)
    size, flags = (SIDE_PX, SIDE_PX), cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    pixels = cv2.warpAffine(np.ascontiguousarray(images[b, :, ::step]), warp, size, flags=flags)
    inside = cv2.warpAffine(np.ones(size, dtype=np.float32), warp, size, flags=flags) > 0.99
    aligned = cv2.warpAffine(second, warp, size, flags=flags)
    whole = _correlation(structure[a][inside], aligned[inside])
    middle = _correlation(structure[a][inside & _MIDDLE], aligned[inside & _MIDDLE])
    return min(whole, middle), warp, pixels, inside


# Two pictures in like frames agree, but only around: the middle must agree as well as the whole.
_MIDDLE = np.zeros((SIDE_PX, SIDE_PX), dtype=bool)
_MIDDLE[MARGIN_PX:-MARGIN_PX, MARGIN_PX:-MARGIN_PX] = True


def _align(first: NDArray, second: NDArray, x: int, y: int) -> NDArray[np.float32]:
    """The affine map from the first image's pixels to the second's that lets them correlate best."""
    start = np.array([[1, 0, x], [0, 1, y]], dtype=np.float32)
    criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, ALIGNMENT_STEPS, ALIGNMENT_TOLERANCE)
    try:
        _, warp = cv2.findTransformECC(
            first, second, start, cv2.MOTION_AFFINE, criteria, inputMask=None, gaussFiltSize=1
        )
    except cv2.error as error:
        if error.code != cv2.Error.StsNoConv:
            raise
        return np.array([[1, 0, x], [0, 1, y]], dtype=np.float32)  # no map makes them correlate
    return warp


def _correlation(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Correlation of two sets of pixels, shrunk towards 0 where there is hardly any structure."""
    if one.size == 0:
        return 0.0
    one, other = one - one.mean(), other - other.mean()
    grain = GRAIN**2 * one.size
    return float(one @ other / np.sqrt((one @ one + grain) * (other @ other + grain)))


def _geometry_of(warps: NDArray[np.float32]) -> dict[str, Numbers]:
    """How the second image lies to the first, from affine maps (m, 2, 3)."""
    linear, offset = warps[:, :, :2].astype(float), warps[:, :, 2].astype(float)
    width, height = np.linalg.norm(linear, axis=1).T  # lengths of the columns
    middle = np.full(2, (SIDE_PX - 1) / 2)
    rotation = np.arctan2(linear[:, 1, 0] - linear[:, 0, 1], linear[:, 0, 0] + linear[:, 1, 1])
    return {
        "scale": np.sqrt(width * height),
        "stretch": width / np.maximum(height, 1e-6),
        "rotation_degrees": np.degrees(rotation),
        "shift_px": np.linalg.norm(linear @ middle + offset - middle, axis=1),
    }


# ---- evidence --------------------------------------------------------------------------------------------


def _colour_evidence(first: Images, second: Images, inside: NDArray[np.bool_]) -> dict[str, Numbers]:
    """What changed in brightness and colour, and how well colour agrees, where the images overlap.

    Chroma as a complex number, Cb + i Cr: the size of the complex correlation stays when all hues turn by
    one angle, which is its phase. Where either image is grey there is nothing to compare, and the agreement
    tends to `NO_COLOUR`.
    """
    within = inside.reshape(-1, SIDE_PX**2).astype(np.float32)
    n_px = np.maximum(within.sum(axis=1), 1)
    lumas, chromas = zip(*(_luma_and_chroma(images) for images in (first, second)), strict=True)
    means = [(luma * within).sum(axis=1) / n_px for luma in lumas]
    deviations = [
        np.sqrt(((luma - mean[:, None]) ** 2 * within).sum(axis=1) / n_px)
        for luma, mean in zip(lumas, means, strict=True)
    ]
    tints = [(chroma * within).sum(axis=1) / n_px for chroma in chromas]
    one, other = ((chroma - tint[:, None]) * within for chroma, tint in zip(chromas, tints, strict=True))
    together = (one.conj() * other).sum(axis=1)
    powers = [(np.abs(chroma) ** 2).sum(axis=1) for chroma in (one, other)]
    strength = np.sqrt(powers[0] * powers[1])
    grain = CHROMA_GRAIN**2 * n_px
    contrast_ratio = (deviations[1] + GRAIN) / (deviations[0] + GRAIN)
    spreads = [np.sqrt(power / n_px) for power in powers]
    return {
        "overlap_fraction": within.mean(axis=1),
        "colour_agreement": (np.abs(together) + NO_COLOUR * grain) / (strength + grain),
        "hue_degrees": np.where(strength > grain, np.degrees(np.angle(together)), 0.0),
        "brightness_change": means[1] - means[0],
        "contrast_ratio": contrast_ratio,
        "saturation_levels": np.abs(spreads[1] - contrast_ratio * spreads[0]),
        "tint_levels": np.abs(tints[1] - contrast_ratio * tints[0]),
    }


_CHROMA = np.array([-0.169 + 0.5j, -0.331 - 0.419j, 0.5 - 0.081j], dtype=np.complex64)  # ITU-R BT.601


def _luma_and_chroma(images: Images) -> tuple[NDArray[np.float32], NDArray[np.complex64]]:
    pixels = images.reshape(-1, SIDE_PX**2, 3).astype(np.float32)  # (m, 32, 32, 3) -> (m, 1024, 3)
    return pixels @ LUMA, pixels @ _CHROMA


def _blocks(n: int, size: int = ROWS_AT_ONCE) -> list[slice]:
    return [slice(i, min(i + size, n)) for i in range(0, n, size)]


def _no_rows() -> pd.DataFrame:
    """The columns of the table, so that a dataset without a single candidate has them too."""
    no_image = np.zeros((0, SIDE_PX, SIDE_PX, 3), dtype=np.uint8)
    numbers = _geometry_of(np.zeros((0, 2, 3), dtype=np.float32))
    numbers |= _colour_evidence(no_image, no_image, np.zeros((0, SIDE_PX, SIDE_PX), dtype=bool))
    pairs = pd.DataFrame(np.zeros((0, 3), dtype=np.int64), columns=["row_a", "row_b", "is_mirrored"])
    maps = dict.fromkeys(MAP_COLUMNS, np.zeros(0, dtype=np.float32))
    return pairs.assign(structure_agreement=np.zeros(0), **maps, **numbers)

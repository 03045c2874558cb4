"""Tells the true copies among candidate pairs: align the two images, then ask what they share beyond chance.

Three steps, each on what the one before left over.

1. *Shift.* The cross-correlation of the two images' structure (brightness, band-passed) over all small
   shifts, by Fourier transform. Most candidates end here.
2. *Alignment.* The affine map that maximises the enhanced correlation coefficient (Evangelidis & Psarakis
   2008), which brightness and contrast do not change.
3. *Evidence.* How well colour agrees, up to a turn of the hue, and how well structure does, in both steps
   compared with chance: a plane on a plain sky agrees with many skies, a frog in the grass with itself alone.
   So an agreement counts in standard deviations of the image's agreement with others drawn at random, which
   speaker verification calls S-norm (Kenny 2010), and one threshold serves photographs and pen strokes.

A logistic function turns the evidence into a score in [0, 1]; 1 is surely a copy. Two copies of one image
that the search did not bring together are then compared as well.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import fft

from analysis.progress import progress
from analysis.scrub.duplicate_search.candidates import LUMA, SIDE_PX, Images, Pairs, Planes, structure_of

GRAIN = 1.0  # of 255; structure weaker than this is the noise of compression
CHROMA_GRAIN = 2.0  # likewise for colour
NO_COLOUR = 0.65  # colour agreement where there is no colour to compare
HALF_PX = SIDE_PX // 2  # shifts are searched at half the thumbnail's resolution
SHIFTS = np.arange(-3, 4)  # each way, in pixels of that resolution
MIN_SHIFTED_Z = 4.0  # 99 in 100 of the pairs that a person takes for copies lie above, 7 in 100 candidates do
N_COHORT = 96  # images that say what agreement chance brings
COPY_IN_COHORT_Z = 8.0  # spreads beyond which an agreement is left out of what chance brings
MIN_DEVIATION = 0.05  # of that agreement, lest a dataset of one picture divide by zero
ALIGNMENT_STEPS, ALIGNMENT_TOLERANCE = 10, 1e-3
MAX_SPOKES = 50  # copies of one image between which pairs are tried: a thousand would make half a million
MARGIN_PX = 6  # around the middle, which must agree too
MIN_OVERLAP = 0.6  # of the picture; with less in common it is another picture
COPY_SCORE = 0.5  # more likely a copy than not: pairs between the copies of one image are tried as well
ROWS_AT_ONCE = 4096
Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Calibration:
    """Log-odds of a copy: bias + structure x structure_z + colour x colour_agreement + hue x |turn of hue|.

    Fitted by logistic regression to 560 pairs of CIFAR-10 that were hard to tell apart and judged by eye, in
    the proportions in which they occur among the candidates there, and to 1,500 planted copies.
    """

    bias: float
    structure: float
    colour: float
    hue: float  # for a turn by 180 degrees


CALIBRATION = Calibration(bias=-13.1, structure=0.58, colour=10.1, hue=-6.6)


@dataclass(frozen=True)
class Chance:
    """Mean and standard deviation of each image's agreement (Fisher's z) with images drawn at random."""

    mean: Numbers
    deviation: Numbers

    def surpassed_by(self, correlation: NDArray, pairs: Pairs) -> Numbers:
        """By how many standard deviations pairs correlate beyond chance, on average of their two images."""
        agreement = _fisher_z(correlation)[:, None]
        return ((agreement - self.mean[pairs[:, :2]]) / self.deviation[pairs[:, :2]]).mean(axis=1)


def verify(images: Images, pairs: Pairs, *, min_score: float, seed: int, n_workers: int) -> pd.DataFrame:
    """The pairs that score at least `min_score`, and those between sure copies of one image, tried as well.

    A sure copy scores `COPY_SCORE`, whatever `min_score` is: so a higher one leaves out rows, and no more.

    Parameters
    ----------
    images
        Those of `candidates.without_borders`.
    pairs
        Lower row, higher row, and whether the second is to be mirrored first.

    Returns
    -------
    One row per pair, the better of its upright and its mirrored form: `row_a`, `row_b`, `is_mirrored`,
    `score` (1 is surely a copy), the evidence `structure_z` and `colour_agreement`, and the change from a to
    b: `scale`, `stretch` (of width over height), `rotation_degrees`, `shift_px`, `overlap_fraction`,
    `brightness_change` (of 255), `contrast_ratio`, `hue_degrees`, `saturation_levels` and `tint_levels` (of
    255: by how much colour spreads, and lies, otherwise than the contrast alone would make it). Pairs that
    share too little to be aligned are not among them.
    """
    structure = structure_of(images)
    halves = _faded_halves(structure)
    chance = _agreement_by_chance(halves, seed=seed)

    def copies_among(pairs: Pairs) -> pd.DataFrame:
        correlating, shifts = _correlating(halves, pairs, chance)
        table = _aligned(images, structure, correlating, shifts, n_workers=n_workers)
        table["structure_z"] = chance.surpassed_by(table.pop("correlation").to_numpy(), correlating)
        table["score"] = _score(table)
        return table[(table["overlap_fraction"] >= MIN_OVERLAP) & (table["score"] >= min_score)]

    found = copies_among(pairs)
    sure = found[found["score"] >= COPY_SCORE]
    found = pd.concat([found, copies_among(_between_copies(sure, known=pairs))])
    best_first = found.sort_values(["row_a", "row_b", "score"], ascending=[True, True, False], kind="stable")
    return best_first.drop_duplicates(["row_a", "row_b"], ignore_index=True)


def _between_copies(copies: pd.DataFrame, *, known: Pairs) -> Pairs:
    """Pairs of images that are both copies of a third; a search for the nearest few misses some of many."""
    there = copies[["row_a", "row_b", "is_mirrored", "score"]].set_axis(
        ["hub", "row", "turn", "score"], axis=1
    )
    back = there.rename(columns={"hub": "row", "row": "hub"})
    spokes = pd.concat([there, back]).sort_values("score", ascending=False, kind="stable")
    spokes = spokes.groupby("hub").head(MAX_SPOKES)
    wedges = spokes.merge(spokes, on="hub", suffixes=("_a", "_b"))
    wedges = wedges[wedges["row_a"] < wedges["row_b"]]
    is_mirrored = wedges["turn_a"].to_numpy() ^ wedges["turn_b"].to_numpy()
    pairs = np.column_stack([wedges["row_a"], wedges["row_b"], is_mirrored]).astype(np.int64)
    new = set(map(tuple, pairs.tolist())) - set(map(tuple, known.tolist()))
    return np.array(sorted(new), dtype=np.int64).reshape(-1, 3)


# ---- shift -----------------------------------------------------------------------------------------------


def _faded_halves(structure: Planes) -> Planes:
    """At half resolution, faded towards the edges (a shift moves other content in), of length one."""
    n = len(structure)
    halves = structure.reshape(n, HALF_PX, 2, HALF_PX, 2).mean(axis=(2, 4))  # (n, 32, 32) -> (n, 16, 16)
    fade = np.sqrt(np.hanning(HALF_PX + 4)[2:-2]).astype(np.float32)
    halves *= fade[:, None] * fade
    halves -= halves.mean(axis=(1, 2), keepdims=True)
    return halves / (np.linalg.norm(halves, axis=(1, 2), keepdims=True) + GRAIN)


def _agreement_by_chance(halves: Planes, *, seed: int) -> Chance:
    """Each image's best correlation, at any small shift or mirrored, with every image of a random cohort."""
    n, n_cohort = len(halves), min(N_COHORT, len(halves))
    cohort = np.sort(np.random.default_rng(seed).choice(n, n_cohort, replace=False))
    views = _every_view(halves[cohort])
    mean, deviation = np.full(n, np.nan), np.full(n, np.nan)
    for rows in _blocks(n, 1024):
        vectors = halves[rows].reshape(-1, HALF_PX**2)
        best = (vectors @ views.T).reshape(len(vectors), -1, n_cohort).max(axis=1)
        agreement = _fisher_z(best)
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


def _fisher_z(correlation: NDArray) -> NDArray:
    return np.arctanh(np.clip(correlation, 0, 0.9999))


def _correlating(halves: Planes, pairs: Pairs, chance: Chance) -> tuple[Pairs, NDArray[np.int64]]:
    """The pairs that correlate beyond chance at some small shift, and that shift (x, y) in pixels."""
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
    kept = chance.surpassed_by(correlation, pairs) >= MIN_SHIFTED_Z
    y, x = np.divmod(best[kept], len(SHIFTS))
    return pairs[kept], 2 * np.stack([SHIFTS[x], SHIFTS[y]], axis=1)


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
            changes = _geometry_of(warps) | _colour_evidence(images[pairs[rows, 0]], seconds, inside)
            tables.append(table.assign(correlation=correlation, **changes))
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


def _score(table: pd.DataFrame) -> pd.Series:
    weights = CALIBRATION
    log_odds = (
        weights.bias
        + weights.structure * table["structure_z"]
        + weights.colour * table["colour_agreement"]
        + weights.hue * table["hue_degrees"].abs() / 180
    )
    return 1 / (1 + np.exp(-log_odds))


def _blocks(n: int, size: int = ROWS_AT_ONCE) -> list[slice]:
    return [slice(i, min(i + size, n)) for i in range(0, n, size)]


def _no_rows() -> pd.DataFrame:
    """The columns of the table, so that a dataset without a single candidate has them too."""
    no_image = np.zeros((0, SIDE_PX, SIDE_PX, 3), dtype=np.uint8)
    numbers = _geometry_of(np.zeros((0, 2, 3), dtype=np.float32))
    numbers |= _colour_evidence(no_image, no_image, np.zeros((0, SIDE_PX, SIDE_PX), dtype=bool))
    pairs = pd.DataFrame(np.zeros((0, 3), dtype=np.int64), columns=["row_a", "row_b", "is_mirrored"])
    return pairs.assign(correlation=np.zeros(0), **numbers)

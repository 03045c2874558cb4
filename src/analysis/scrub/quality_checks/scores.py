"""Checks that measure by how much an image is dark, bright, blurry, bare, odd in size or unlike the others.

Every check takes the `images` table (see `facts`) and, by keyword, its thresholds. Pixels are judged
only of images that were read whole: what stands for the missing part of a truncated one was never seen.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.contract import FindingKind
from analysis.scrub.quality_checks import findings as kinds
from analysis.scrub.quality_checks.findings import Check
from analysis.scrub.quality_checks.usual import kinds_of, usual

SHARP_DETAIL = 1.1  # the median of photographs: 1.06 over clothes, 1.07 CIFAR-10, 1.12 scikit-image's
LEAST_DETAIL, LEAST_LIGHT = 1e-3, 1 / 255  # what less is counted as, as logarithms need something
MIN_JUDGED_PX = 64  # longer side, from which fine detail is held against that of photographs
MOVED_BELOW = 0.5  # the least fine detail over the most; 0.8 in most images
LEFT_BY_BLUR = 0.05  # fine detail that blur leaves at most where it is strong: 0.02 out of focus, 0.1 moved
BLURRED_SPREADS = -3.0  # from the median: what lies so far below may be told from what is usual
DOUBTFUL_SPREADS = 0.5  # of fine detail, from the threshold
DOUBTFUL_LIGHT = 0.2  # of the threshold
NEXT_TO_END = 0.2  # of the scale: hardly anything is seen so near to black, or to white, in any dataset
DOUBT = "; doubtful, as it is near the threshold"
MAX_CONTRAST = 0.5  # standard deviation of brightness: half black, half white
USUAL_QUANTILES = (0.05, 0.95)


class Unusual(NamedTuple):
    """What counts as unusual: a `fraction` of the median, or so far from it that among what is flagged only
    `false_share` is expected to be usual (`usual`)."""

    fraction: float
    false_share: float


# ---- light, detail and information -----------------------------------------------------------------------


def too_dark(images: pd.DataFrame, *, below: float, unusual: Unusual, min_images: int) -> Check:
    """The brightest part, however small, as a lamp at night can be seen. Score: 1 − its brightness."""
    brightest = _of_whole(images, "brightest").rename("brightness of the brightest part")
    lower = _light_limit(brightest, below, unusual, min_images)
    return _judged(
        kinds.TOO_DARK, brightest, score=1 - brightest, lower=lower, doubtful_within=DOUBTFUL_LIGHT * lower
    )


def too_bright(images: pd.DataFrame, *, above: float, unusual: Unusual, min_images: int) -> Check:
    """The darkest part, however small, as the letters on a page are. Score: its brightness."""
    darkest = _of_whole(images, "darkest").rename("brightness of the darkest part")
    reach = _light_limit(1 - darkest, 1 - above, unusual, min_images)
    return _judged(
        kinds.TOO_BRIGHT, darkest, score=darkest, upper=1 - reach, doubtful_within=DOUBTFUL_LIGHT * reach
    )


def _light_limit(light: pd.Series, below: float, unusual: Unusual, min_images: int) -> float:
    """The lowest of `below`, a fraction of the median, and what is usual, but this not below `NEXT_TO_END`.

    Where a whole dataset is dark, as X-rays are, what is usual there is no fault; but next to black is.
    """
    if light.count() < min_images:
        return below
    of_median = unusual.fraction * light.median()
    values = light.clip(lower=LEAST_LIGHT).to_numpy(float)
    found = usual(values, np.zeros(len(values), np.int64), false_share=unusual.false_share)
    known = np.flatnonzero(np.isfinite(found.medians))[0]
    tail = found.medians[known] * np.exp(found.limit * found.spreads[known])
    return float(min(below, of_median, max(NEXT_TO_END, tail)))


def blurry(images: pd.DataFrame, *, below: float, unusual: Unusual, min_images: int) -> Check:
    """Fine detail along the direction in which there is least (`analysis.obtain.scan.legibility`).

    Out of focus it is low along all directions, moved along one. What is usual differs more between kinds of
    images than blur changes it, from 3 in pages of text to 0.2 in X-rays, so that it is held against what is
    usual in images of its own kind in this dataset (`usual`). Where blur would leave no less than is usual,
    nothing is said. Score: 0 from the kind's median upwards, 1 for no fine detail.

    With fewer than `min_images` an absolute threshold holds, for images large enough to show fine detail.
    """
    least = _of_whole(images, "least_fine_detail")
    least = least.where(least > 0).clip(lower=LEAST_DETAIL)
    if least.count() < min_images:
        longer_px = images[["width_px", "height_px"]].astype(float).max(axis=1)
        least = least.where(longer_px >= MIN_JUDGED_PX).rename("fine detail (about 1 in photographs)")
        score = (1 - least / SHARP_DETAIL).clip(0, 1)
        return _judged(kinds.BLURRY, least, score=score, lower=below)
    values = least.to_numpy(float)
    found = usual(values, kinds_of(images, values), false_share=unusual.false_share)
    is_told = found.medians * np.exp(BLURRED_SPREADS * found.spreads) >= LEFT_BY_BLUR
    deviation = least.where(is_told) * 0 + found.deviations
    check = _judged(
        kinds.BLURRY,
        deviation.rename("fine detail, in spreads from the usual of its kind"),
        score=(1 - least.where(is_told) / found.medians).clip(0, 1),
        lower=found.limit,
        doubtful_within=DOUBTFUL_SPREADS,
        style="{:.1f}",
    )
    return replace(check, detail=_blur_detail(images, least, found.medians, check))


def _blur_detail(
    images: pd.DataFrame, least: pd.Series, medians: NDArray[np.float64], check: Check
) -> pd.Series:
    is_flagged = check.is_flagged
    ratio = (least / images["most_fine_detail"])[is_flagged]
    way = np.where(ratio < MOVED_BELOW, "along one direction, as when something moved", "in all directions")
    rows = zip(least[is_flagged], medians[is_flagged.to_numpy()], way, check.detail, strict=True)
    said = [
        f"fine detail is {value:.2g}, usual in images like it {median:.2g}; lowest {where}"
        + (DOUBT if detail.endswith(DOUBT) else "")
        for value, median, where, detail in rows
    ]
    return pd.Series(said, index=check.detail.index, dtype="string")


def low_information(images: pd.DataFrame, *, below: float) -> Check:
    """From the darkest to the brightest part, larger than specks of noise; score: 1 − that range.

    Absolute, as one shade is one shade in any dataset. A mask or a page of few letters has few grey levels,
    but they lie far apart.
    """
    tonal_range = _of_whole(images, "tonal_range").rename("range of brightness")
    return _judged(kinds.LOW_INFORMATION, tonal_range, score=1 - tonal_range, lower=below)


def black_dataset(images: pd.DataFrame, *, below: float, fraction: float) -> Check:
    """As `too_dark`, by an absolute threshold alone, where it holds for this fraction of the whole images.

    More contrast than values up to `below` can have (half of it, Popoviciu 1935) is that of bright points
    on black, such as stars: these are no fault.
    """
    p99 = _of_whole(images, "brightness_p99").rename("99th percentile of brightness")
    is_black = (p99 < below) & (_of_whole(images, "contrast") < below / 2)
    return _of_most(kinds.BLACK_DATASET, p99, is_black, 1 - p99, below, fraction)


def blank_dataset(images: pd.DataFrame, *, below: float, black_below: float, fraction: float) -> Check:
    """Images of one shade, but for black ones, where they are this fraction of the whole images."""
    contrast = _of_whole(images, "contrast").rename("contrast")
    is_blank = (contrast < below) & (_of_whole(images, "brightness_p99") >= black_below)
    score = 1 - contrast / MAX_CONTRAST
    return _of_most(kinds.BLANK_DATASET, contrast, is_blank, score, below, fraction)


def _of_most(
    kind: FindingKind, measure: pd.Series, is_so: pd.Series, score: pd.Series, below: float, fraction: float
) -> Check:
    """Flags the images of which it `is_so`, if they are at least that fraction of those judged."""
    n, n_judged = int(is_so.sum()), int(measure.count())
    is_flagged = is_so & (n >= fraction * n_judged)
    said = [
        f"{measure.name} is {value:.2g}; so in {n:,} of {n_judged:,} images" for value in measure[is_flagged]
    ]
    return Check(
        kind,
        score,
        is_flagged,
        detail=pd.Series(said, index=measure.index[is_flagged], dtype="string"),
        rule=f"{measure.name} below {below:.3g} in at least {fraction:.0%} of the images",
    )


def cut_short(images: pd.DataFrame, *, above: float) -> Check:
    """Rows at the end that are a decoder's grey for missing data (`analysis.obtain.scan.cut_short`).

    Score: 0 without such an end, else from 0.5 on to 1, as hardly any other picture ends so.
    """
    share = _of_whole(images, "grey_end_fraction").rename("grey end, share of the rows")
    score = (0.5 + share / 2).where(share > 0, share)
    return _judged(kinds.CUT_SHORT, share, score=score, upper=above)


def _of_whole(images: pd.DataFrame, column: str) -> pd.Series:
    return images[column].where(images["status"] == "ok").astype(float)


def _judged(
    kind: FindingKind,
    measure: pd.Series,
    *,
    score: pd.Series,
    lower: float = -np.inf,
    upper: float = np.inf,
    doubtful_within: float = 0,
    style: str = "{:.3g}",
    usual: str = "",
) -> Check:
    """Flags the images whose `measure` (its name says what it is) lies beyond a threshold.

    Those that lie `doubtful_within` of it are called doubtful.
    """
    is_flagged = (measure < lower) | (measure > upper)
    values = measure[is_flagged]
    crossed = np.where(values < lower, lower, upper)
    detail = [
        f"{measure.name} is {style.format(value)}, threshold {style.format(limit)}{usual}"
        + (DOUBT if abs(value - limit) < doubtful_within else "")
        for value, limit in zip(values, crossed, strict=True)
    ]
    limits = {"below": lower, "above": upper}
    beyond = [f"{side} {style.format(limit)}" for side, limit in limits.items() if np.isfinite(limit)]
    return Check(
        kind,
        score,
        is_flagged,
        detail=pd.Series(detail, index=measure.index[is_flagged], dtype="string"),
        rule=f"{measure.name} {' or '.join(beyond) or 'not judged: too few images'}{usual}",
        measure=measure,
        lower=lower,
        upper=upper,
    )


# ---- size and shape --------------------------------------------------------------------------------------


def odd_size(images: pd.DataFrame, *, factor: float, min_images: int) -> Check:
    """Number of pixels against the range of the middle 90% of images."""
    n_pixels = _n_pixels(images).rename("number of pixels")
    return _outside_usual(kinds.ODD_SIZE, images, n_pixels, factor, min_images, style="{:,.0f}")


def odd_aspect_ratio(images: pd.DataFrame, *, factor: float, min_images: int) -> Check:
    """Width over height against the range of the middle 90% of images."""
    ratio = images["width_px"].astype(float) / images["height_px"].astype(float)
    ratio = ratio.rename("width / height")
    return _outside_usual(kinds.ODD_ASPECT_RATIO, images, ratio, factor, min_images, style="{:.3g}")


def _n_pixels(images: pd.DataFrame) -> pd.Series:
    return images["width_px"].astype(float) * images["height_px"].astype(float)


def _outside_usual(
    kind: FindingKind,
    images: pd.DataFrame,
    measure: pd.Series,
    factor: float,
    min_images: int,
    *,
    style: str,
) -> Check:
    """Score: 1 − 1 / times outside the usual range, so 0 within it, 0.5 at twice its end, 0.9 at ten times.

    Quantiles hold where quartile fences do not: where most images have one size, the fences lie on it and a
    single pixel more is an outlier. Here nothing within `factor` is flagged, and a second size that over 5%
    of the images have is usual too. With fewer than `min_images` nothing is known to be usual.
    """
    known = measure.dropna()
    if len(known) < min_images:
        unknown = pd.Series(np.nan, index=measure.index)
        return _judged(kind, unknown.rename(measure.name), score=unknown, style=style)
    low = known.quantile(USUAL_QUANTILES[0], interpolation="higher")
    high = known.quantile(USUAL_QUANTILES[1], interpolation="lower")
    times = np.maximum(low / measure, measure / high).clip(lower=1)
    usual = f" (usual: {style.format(low)} to {style.format(high)})"
    check = _judged(
        kind, measure, score=1 - 1 / times, lower=low / factor, upper=high * factor, style=style, usual=usual
    )
    size = images["width_px"].astype("string") + "×" + images["height_px"].astype("string") + " px: "
    return replace(check, detail=size[check.is_flagged] + check.detail)


# ---- unlike the others -----------------------------------------------------------------------------------


def greyscale_among_colour(images: pd.DataFrame, *, minority_fraction: float, min_images: int) -> Check:
    """Score: for a greyscale image the share of colour images; 0 for a colour image."""
    is_grey = _is_greyscale(images)
    return _rare_content(kinds.GREYSCALE_AMONG_COLOUR, is_grey, "greyscale", minority_fraction, min_images)


def colour_among_greyscale(images: pd.DataFrame, *, minority_fraction: float, min_images: int) -> Check:
    """Score: for a colour image the share of greyscale images; 0 for a greyscale image."""
    is_colour = ~_is_greyscale(images)
    return _rare_content(kinds.COLOUR_AMONG_GREYSCALE, is_colour, "in colour", minority_fraction, min_images)


def unexpected_mode(images: pd.DataFrame, *, minority_fraction: float, min_images: int) -> Check:
    """Score: the share of images stored in another mode.

    A greyscale image in mode L is compared with greyscale images and a colour one in RGB with colour images,
    so that a greyscale image among colour ones is not reported again for being stored as one.
    """
    mode, is_grey = _mode(images), _is_greyscale(images)
    is_natural = ((is_grey & (mode == "L")) | (~is_grey & (mode == "RGB"))).fillna(False).astype(bool)
    n_alike = _group_sizes([mode]).mask(is_natural, _group_sizes([mode, is_grey]))
    n = _group_sizes([mode.notna()]).where(mode.notna()).mask(is_natural, _group_sizes([is_grey]))
    what = "stored as " + mode
    what = what.mask(is_natural, is_grey.map({True: "a greyscale image ", False: "a colour image "}) + what)
    return _rare(kinds.UNEXPECTED_MODE, what, n_alike, n, minority_fraction, min_images)


def _mode(images: pd.DataFrame) -> pd.Series:
    """Pillow's name of the mode, and transparency where the name does not show it."""
    mode = images["mode"].astype("string")
    is_hidden = images["has_alpha"].astype("boolean") & ~mode.str.upper().str.endswith("A")
    return mode.mask(is_hidden.fillna(False).astype(bool), mode + " with transparency")


def _is_greyscale(images: pd.DataFrame) -> pd.Series:
    return images["is_greyscale"].astype("boolean").where(images["status"] == "ok")


def _group_sizes(keys: list[pd.Series]) -> pd.Series:
    """For each image how many have its keys; null where a key is null."""
    return keys[0].groupby(keys).transform("size").astype(float)


def _rare_content(
    kind: FindingKind, is_so: pd.Series, what: str, minority_fraction: float, min_images: int
) -> Check:
    """Judges images of which it `is_so`; the others count as alike to all, so that they are never rare."""
    n = pd.Series(float(is_so.count()), index=is_so.index).where(is_so.notna())
    n_alike = n.mask(is_so.fillna(False).astype(bool), float(is_so.sum()))
    return _rare(kind, pd.Series(what, index=n.index), n_alike, n, minority_fraction, min_images)


def _rare(
    kind: FindingKind,
    what: pd.Series,
    n_alike: pd.Series,
    n: pd.Series,
    minority_fraction: float,
    min_images: int,
) -> Check:
    """Flags an image if it is the only one of its sort, or one of a small minority of the `n` compared."""
    is_flagged = (n_alike <= (minority_fraction * n).clip(lower=1)) & (n >= min_images)
    flagged = zip(what[is_flagged], n_alike[is_flagged], n[is_flagged], strict=True)
    detail = [f"{sort}: {k:,.0f} of {total:,.0f} images" for sort, k, total in flagged]
    return Check(
        kind,
        score=1 - n_alike / n,
        is_flagged=is_flagged,
        detail=pd.Series(detail, index=n.index[is_flagged], dtype="string"),
        rule=f"at most {minority_fraction:.2%} of images are so, or a single one",
    )

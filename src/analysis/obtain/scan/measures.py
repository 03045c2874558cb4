"""What is measured of each image in the one decode, and how.

Pictures of one size are measured as a stack; whatever the stack, each gets the same numbers, bit for bit.
Colour and brightness are measured on all pixels. What depends on scale (sharpness, edges, texture, mirror
images) is measured on luma at a working size of at most `WORKING_SIZE_PX` on the longer side, so that one
picture at several resolutions gets about the same values: photographs of 300 pixels and more agree within
20%; smaller ones look sharper the smaller they are. Luma is that of ITU-R BT.601, as Pillow rounds it.

This module is imported by every worker process, so it needs neither pandas nor anything heavy.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from PIL import Image

from analysis.dataset.file_kinds import IMAGE, kind_of
from analysis.dataset.file_origin import FileOrigin
from analysis.dataset.images import Decoding, decode_file
from analysis.dataset.small_pictures import THUMBNAIL_PX, halved, thumbnail_of
from analysis.dataset.value_range import Ranges
from analysis.obtain.scan import legibility
from analysis.obtain.scan.cut_short import grey_end_fraction

WORKING_SIZE_PX = (
    192  # longer side; blur that shows in a photograph of 600 pixels still halves sharpness here
)
EDGE_MAGNITUDE = 128  # of the 3×3 Sobel gradient: 16 grey levels a pixel, well above JPEG blocking
TEXTURE_WINDOW_PX = 2 * legibility.MARGIN_PX + 1
GREY_TOLERANCE = 2  # grey levels, root mean square between channels: what rounding and JPEG make of grey
HASH_PX, HASH_FREQUENCIES = 32, 8  # imagehash.phash's hash_size 8 and highfreq_factor 4
BRIGHTNESS_PERCENTILES = (1, 5, 25, 50, 75, 95, 99)
CHANNEL_BINS = 32
STACK_PIXELS = 2**17  # enough small pictures to measure them together; a larger one is measured on its own
OF_DECODING = ("status", "error")
OF_HEADER = (
    *("format", "mode", "width_px", "height_px", "exif_orientation", "has_alpha", "n_pages"),
    *("value_extremes", "value_range"),
)
COLUMNS = (*OF_DECODING, *OF_HEADER, *FileOrigin._fields)
NUMBERS = (  # in [0, 1] unless said otherwise
    *(f"{statistic}_{channel}" for statistic in ("mean", "std") for channel in ("red", "green", "blue")),
    "brightness_mean",  # of luma
    *(f"brightness_p{percentile:02}" for percentile in BRIGHTNESS_PERCENTILES),
    "contrast",  # standard deviation of luma (RMS contrast), at most 0.5
    "entropy_bits",  # of the histogram of luma in 256 bins, 0 to 8
    "sharpness",  # variance of the 3×3 Laplacian of luma on 0..255; higher is sharper, or noisier
    "edge_density",  # fraction of pixels whose gradient exceeds EDGE_MAGNITUDE
    "flip_difference_horizontal",  # mean absolute difference of luma to its mirror image, left and right
    "flip_difference_vertical",  # the same, top and bottom
    "colourfulness",  # of Hasler and Süsstrunk on 0..255: 0 is grey, above 100 very colourful
    "grey_end_fraction",  # of rows, at the end of one whose file broke off; 0: whole (`cut_short`)
    "texture",  # mean standard deviation of luma within windows of 5 × 5 pixels, at most 0.5
    "tonal_range",  # of luma's means of 3 × 3 pixels, at working size
    # Within the border (`legibility`), at working size unless said otherwise
    "border_fraction",  # of the pixels, that are border
    "darkest",  # of those means, or what 0.03% of all pixels do not exceed: what is least
    "brightest",  # of those means, or what 0.03% of all pixels exceed: what is greatest
    "least_fine_detail",  # along the direction in which there is least: about 1 in photographs, 20 in noise
    "most_fine_detail",  # along the direction in which there is most
)
MEASURES = np.dtype(
    [
        *((name, np.float64) for name in NUMBERS),
        ("is_greyscale", np.bool_),
        ("histogram", np.float32, 3 * CHANNEL_BINS),
        ("phash", np.uint64),
        ("thumbnail", np.uint8, (THUMBNAIL_PX, THUMBNAIL_PX, 3)),
    ]
)


@dataclass(frozen=True)
class FileMeasures:
    """What was found in some files, in their order: how decoding went, without pictures, and `MEASURES`.

    `measures` is all zeros in the rows of files of which no picture could be had.
    """

    columns: dict[str, list]
    measures: np.ndarray

    @classmethod
    def joined(cls, parts: Sequence[FileMeasures]) -> FileMeasures:
        """All files of `parts`, in order."""
        columns = {name: [value for part in parts for value in part.columns[name]] for name in COLUMNS}
        return cls(columns, np.concatenate([np.zeros(0, MEASURES), *(part.measures for part in parts)]))

    @classmethod
    def of_decodings(cls, decodings: Sequence[Decoding], measures: np.ndarray) -> FileMeasures:
        headers = [decoding.header for decoding in decodings]
        origins = [getattr(header, "origin", None) for header in headers]
        columns = {name: [getattr(decoding, name) for decoding in decodings] for name in OF_DECODING}
        columns |= {name: [getattr(header, name, None) for header in headers] for name in OF_HEADER}
        columns |= {name: [getattr(origin, name, None) for origin in origins] for name in FileOrigin._fields}
        for name in ("value_extremes", "value_range"):
            columns[name] = [None if value is None else str(value) for value in columns[name]]
        return cls(columns, measures)


def no_measures(statuses: Sequence[str], error: str | None = None) -> FileMeasures:
    """Rows of files of which there is no picture."""
    decodings = [Decoding(status, error) for status in statuses]
    return FileMeasures.of_decodings(decodings, np.zeros(len(decodings), MEASURES))


def measure_files(paths: Sequence[str], ranges: Ranges) -> FileMeasures:
    """Decode each file once and measure it. Small pictures of one size wait for one another.

    `ranges` are those of pictures of more than 8 bits, as far as they are known by now.
    """
    measures = np.zeros(len(paths), MEASURES)
    decodings: list[Decoding] = []
    waiting: dict[tuple[int, int], list[tuple[int, Decoding]]] = defaultdict(list)
    for row, path in enumerate(paths):
        decoding = _told_by_kind(decode_file(path, ranges), path)
        decodings.append(decoding.without_picture())
        if decoding.picture is None:
            continue
        width, height = decoding.picture.size
        stack = waiting[width, height]
        stack.append((row, decoding))
        if len(stack) * width * height >= STACK_PIXELS:
            _measure_waiting(waiting.pop((width, height)), measures)
    for stack in waiting.values():
        _measure_waiting(stack, measures)
    return FileMeasures.of_decodings(decodings, measures)


def _told_by_kind(decoding: Decoding, path: str) -> Decoding:
    """Of a file that no decoder takes, what it is instead, where its first bytes say so."""
    kind = kind_of(path) if decoding.status == "unreadable" and decoding.header is None else None
    if kind in (None, IMAGE):
        return decoding
    return replace(decoding, error=f"it is no image but a {kind.name}: {kind.advice}")


def _measure_waiting(stack: list[tuple[int, Decoding]], measures: np.ndarray) -> None:
    rows, decodings = zip(*stack, strict=True)
    measured = measure([decoding.picture for decoding in decodings])
    measured["grey_end_fraction"] = [
        grey_end_fraction(decoding.picture, decoding.header.exif_orientation) for decoding in decodings
    ]
    measures[list(rows)] = measured


def measure(pictures: Sequence[Image.Image]) -> np.ndarray:
    """`MEASURES` of pictures of one size in mode RGB, one row per picture, but how they end in the file."""
    measures = np.zeros(len(pictures), MEASURES)
    luma_pictures = [picture.convert("L") for picture in pictures]
    rgb, luma = _pixels(pictures), _pixels(luma_pictures)  # (n, height, width, 3), (n, height, width)
    _measure_colour(rgb, measures)
    counts = _measure_brightness(luma, measures)
    working_luma = _at_working_size(luma)
    padded = _with_margin(working_luma)
    _measure_legibility(luma, counts, padded, measures)
    _measure_structure(padded, measures)
    _measure_symmetry(working_luma, measures)
    measures["phash"] = _perceptual_hashes(luma_pictures, luma)
    measures["thumbnail"] = _thumbnails(rgb)
    return measures


def _pixels(pictures: Sequence[Image.Image]) -> np.ndarray:
    """(n, height, width) of pictures in mode L, (n, height, width, 3) in mode RGB, uint8, read-only."""
    first = pictures[0]
    flat = np.frombuffer(b"".join([picture.tobytes() for picture in pictures]), np.uint8)
    shape = (len(pictures), first.height, first.width)
    return flat.reshape(*shape, 3) if first.mode == "RGB" else flat.reshape(shape)


def _measure_colour(rgb: np.ndarray, measures: np.ndarray) -> None:
    n, height, width, _ = rgb.shape
    split = cv2.split(rgb.reshape(n * height, width, 3))
    red, green, blue = (plane.reshape(n, height, width) for plane in split)
    counts = np.stack([_histograms(plane) for plane in (red, green, blue)], axis=1)  # (n, 3, 256)
    mean, std = _mean_and_std(counts)
    for i, channel in enumerate(("red", "green", "blue")):
        measures[f"mean_{channel}"], measures[f"std_{channel}"] = mean[:, i] / 255, std[:, i] / 255
    binned = counts.reshape(n, 3 * CHANNEL_BINS, -1).sum(axis=-1)
    measures["histogram"] = binned / (height * width)
    pairs = ((red, green), (red, blue), (green, blue))
    differences = [_mean_square_difference(*pair) for pair in pairs]
    measures["colourfulness"] = _colourfulness(mean, *differences)
    measures["is_greyscale"] = np.max(differences, axis=0) <= GREY_TOLERANCE**2


def _colourfulness(
    mean: np.ndarray, red_green: np.ndarray, red_blue: np.ndarray, green_blue: np.ndarray
) -> np.ndarray:
    """Hasler and Süsstrunk (2003), from mean squared differences between channels on 0..255, exactly.

    The opponent axes are rg = R - G and yb = (R + G) / 2 - B = ((R - B) + (G - B)) / 2, so that
    E[yb²] = (2 E[(R-B)²] + 2 E[(G-B)²] - E[(R-G)²]) / 4.
    """
    mean_rg = mean[:, 0] - mean[:, 1]
    mean_yb = (mean[:, 0] + mean[:, 1]) / 2 - mean[:, 2]
    variance_rg = red_green - mean_rg**2
    variance_yb = (2 * red_blue + 2 * green_blue - red_green) / 4 - mean_yb**2
    spread = np.sqrt(np.maximum(variance_rg + variance_yb, 0))
    return spread + 0.3 * np.hypot(mean_rg, mean_yb)


def _measure_brightness(luma: np.ndarray, measures: np.ndarray) -> np.ndarray:
    """Returns the histograms of luma, (n, 256)."""
    counts = _histograms(luma)
    mean, std = _mean_and_std(counts)
    measures["brightness_mean"], measures["contrast"] = mean / 255, std / 255
    total = counts.sum(axis=-1, keepdims=True)
    at_most = counts.cumsum(axis=-1)
    for percentile in BRIGHTNESS_PERCENTILES:
        # the least grey level that at least this share of the pixels does not exceed
        level = (at_most * 100 < percentile * total).sum(axis=-1)
        measures[f"brightness_p{percentile:02}"] = level / 255
    shares = counts / total
    measures["entropy_bits"] = -(shares * np.log2(np.where(counts > 0, shares, 1))).sum(axis=-1)
    return counts


def _measure_legibility(
    luma: np.ndarray, counts: np.ndarray, padded: np.ndarray, measures: np.ndarray
) -> None:
    means = legibility.means_of_3_by_3(padded)
    lowest, highest = means.min(axis=(1, 2)), means.max(axis=(1, 2))
    measures["tonal_range"] = (highest.astype(float) - lowest) / 255
    measures["least_fine_detail"], measures["most_fine_detail"] = legibility.fine_detail(padded)
    darkest, brightest = legibility.least_and_most(counts)
    measures["darkest"] = np.minimum(lowest, darkest) / 255
    measures["brightest"] = np.maximum(highest, brightest) / 255
    for row, picture in enumerate(_without_margin(padded)):
        box = legibility.inner_box(picture)
        if box != legibility.WHOLE:
            _measure_within(box, luma[row], padded[row], means[row], measures[row])


def _measure_within(
    box: legibility.Box, luma: np.ndarray, padded: np.ndarray, means: np.ndarray, measures: np.void
) -> None:
    """The same of one picture, (height, width), within its border."""
    inner = luma[legibility.at_size(box, means.shape, luma.shape)]
    (darkest,), (brightest,) = legibility.least_and_most(_histograms(np.ascontiguousarray(inner)[np.newaxis]))
    measures["border_fraction"] = 1 - inner.size / luma.size
    measures["darkest"] = min(means[box].min(), darkest) / 255
    measures["brightest"] = max(means[box].max(), brightest) / 255
    rows, columns = (slice(part.start, part.stop + 2 * legibility.MARGIN_PX) for part in box)
    least, most = legibility.fine_detail(padded[np.newaxis, rows, columns])
    measures["least_fine_detail"], measures["most_fine_detail"] = least[0], most[0]


def _with_margin(luma: np.ndarray) -> np.ndarray:
    """Each picture within a margin of its own edge: (n, height, width) -> (n, height + 4, width + 4).

    One filter can then run over all of them, one below another.
    """
    around = [legibility.MARGIN_PX] * 4
    return np.stack([cv2.copyMakeBorder(image, *around, cv2.BORDER_REPLICATE) for image in luma])


def _without_margin(filtered: np.ndarray) -> np.ndarray:
    margin = legibility.MARGIN_PX
    return filtered[:, margin:-margin, margin:-margin]


def _measure_structure(padded: np.ndarray, measures: np.ndarray) -> None:
    tall = padded.reshape(-1, padded.shape[2])

    def without_margin(filtered: np.ndarray) -> np.ndarray:
        return _without_margin(filtered.reshape(padded.shape))

    laplacian = without_margin(cv2.Laplacian(tall, cv2.CV_16S))
    measures["sharpness"] = [cv2.meanStdDev(image)[1].item() ** 2 for image in laplacian]
    n_edge_pixels = np.count_nonzero(without_margin(_is_edge(tall)), axis=(1, 2))
    measures["edge_density"] = n_edge_pixels / laplacian[0].size
    measures["texture"] = [cv2.mean(image)[0] / 255 for image in without_margin(_local_std(tall))]


def _measure_symmetry(luma: np.ndarray, measures: np.ndarray) -> None:
    n, height, width = luma.shape
    for axis, direction in ((2, "horizontal"), (1, "vertical")):
        mirrored = np.ascontiguousarray(np.flip(luma, axis))
        difference = cv2.absdiff(luma.reshape(-1, width), mirrored.reshape(-1, width))
        total = difference.reshape(n, -1).sum(axis=1, dtype=np.uint64)
        measures[f"flip_difference_{direction}"] = total / (255 * height * width)


def _is_edge(luma: np.ndarray) -> np.ndarray:
    across, down = (gradient.astype(np.int32) for gradient in cv2.spatialGradient(luma))
    across *= across
    down *= down
    return across + down > EDGE_MAGNITUDE**2


def _local_std(luma: np.ndarray) -> np.ndarray:
    """Standard deviation of the window around each pixel, by way of integers, so without cancellation."""
    n = TEXTURE_WINDOW_PX**2
    window = (TEXTURE_WINDOW_PX, TEXTURE_WINDOW_PX)
    total = cv2.boxFilter(luma, cv2.CV_32S, window, normalize=False)
    squares = cv2.sqrBoxFilter(luma, cv2.CV_32S, window, normalize=False)
    total *= total
    squares *= n
    squares -= total
    return np.sqrt(squares.astype(np.float32)) / n


def _at_working_size(luma: np.ndarray) -> np.ndarray:
    _, height, width = luma.shape
    scale = WORKING_SIZE_PX / max(height, width)
    if scale >= 1:
        return luma
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.stack([_at_size(image, size) for image in luma])


def _at_size(luma: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Luma at a smaller (width, height). A Hamming filter keeps detail: means over areas double sharpness."""
    while max(luma.shape) >= 3 * max(size):
        luma = halved(luma)
    return np.asarray(Image.fromarray(luma).resize(size, Image.Resampling.HAMMING))


def _perceptual_hashes(luma_pictures: Sequence[Image.Image], luma: np.ndarray) -> np.ndarray:
    """64-bit hashes (uint64), bit for bit those of `imagehash.phash`.

    A bit says whether one of the 8 × 8 lowest frequencies of the picture, at 32 × 32 pixels, lies above
    their median; the first is the most significant. Alike pictures differ in few bits.
    """
    from scipy.fft import dct  # here, as importing it takes longer than all that a reader of this module does

    size = (HASH_PX, HASH_PX)
    if luma_pictures[0].size != size:
        luma = _pixels([picture.resize(size, Image.Resampling.LANCZOS) for picture in luma_pictures])
    columns = dct(luma, axis=1)[:, :HASH_FREQUENCIES]  # (n, 32, 32) -> (n, 8, 32)
    frequencies = dct(columns, axis=2)[:, :, :HASH_FREQUENCIES].reshape(len(luma), -1)  # -> (n, 64)
    bits = frequencies > np.median(frequencies, axis=1, keepdims=True)
    return np.packbits(bits, axis=1).view(">u8").astype(np.uint64).ravel()  # (n, 64) -> (n, 8) -> (n,)


def _thumbnails(rgb: np.ndarray) -> np.ndarray:
    """(n, height, width, 3) -> (n, 32, 32, 3)"""
    is_that_size = rgb.shape[1:3] == (THUMBNAIL_PX, THUMBNAIL_PX)
    return rgb if is_that_size else np.stack([thumbnail_of(image) for image in rgb])


def _histograms(planes: np.ndarray) -> np.ndarray:
    """(n, height, width) uint8 -> (n, 256) counts."""
    counts = [cv2.calcHist([plane], [0], None, [256], [0, 256]).ravel() for plane in planes]
    return np.stack(counts).astype(np.float64)


def _mean_and_std(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and population standard deviation on 0..255 of (..., 256) counts."""
    levels = np.arange(256.0)
    total = counts.sum(axis=-1)
    mean = (counts * levels).sum(axis=-1) / total  # sums of integers below 2**53, so exact
    variance = (counts * levels**2).sum(axis=-1) / total - mean**2
    return mean, np.sqrt(np.maximum(variance, 0))


def _mean_square_difference(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    sums = [cv2.norm(a, b, cv2.NORM_L2SQR) for a, b in zip(left, right, strict=True)]
    return np.array(sums) / left[0].size

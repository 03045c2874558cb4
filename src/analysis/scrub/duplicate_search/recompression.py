"""Tells of two look-alikes whether saving as JPEG made them differ, or something else did.

JPEG rounds the cosine coefficients of every 8 × 8 block to the steps in the file's quantisation tables
(ITU-T T.81). So it can be shown that a picture was saved again: with the tables of the one file, the other
becomes it; or no coefficient of the two differs by more than both roundings explain, as with two files made
from one original. Noise, other light and a changed corner pass neither. What other formats round cannot be
read from their files: of two WebP files nothing is told, nor of pictures that their EXIF data turn, nor of
one that was saved in between more coarsely than either file is.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, JpegImagePlugin
from scipy.fft import dctn

from analysis.dataset.images import decode_file
from analysis.progress import progress

BLOCK_PX, STRIP_PX = 8, 512
ROUNDING = 2.0  # of a coefficient, by bytes and by the change of colour space
MAX_BEYOND_LEVELS = 1.0  # root mean square over a block: what a person cannot see
MAX_BEYOND_FRACTION = 1e-3  # of coefficients: where white or black was cut off, some lie beyond
Luma = NDArray[np.float32]


@dataclass(frozen=True)
class JpegSettings:
    """How a file was saved; `mode` is Pillow's name for its colours, `sampling` its number for chroma's."""

    mode: str
    tables: tuple[tuple[int, ...], ...]
    sampling: int


def recompressed(pairs: Sequence[tuple[str, str]], *, n_workers: int) -> NDArray[np.bool_]:
    """For each pair of paths, of pictures of one size, whether `is_recompressed`."""
    with ThreadPoolExecutor(n_workers) as pool:
        found = pool.map(lambda pair: is_recompressed(*pair), pairs)
        bar = progress(found, description="look-alikes compared", unit="pairs", total=len(pairs))
        return np.fromiter(bar, dtype=bool, count=len(pairs))


def is_recompressed(path_a: str, path_b: str) -> bool:
    """Whether the files hold one picture, which at least one of them rounds more than the other does."""
    settings = [_settings_of(path) for path in (path_a, path_b)]
    if settings[0] == settings[1]:  # no JPEG, or both saved alike: then something else made them differ
        return False
    pictures = [_upright(path) for path in (path_a, path_b)]
    if any(picture is None for picture in pictures) or pictures[0].size != pictures[1].size:
        return False
    if not _has_same_colours(pictures, settings):
        return False
    return _is_within_rounding(pictures, settings) or any(
        _becomes(one, other, how)
        for one, other, how in zip(pictures, pictures[::-1], settings[::-1], strict=True)
        if how is not None
    )


def _settings_of(path: str) -> JpegSettings | None:
    """None of what is no JPEG file, or one of colours that Pillow would save otherwise."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path, formats=[JpegImagePlugin.JpegImageFile.format]) as file:
                tables = tuple(tuple(table) for _, table in sorted(file.quantization.items()))
                sampling = JpegImagePlugin.get_sampling(file)
                return JpegSettings(file.mode, tables, sampling) if file.mode in ("L", "RGB") else None
    except Exception:  # a damaged header can make Pillow raise anything at all
        return None


def _upright(path: str) -> Image.Image | None:
    """The picture, if it is whole and lies in the file as it is seen: else its blocks lie elsewhere."""
    decoding = decode_file(path)
    is_as_stored = decoding.status == "ok" and decoding.header.exif_orientation == 1
    return decoding.picture if is_as_stored else None


def _has_same_colours(pictures: list[Image.Image], settings: list[JpegSettings | None]) -> bool:
    """Whether the mean chroma of 16 × 16 pixels, which a block spans at most, differs by rounding alone."""
    cell_px = 2 * BLOCK_PX
    means = [
        np.asarray(picture.convert("YCbCr").reduce(cell_px), dtype=np.float32)[..., 1:]
        for picture in pictures
    ]
    apart = np.abs(means[0] - means[1])[: pictures[0].height // cell_px, : pictures[0].width // cell_px]
    step = sum(_steps(how, -1)[0, 0] for how in settings) / BLOCK_PX  # a mean is 1/8 of its coefficient
    return apart.max(initial=0) <= step / 2 + ROUNDING


def _is_within_rounding(pictures: list[Image.Image], settings: list[JpegSettings | None]) -> bool:
    """Whether the coefficients of luma differ by no more than half a step of each table."""
    steps = [_steps(how, 0) for how in settings]
    n_beyond = n = 0
    for one, other in _strips(*map(_luma, pictures)):
        apart = np.abs(dctn(one - other, axes=(1, 2), norm="ortho"))
        beyond = np.maximum(apart - sum(steps) / 2 - ROUNDING, 0)
        if _rms(beyond).max(initial=0) > MAX_BEYOND_LEVELS:
            return False
        n_beyond, n = n_beyond + np.count_nonzero(beyond), n + beyond.size
    return n_beyond <= MAX_BEYOND_FRACTION * n


def _steps(how: JpegSettings | None, number: int) -> Luma:
    """The first table is that of luma, the last that of chroma; what is no JPEG file is not rounded."""
    table = how.tables[number] if how else [0] * BLOCK_PX**2
    return np.array(table, dtype=np.float32).reshape(BLOCK_PX, BLOCK_PX)


def _becomes(one: Image.Image, other: Image.Image, how: JpegSettings) -> bool:
    """Whether the one picture, saved as the other was, is the other."""
    file = io.BytesIO()
    sampling = max(how.sampling, 0)  # -1 is what Pillow cannot save; luma hardly depends on it
    try:
        one.convert(how.mode).save(
            file, "JPEG", qtables=[list(table) for table in how.tables], subsampling=sampling
        )
    except (OSError, ValueError):  # tables that no encoder takes
        return False
    saved = Image.open(file).convert("RGB")
    strips = _strips(_luma(saved), _luma(other))
    return all(_rms(a - b).max(initial=0) <= MAX_BEYOND_LEVELS for a, b in strips)


def _luma(picture: Image.Image) -> NDArray[np.uint8]:
    return np.asarray(picture.convert("L"))


def _strips(*lumas: NDArray[np.uint8]) -> Iterator[list[Luma]]:
    """The blocks (n, 8, 8) of some hundred lines after the other, to hold no large picture as numbers."""
    for top in range(0, len(lumas[0]), STRIP_PX):
        yield [_blocks(luma[top : top + STRIP_PX].astype(np.float32)) for luma in lumas]


def _blocks(luma: Luma) -> Luma:
    """Without what is left over at the right and the lower edge."""
    rows, columns = (side // BLOCK_PX for side in luma.shape)
    whole = luma[: rows * BLOCK_PX, : columns * BLOCK_PX].reshape(rows, BLOCK_PX, columns, BLOCK_PX)
    return whole.transpose(0, 2, 1, 3).reshape(-1, BLOCK_PX, BLOCK_PX)  # (n, 8, 8)


def _rms(blocks: Luma) -> Luma:
    return np.sqrt(np.square(blocks).mean(axis=(1, 2)))

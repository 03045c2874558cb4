"""Opens an image file the way a person sees it: upright, in RGB, in full or not at all.

Every stage that needs pixels comes through here, so that a picture is the same picture to all of them:

- turned upright by its EXIF orientation;
- transparency laid on white;
- more than 8 bits (integers, signed or not, and floats) brought to 8 by the range of the dataset
  (`analysis.dataset.value_range`). `scan` finds that range and hands it on in its table, in the column
  `value_range`; whoever opens an image after it gives the cell of its row. Without one, where there is no
  dataset yet, a picture's own range serves;
- palette, CMYK, YCbCr and LAB converted; the first page of several, the first frame of an animation;
- only formats named in `EXTENSIONS`, and never a picture of more than `MAX_MEGAPIXELS`, which is refused
  by its header, before memory is taken for its pixels. Text and colour profiles beyond Pillow's limits,
  which a sound PNG may have, are left out, not the picture.
"""

from __future__ import annotations

import io
import os
import struct
import sys
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    ExifTags,
    GifImagePlugin,
    Image,
    Jpeg2KImagePlugin,
    JpegImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    TgaImagePlugin,
    TiffImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,
)

from analysis.contract import InputError
from analysis.dataset.file_kinds import READS_HEIF
from analysis.dataset.file_origin import FileOrigin, origin_of
from analysis.dataset.value_range import (
    FLOATS,
    INTEGERS,
    Ranges,
    ValueRange,
    extremes,
    in_8_bits,
    kind_of_mode,
)

# Most pictures take up to 15 bytes a pixel while they are measured: 1.5 GB at this size.
MAX_MEGAPIXELS = 100
# Formats by Pillow's names, in the order in which they are tried, with their usual file name extensions.
# No others are decoded: each further decoder is one more that a hostile file can reach.
EXTENSIONS = {
    JpegImagePlugin.JpegImageFile.format: (".jpg", ".jpeg", ".jpe", ".jfif"),
    PngImagePlugin.PngImageFile.format: (".png",),
    WebPImagePlugin.WebPImageFile.format: (".webp",),
    GifImagePlugin.GifImageFile.format: (".gif",),
    BmpImagePlugin.BmpImageFile.format: (".bmp",),
    TiffImagePlugin.TiffImageFile.format: (".tif", ".tiff"),
    PpmImagePlugin.PpmImageFile.format: (".ppm", ".pgm", ".pbm", ".pnm"),
    AvifImagePlugin.AvifImageFile.format: (".avif",),
    Jpeg2KImagePlugin.Jpeg2KImageFile.format: (".jp2",),
    TgaImagePlugin.TgaImageFile.format: (".tga",),
}
if READS_HEIF:
    import pillow_heif

    pillow_heif.register_heif_opener(thumbnails=False)
    EXTENSIONS["HEIF"] = (".heic", ".heif", ".hif")
FORMATS = tuple(EXTENSIONS)
TURNS = {  # EXIF orientation -> what makes it upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
MAX_ERROR_CHARACTERS = 200
TEXT_LIMIT = "MAX_TEXT"  # in what Pillow says where a PNG's text or colour profile exceeds one of its limits
TEXT_CHUNKS = (b"tEXt", b"zTXt", b"iTXt", b"iCCP")
MAX_PNG_BYTES = 8_000_000 * MAX_MEGAPIXELS  # of pixels of 16 bits in four channels, not compressed at all
# How Pillow unpacks the high bytes of colours of 16 bits, and what makes it unpack the low ones instead
OTHER_BYTE = {"RGB;16B": "RGB;16L", "RGB;16L": "RGB;16B"}
OTHER_BYTE["RGB;16N"] = "RGB;16B" if sys.byteorder == "little" else "RGB;16L"
LEAST_HIGH_BYTE = 64  # of a value of more than 14 bits


class ImageError(Exception):
    """There is no picture to be had of a file.

    Attributes
    ----------
    status
        As in the scan table: "missing", "empty", "unreadable", "truncated" or "too_large".
    message
        What is wrong, in words, without the path.
    """

    def __init__(self, status: str, message: str) -> None:
        super().__init__(status, message)
        self.status = status
        self.message = message

    def __str__(self) -> str:
        return f"{self.status}: {self.message}"


@dataclass(frozen=True)
class Header:
    """What a file says of its picture.

    `mode` is Pillow's name for the pixels as they are stored. Width and height are those of the picture as
    it is seen, or as it is stored if it could not be decoded; the orientation (1 to 8, 1 is upright, also
    where the file does not say) is None then, and so is all that follows it. Of the pages (frames) of a file
    the first is the picture. `value_extremes` are the least and the greatest value of a picture of more than
    8 bits, `value_range` what of it was shown black and white; None where there are 8 bits.
    """

    format: str
    mode: str
    width_px: int
    height_px: int
    exif_orientation: int | None
    has_alpha: bool
    n_pages: int | None = None
    origin: FileOrigin | None = None
    value_extremes: ValueRange | None = None
    value_range: ValueRange | None = None


@dataclass(frozen=True)
class Decoding:
    """What came of decoding one file.

    Attributes
    ----------
    status
        "ok"; "truncated" if the file breaks off or is damaged and only a part of the picture came out of
        it; or, without a picture, "missing", "empty", "unreadable" or "too_large".
    error
        What is wrong, in words, without the path; None if nothing is.
    header
        None where not even the header could be read.
    picture
        Mode RGB, as a person sees it. What is missing of a truncated picture is as its decoder left it,
        mostly black.
    """

    status: str
    error: str | None = None
    header: Header | None = None
    picture: Image.Image | None = None

    def without_picture(self) -> Decoding:
        return Decoding(self.status, self.error, self.header)


def open_as_seen(
    path: str | os.PathLike[str], *, value_range: str | None = None, allow_truncated: bool = False
) -> Image.Image:
    """The picture in mode RGB, 8 bits a channel, as a person sees it.

    `value_range` is the cell of the scan's column; None where the image is of no dataset that was scanned.

    Raises
    ------
    ImageError
        If there is no picture to be had; also if it is truncated, unless `allow_truncated`.
    """
    known = ValueRange.read(value_range)
    decoding = decode_file(path, {} if known is None else {INTEGERS: known, FLOATS: known})
    if decoding.picture is None or (decoding.status == "truncated" and not allow_truncated):
        raise ImageError(decoding.status, str(decoding.error))
    return decoding.picture


def open_scanned(
    path: str | os.PathLike[str], *, value_range: str | None, allow_truncated: bool = False
) -> Image.Image:
    """`open_as_seen` for a stage after the scan, to which every picture that it asks for was readable.

    Raises
    ------
    InputError
        If it is so no more: the file changed after it was scanned.
    """
    try:
        return open_as_seen(path, value_range=value_range, allow_truncated=allow_truncated)
    except ImageError as error:
        raise InputError(
            f"{path} could be read when it was scanned, but not now ({error}). Run the scan again."
        ) from error


def decode_file(path: str | os.PathLike[str], ranges: Ranges | None = None) -> Decoding:
    """Open and decode one file, whatever it holds: this never raises, the result says what is wrong.

    `ranges` say what is black and white in pictures of more than 8 bits; of a kind of values that they do not
    name, each picture's own range does.
    """
    try:
        with Path(path).open("rb") as file:
            return _decode_file(file, ranges or {})
    except FileNotFoundError:
        return Decoding("missing", "the file is gone")
    except OSError as error:
        return Decoding("unreadable", _sentence(error))


def _decode_file(file: BinaryIO, ranges: Ranges) -> Decoding:
    with warnings.catch_warnings():
        # Pillow warns of odd metadata, which do not change the picture, and of its size, which is judged here
        warnings.simplefilter("ignore")
        decoding = _decode_stream(file, ranges)
        if decoding.error and TEXT_LIMIT in decoding.error:
            pixels_only = _without_text(file)
            if pixels_only is None:
                return Decoding("too_large", f"more than {MAX_PNG_BYTES // 10**6:,} MB beside its text")
            decoding = _decode_stream(pixels_only, ranges)
        return decoding


def _decode_stream(file: BinaryIO, ranges: Ranges) -> Decoding:
    try:
        return _decode_opened(Image.open(file, formats=FORMATS), file, ranges)
    except Image.DecompressionBombError:
        return Decoding("too_large", _too_large())
    except UnidentifiedImageError:
        if file.seek(0, os.SEEK_END) == 0:
            return Decoding("empty", "the file has no bytes")
        return Decoding("unreadable", f"no sound header of a known image format ({', '.join(FORMATS)})")
    except Exception as error:  # a damaged file can make Pillow's parsers raise anything at all
        return Decoding("unreadable", _sentence(error))


def _without_text(file: BinaryIO) -> BinaryIO | None:
    """A PNG file without its text and colour profile; None if the rest is larger than a picture can be."""
    file.seek(0)
    kept = [file.read(8)]
    n_bytes = 0
    while len(head := file.read(8)) == 8:
        length, kind = struct.unpack(">I4s", head)
        if kind in TEXT_CHUNKS:
            file.seek(length + 4, os.SEEK_CUR)
            continue
        n_bytes += length
        if n_bytes > MAX_PNG_BYTES:
            return None
        kept += [head, file.read(length + 4)]
    return io.BytesIO(b"".join(kept))


def _decode_opened(image: Image.Image, file: BinaryIO, ranges: Ranges) -> Decoding:
    # an MPO is a JPEG file with further pictures behind the first one
    file_format = "JPEG" if image.format == "MPO" else str(image.format)
    header = Header(file_format, image.mode, *image.size, None, image.has_transparency_data)
    if image.width * image.height > MAX_MEGAPIXELS * 1_000_000:
        return Decoding("too_large", _too_large(), header)
    try:
        stated_orientation = _orientation(image) if file_format == "TIFF" else 1
        rawmode = _rawmode(image)
        error = _load(image)
        origin = origin_of(image)
        orientation = _orientation(image)  # 1 for a TIFF, which Pillow turns on loading
        picture, of_values = _as_seen(image, file, rawmode, ranges)
        if orientation != 1:
            picture = picture.transpose(TURNS[orientation])
    except Exception as failure:  # decoders of damaged files raise anything, as above
        return Decoding("unreadable", _sentence(failure), header)
    width, height = picture.size
    header = replace(
        header,
        width_px=width,
        height_px=height,
        exif_orientation=max(orientation, stated_orientation),
        n_pages=_n_pages(image, file_format, file),
        origin=origin,
        **of_values,
    )
    return Decoding("truncated" if error else "ok", error, header, picture)


def _load(image: Image.Image) -> str | None:
    """Decode the pixels. If only part of them can be had, say why; raise if there are none."""
    try:
        image.load()
    except Exception as error:
        image.tile = []  # to Pillow: what has been decoded by now is all there is
        image.load()
        if image.getbbox() is None:
            raise
        return _sentence(error)
    return None


def _n_pages(image: Image.Image, file_format: str, file: BinaryIO) -> int | None:
    """Pages of a TIFF, frames of an animation. Where counting them moves Pillow, it reads the file anew."""
    if file_format not in ("GIF", "TIFF"):
        return 1 if file_format == "JPEG" else getattr(image, "n_frames", 1)
    try:
        file.seek(0)
        return Image.open(file, formats=[file_format]).n_frames
    except Exception:  # as above
        return None


def _rawmode(image: Image.Image) -> str:
    """How the pixels are stored, by Pillow's name, before they are read; empty where it does not say."""
    arguments = image.tile[0].args if getattr(image, "tile", None) else None
    name = arguments[0] if isinstance(arguments, tuple) and arguments else arguments
    return name if isinstance(name, str) else ""


def _orientation(image: Image.Image) -> int:
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # damaged metadata do not make a picture unreadable: it is shown as it is stored
        return 1
    return orientation if orientation in TURNS else 1


def _as_seen(image: Image.Image, file: BinaryIO, rawmode: str, ranges: Ranges) -> tuple[Image.Image, dict]:
    """The picture in RGB, and what the header says of its values if they have more than 8 bits."""
    if image.mode.startswith(("I", "F")):
        values = np.asarray(image)
    elif rawmode in OTHER_BYTE and image.mode == "RGB" and not image.has_transparency_data:
        values = np.asarray(image)  # their high bytes, which is all that Pillow keeps
        if values.max() >= LEAST_HIGH_BYTE:  # so it is all that is needed: the range is that of 16 bits
            least, greatest = extremes(values)
            return image, _of_values(256 * least, 256 * greatest + 255, INTEGERS, ranges)
        values = values.astype(np.uint16) << 8 | _low_bytes(file, image.format, rawmode)
    else:
        return _in_rgb(image), {}
    of_values = _of_values(*extremes(values), kind_of_mode(image.mode), ranges)
    levels = in_8_bits(values, of_values["value_range"])
    if (
        values.ndim == 2 and "transparency" in image.info
    ):  # the value of transparent pixels, which lie on white
        levels[values == image.info["transparency"]] = 255
    return Image.fromarray(levels).convert("RGB"), of_values


def _of_values(least: float, greatest: float, kind: str, ranges: Ranges) -> dict:
    value_range = ranges.get(kind) or ValueRange.holding(least, greatest, kind)
    return {"value_extremes": ValueRange(least, greatest), "value_range": value_range}


def _low_bytes(file: BinaryIO, file_format: str, rawmode: str) -> np.ndarray:
    """Of a dark picture in colours of 16 bits: the second half of what it holds, read by itself."""
    file.seek(0)
    image = Image.open(file, formats=[file_format])
    image.tile = [
        tile._replace(
            args=(OTHER_BYTE[rawmode], *tile.args[1:])
            if isinstance(tile.args, tuple)
            else OTHER_BYTE[rawmode]
        )
        for tile in image.tile
    ]
    _load(image)
    return np.asarray(image)


def _in_rgb(image: Image.Image) -> Image.Image:
    if image.has_transparency_data:
        return _on_white(image)
    if image.mode == "LAB":
        return _from_lab(image)
    return image if image.mode == "RGB" else image.convert("RGB")


def _on_white(image: Image.Image) -> Image.Image:
    rgba = (image.convert("LA") if image.mode == "La" else image).convert("RGBA")
    white = Image.new("RGB", rgba.size, "white")
    white.paste(rgba, mask=rgba)
    return white


def _from_lab(image: Image.Image) -> Image.Image:
    from PIL import ImageCms

    lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    return ImageCms.applyTransform(image, ImageCms.buildTransform(lab, srgb, "LAB", "RGB"))


def _too_large() -> str:
    return f"more than {MAX_MEGAPIXELS} megapixels, so not decoded"


def _sentence(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()  # str(error) would name the path, which the row has already
    text = " ".join(str(error).split()) or type(error).__name__
    return text[:MAX_ERROR_CHARACTERS].encode("utf-8", "replace").decode()

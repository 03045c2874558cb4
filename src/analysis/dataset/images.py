"""Opens an image file the way a person sees it: upright, in RGB, in full or not at all.

Every stage that needs pixels comes through here, so that a picture is the same picture to all of them:

- turned upright by its EXIF orientation;
- transparency laid on white;
- 16 bits a channel brought to 8 by the high byte (Pillow's own conversion clips grey ones at 255); 32-bit
  integers and floats have no agreed range: see `_from_high_depth`;
- palette, CMYK, YCbCr and LAB converted; the first frame of an animation;
- only formats named in `EXTENSIONS`, and never a picture of more than `MAX_MEGAPIXELS`, which is refused
  by its header, before memory is taken for its pixels.
"""

from __future__ import annotations

import os
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
    where the file does not say) is None then.
    """

    format: str
    mode: str
    width_px: int
    height_px: int
    exif_orientation: int | None
    has_alpha: bool


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


def open_as_seen(path: str | os.PathLike[str], *, allow_truncated: bool = False) -> Image.Image:
    """The picture in mode RGB, 8 bits a channel, as a person sees it.

    Raises
    ------
    ImageError
        If there is no picture to be had; also if it is truncated, unless `allow_truncated`.
    """
    decoding = decode_file(path)
    if decoding.picture is None or (decoding.status == "truncated" and not allow_truncated):
        raise ImageError(decoding.status, str(decoding.error))
    return decoding.picture


def open_scanned(path: str | os.PathLike[str], *, allow_truncated: bool = False) -> Image.Image:
    """`open_as_seen` for a stage after the scan, to which every picture that it asks for was readable.

    Raises
    ------
    InputError
        If it is so no more: the file changed after it was scanned.
    """
    try:
        return open_as_seen(path, allow_truncated=allow_truncated)
    except ImageError as error:
        raise InputError(
            f"{path} could be read when it was scanned, but not now ({error}). Run the scan again."
        ) from error


def decode_file(path: str | os.PathLike[str]) -> Decoding:
    """Open and decode one file, whatever it holds: this never raises, the result says what is wrong."""
    try:
        with Path(path).open("rb") as file:
            return _decode_file(file)
    except FileNotFoundError:
        return Decoding("missing", "the file is gone")
    except OSError as error:
        return Decoding("unreadable", _sentence(error))


def _decode_file(file: BinaryIO) -> Decoding:
    with warnings.catch_warnings():
        # Pillow warns of odd metadata, which do not change the picture, and of its size, which is judged here
        warnings.simplefilter("ignore")
        try:
            return _decode_opened(Image.open(file, formats=FORMATS))
        except Image.DecompressionBombError:
            return Decoding("too_large", _too_large())
        except UnidentifiedImageError:
            if file.seek(0, os.SEEK_END) == 0:
                return Decoding("empty", "the file has no bytes")
            return Decoding("unreadable", f"no sound header of a known image format ({', '.join(FORMATS)})")
        except Exception as error:  # a damaged file can make Pillow's parsers raise anything at all
            return Decoding("unreadable", _sentence(error))


def _decode_opened(image: Image.Image) -> Decoding:
    # an MPO is a JPEG file with further pictures behind the first one
    file_format = "JPEG" if image.format == "MPO" else str(image.format)
    header = Header(file_format, image.mode, *image.size, None, image.has_transparency_data)
    if image.width * image.height > MAX_MEGAPIXELS * 1_000_000:
        return Decoding("too_large", _too_large(), header)
    try:
        stated_orientation = _orientation(image) if file_format == "TIFF" else 1
        error = _load(image)
        orientation = _orientation(image)  # 1 for a TIFF, which Pillow turns on loading
        picture = _in_rgb(image)
        if orientation != 1:
            picture = picture.transpose(TURNS[orientation])
    except Exception as failure:  # decoders of damaged files raise anything, as above
        return Decoding("unreadable", _sentence(failure), header)
    width, height = picture.size
    orientation = max(orientation, stated_orientation)
    header = replace(header, width_px=width, height_px=height, exif_orientation=orientation)
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


def _orientation(image: Image.Image) -> int:
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # damaged metadata do not make a picture unreadable: it is shown as it is stored
        return 1
    return orientation if orientation in TURNS else 1


def _in_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith(("I", "F")):
        return _from_high_depth(image)
    if image.has_transparency_data:
        return _on_white(image)
    if image.mode == "LAB":
        return _from_lab(image)
    return image if image.mode == "RGB" else image.convert("RGB")


def _from_high_depth(image: Image.Image) -> Image.Image:
    """Grey of more than 8 bits. Black is 0; white is 65535 for integers, 1 or 255 for floats.

    Values outside of that are a sign of another range, which no file states: they are stretched from the
    least to the greatest.
    """
    values = np.asarray(image)
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    is_integer = values.dtype.kind in "iu"
    white = 65535 if is_integer else (1 if high <= 1 else 255)
    if low < 0 or high > white:
        scaled = (values - low) * 255 / (high - low or 1)
    elif is_integer:
        scaled = values >> 8
    else:
        scaled = values * np.float32(255 / white)
    grey = np.rint(np.nan_to_num(scaled, nan=0, posinf=255, neginf=0)).astype(np.uint8)
    if "transparency" in image.info:  # the value that stands for transparent pixels, which lie on white
        grey[values == image.info["transparency"]] = 255
    return Image.fromarray(grey).convert("RGB")


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

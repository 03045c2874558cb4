"""Opens an image file the way a person sees it: upright, in RGB, in full or not at all.

Every stage that needs pixels comes through here, so that a picture is the same picture to all of them:

- turned upright by its EXIF orientation;
- transparency laid on white;
- 16 bits a channel brought to 8 by the high byte (Pillow's own conversion clips grey ones at 255); 32-bit
  integers and floats have no agreed range: see `_eight_bits`;
- palette, CMYK, YCbCr and LAB converted; the first frame of an animation;
- only formats named in `EXTENSIONS`, and never a picture of more than `MAX_MEGAPIXELS`, which is refused
  by its header, before memory is taken for its pixels.
"""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    ExifTags,
    GifImagePlugin,
    Image,
    ImageOps,
    Jpeg2KImagePlugin,
    JpegImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    TgaImagePlugin,
    TiffImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,
)

# A decoded picture takes up to twelve bytes a pixel while it is measured: 1.2 GB at this size.
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

MAX_MESSAGE_CHARACTERS = 200


class ImageError(Exception):
    """An image that cannot be had.

    Attributes
    ----------
    status
        As in the scan table: "missing", "empty", "unreadable", "truncated" or "too_large".
    """

    def __init__(self, status: str, message: str) -> None:
        super().__init__(status, message)
        self.status = status
        self.message = message

    def __str__(self) -> str:
        return self.message


@dataclass(frozen=True)
class Header:
    """What a file says of its picture. `mode` is Pillow's name for the pixels as they are stored."""

    format: str
    mode: str
    width_px: int  # as seen, that is after the EXIF orientation
    height_px: int
    exif_orientation: int  # 1 to 8; 1 is upright, also where the file does not say
    has_alpha: bool


@dataclass(frozen=True)
class Decoding:
    """What came of decoding one file.

    Attributes
    ----------
    status
        "ok"; "truncated" if the file breaks off or is damaged and only part of the picture came out of it;
        or, without a picture, "missing", "empty", "unreadable", "too_large".
    error
        What is wrong, in words, without the path; None if nothing is.
    header
        None where not even the header could be read.
    picture
        Mode RGB, as a person sees it. The part of a truncated picture that is missing is black.
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
    decoding = decode(path)
    if decoding.picture is None or (decoding.status == "truncated" and not allow_truncated):
        raise ImageError(decoding.status, decoding.error or decoding.status)
    return decoding.picture


def decode(path: str | os.PathLike[str]) -> Decoding:
    """Open and decode one file. Never raises for what the file holds: the result says what is wrong."""
    with warnings.catch_warnings():
        # Pillow warns of odd metadata, which does not concern the pixels, and of size, which is judged here
        warnings.simplefilter("ignore")
        try:
            image = Image.open(path, formats=list(EXTENSIONS))
        except Image.DecompressionBombError:
            return Decoding("too_large", _too_large())
        except FileNotFoundError:
            return Decoding("missing", "the file is gone")
        except UnidentifiedImageError:
            return _unidentified(path)
        except Exception as error:  # a damaged file can make Pillow's parsers raise anything at all
            return Decoding("unreadable", _sentence(error))
        with image:
            return _decode_opened(image)


def _decode_opened(image: Image.Image) -> Decoding:
    if image.width * image.height > MAX_MEGAPIXELS * 1e6:
        return Decoding("too_large", _too_large(), _header(image, orientation=1))
    stored_mode = image.mode
    error = None
    try:
        orientation = _orientation(image) if image.format == "TIFF" else None  # Pillow turns those on loading
        error = _load(image)
        orientation = orientation or _orientation(image)
        header = _header(image, mode=stored_mode, orientation=orientation)
        picture = _as_seen(image)
    except Exception as failure:  # as above: decoders of damaged files raise anything
        return Decoding("unreadable", _sentence(failure), _header(image, mode=stored_mode, orientation=1))
    return Decoding("truncated" if error else "ok", error, header, picture)


def _load(image: Image.Image) -> str | None:
    """Decode the pixels. If only part of them can be had, say why; raise if there are none."""
    try:
        image.load()
    except Exception as error:  # any error a decoder can make, see above
        image.tile = []  # tells Pillow that what is decoded by now is all there is
        image.load()
        if image.getbbox(alpha_only=False) is None:
            raise
        return _sentence(error)
    return None


def _header(image: Image.Image, *, orientation: int, mode: str | None = None) -> Header:
    turned = orientation >= 5 and image.format != "TIFF"
    width, height = image.size[::-1] if turned else image.size
    return Header(
        # an MPO is a JPEG file with further pictures behind the first one
        format="JPEG" if image.format == "MPO" else str(image.format),
        mode=mode or image.mode,
        width_px=width,
        height_px=height,
        exif_orientation=orientation,
        has_alpha=image.has_transparency_data,
    )


def _orientation(image: Image.Image) -> int:
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # damaged metadata does not make a picture unreadable: it is shown as it is stored
        return 1
    return orientation if orientation in range(1, 9) else 1


def _as_seen(image: Image.Image) -> Image.Image:
    if image.getexif().get(ExifTags.Base.Orientation, 1) != 1:
        image = ImageOps.exif_transpose(image)
    if image.mode == "RGB" and not image.has_transparency_data:
        return image
    if image.mode.startswith(("I", "F")):
        return _eight_bits(image)
    if image.has_transparency_data:
        return _on_white(image)
    return _lab_to_rgb(image) if image.mode == "LAB" else image.convert("RGB")


def _eight_bits(image: Image.Image) -> Image.Image:
    """Grey of more than 8 bits: 0 is black and white is 65535 for integers, 1 or 255 for floats.

    Values outside that range are signs of another one, which no file states: they are stretched from the
    least to the greatest.
    """
    values = np.asarray(image)
    finite = values[np.isfinite(values)]
    low, high = (finite.min(), finite.max()) if finite.size else (0, 0)
    white = 65535 if values.dtype.kind != "f" else 1 if high <= 1 else 255
    if low >= 0 and high <= white:
        scaled = values >> 8 if white == 65535 else values * (255 / white)
    else:
        scaled = (values - np.float64(low)) * (255 / (np.float64(high) - low or 1))
    grey = np.nan_to_num(scaled, nan=0, posinf=255, neginf=0).astype(np.uint8)
    return Image.fromarray(grey).convert("RGB")


def _on_white(image: Image.Image) -> Image.Image:
    rgba = (image.convert("LA") if image.mode == "La" else image).convert("RGBA")
    white = Image.new("RGB", rgba.size, "white")
    white.paste(rgba, mask=rgba)
    return white


def _lab_to_rgb(image: Image.Image) -> Image.Image:
    from PIL import ImageCms

    lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    return ImageCms.applyTransform(image, ImageCms.buildTransform(lab, srgb, "LAB", "RGB"))


def _unidentified(path: str | os.PathLike[str]) -> Decoding:
    if Path(path).stat().st_size == 0:
        return Decoding("empty", "the file has no bytes")
    return Decoding("unreadable", f"not an image in a known format ({', '.join(EXTENSIONS)})")


def _too_large() -> str:
    return f"more than {MAX_MEGAPIXELS} megapixels, not decoded"


def _sentence(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()  # without the path, which the row has already
    text = " ".join(str(error).split()) or type(error).__name__
    return text[:MAX_MESSAGE_CHARACTERS]

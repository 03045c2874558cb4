"""What a file says of where it comes from: camera, day, program, compression.

None of it changes the picture, all of it is written by whoever made the file: it is read defensively, cut to
`MAX_CHARACTERS`, and a part that cannot be read is one that is not there.
"""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache
from typing import NamedTuple

from PIL import ExifTags, Image

MAX_CHARACTERS = 80
# ITU-T T.81, table K.1, in the order of rows: what encoders scale to a quality from 1 to 100
# fmt: off
STANDARD_LUMINANCE = (
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55,
    14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87, 80, 62,
    18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92,
    49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
)
# fmt: on


class FileOrigin(NamedTuple):
    """Each None where the file does not say."""

    camera: str | None = None  # maker and model, of EXIF
    exif_date: str | None = None  # day on which the picture was taken, else written: 2024-05-31
    software: str | None = None  # of EXIF, PNG's text or the file's comment
    jpeg_quality: str | None = None  # "75", or "tables 1f3a9c" where those are not the standard's
    has_icc_profile: bool = False


def origin_of(image: Image.Image) -> FileOrigin:
    """Of a picture whose pixels have been read, as some formats keep their metadata behind them."""
    camera = exif_date = software = None
    try:
        exif = image.getexif()
        if exif:
            words = [_text(exif.get(tag)) for tag in (ExifTags.Base.Make, ExifTags.Base.Model)]
            camera = " ".join(word for word in words if word) or None
            software = _text(exif.get(ExifTags.Base.Software))
            exif_date = _day(exif)
    except Exception:  # parsers of damaged metadata raise anything at all
        pass
    info = image.info
    software = software or _text(info.get("Software")) or _text(info.get("comment"))
    return FileOrigin(camera, exif_date, software, _jpeg_quality(image), bool(info.get("icc_profile")))


def _day(exif: Image.Exif) -> str | None:
    taken = exif.get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.DateTimeOriginal)
    found = re.match(r"(\d{4}):(\d\d):(\d\d)", _text(taken) or _text(exif.get(ExifTags.Base.DateTime)) or "")
    return None if found is None or found[1] == "0000" else "-".join(found.groups())


def _text(value: object) -> str | None:
    """In one line, without what a table cannot hold; None where nothing is left."""
    if isinstance(value, bytes):
        value = value[: 4 * MAX_CHARACTERS].decode("utf-8", "replace")
    if not isinstance(value, str):
        return None
    text = "".join(letter if letter.isprintable() else " " for letter in value[: 4 * MAX_CHARACTERS])
    return " ".join(text.split())[:MAX_CHARACTERS].strip() or None


def _jpeg_quality(image: Image.Image) -> str | None:
    tables = getattr(image, "quantization", None)
    return _quality_of(tuple(map(tuple, tables.values()))) if tables else None


@lru_cache(maxsize=1024)
def _quality_of(tables: tuple[tuple[int, ...], ...]) -> str:
    """The quality whose table the first one is, as libjpeg scales the standard's; else a digest of all."""
    for quality in range(1, 101):
        if tables[0] == _scaled(quality):
            return str(quality)
    return f"tables {hashlib.blake2b(repr(tables).encode(), digest_size=3).hexdigest()}"


@lru_cache(maxsize=100)
def _scaled(quality: int) -> tuple[int, ...]:
    scale = 5000 // quality if quality < 50 else 200 - 2 * quality
    return tuple(min(255, max(1, (value * scale + 50) // 100)) for value in STANDARD_LUMINANCE)

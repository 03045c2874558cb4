"""What a file is by its first bytes, whatever it is called, and what to do with one that is no image."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

N_BYTES = 512  # of a file's beginning: DICOM's mark stands at byte 128


class Kind(NamedTuple):
    """`name` reads after "a" or "an"; `advice` is empty for images."""

    name: str
    advice: str = ""


IMAGE = Kind("image")
READS_HEIF = find_spec("pillow_heif") is not None  # optional: no dependency, for the licences in it
HEIC = Kind(
    "HEIC picture",
    "convert it to JPEG or PNG, or `pip install pillow-heif` and audit anew, into another folder",
)
SIGNATURES: list[tuple[int, bytes, Kind]] = [
    *(
        (0, mark, IMAGE)
        for mark in (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF8", b"BM", b"II*\0", b"MM\0*")
    ),
    *((0, b"P%d" % number + blank, IMAGE) for number in range(1, 7) for blank in (b"\n", b" ", b"\r", b"\t")),
    (0, b"\0\0\0\x0cjP  ", IMAGE),
    (8, b"WEBP", IMAGE),
    *((4, b"ftyp" + brand, IMAGE) for brand in (b"avif", b"avis")),
    *(
        (4, b"ftyp" + brand, IMAGE if READS_HEIF else HEIC)
        for brand in (b"heic", b"heix", b"heim", b"heis", b"heif", b"hevc", b"mif1", b"msf1")
    ),
    (4, b"ftyp", Kind("video", "take its frames out as images")),
    (0, b"\x1aE\xdf\xa3", Kind("video", "take its frames out as images")),
    (0, b"version https://git-lfs", Kind("Git LFS pointer", "`git lfs pull` brings the picture")),
    (128, b"DICM", Kind("DICOM file", "export it as PNG")),
    (0, b"PK\x03\x04", Kind("zip archive", "unpack it")),
    (0, b"\x1f\x8b", Kind("gzip archive", "unpack it")),
    (0, b"%PDF", Kind("PDF", "export its pages as images")),
    (0, b"\x89HDF", Kind("HDF5 file", "export its arrays as images")),
    (0, b"\x93NUMPY", Kind("NumPy array", "export it as images")),
]
TEXTS = {
    b"<!doctype html": Kind("HTML page", "what was downloaded is a page, not the picture: download it again"),
    b"<html": Kind("HTML page", "what was downloaded is a page, not the picture: download it again"),
    b"<svg": Kind("SVG drawing", "export it as PNG"),
    b"outs:": Kind("DVC pointer", "`dvc pull` brings the picture"),
}


def kind_of_bytes(head: bytes) -> Kind | None:
    """What a file that begins like this is; None if that is not known."""
    for offset, mark, kind in SIGNATURES:
        if head[offset : offset + len(mark)] == mark:
            return kind
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return next((kind for mark, kind in TEXTS.items() if text.startswith(mark)), None)


def kind_of(path: str | Path) -> Kind | None:
    """What a file is; None if that is not known, or it cannot be read."""
    try:
        with Path(path).open("rb") as file:
            return kind_of_bytes(file.read(N_BYTES))
    except (OSError, ValueError):
        return None

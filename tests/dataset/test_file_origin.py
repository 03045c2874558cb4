from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from analysis.dataset.file_origin import MAX_CHARACTERS, FileOrigin
from analysis.dataset.images import decode_file

PICTURE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8))


def origin(path: Path, **options: object) -> FileOrigin:
    PICTURE.save(path, **options)
    return decode_file(path).header.origin


def exif_of(**tags: object) -> Image.Exif:
    exif = Image.Exif()
    for number, value in ((271, "make"), (272, "model"), (305, "software"), (306, "written")):
        if value in tags:
            exif[number] = tags[value]
    if "taken" in tags:
        exif.get_ifd(0x8769)[36867] = tags["taken"]
    return exif


@pytest.mark.parametrize("extension", ["jpg", "png", "webp", "tif"])
def test_exif_is_read(tmp_path: Path, extension: str) -> None:
    exif = exif_of(make="NIKON\0", model="D90", software="GIMP 2.10", written="2024:05:31 10:00:00")
    found = origin(tmp_path / f"a.{extension}", exif=exif)
    assert (found.camera, found.software, found.exif_date) == ("NIKON D90", "GIMP 2.10", "2024-05-31")


def test_day_is_that_on_which_the_picture_was_taken(tmp_path: Path) -> None:
    exif = exif_of(written="2024:05:31 10:00:00", taken="2019:01:02 03:04:05")
    assert origin(tmp_path / "a.jpg", exif=exif).exif_date == "2019-01-02"


@pytest.mark.parametrize("written", ["0000:00:00 00:00:00", "yesterday", "", "\0\0"])
def test_day_that_is_none_is_absent(tmp_path: Path, written: str) -> None:
    assert origin(tmp_path / "a.jpg", exif=exif_of(written=written)).exif_date is None


@pytest.mark.parametrize(
    "exif",
    [
        b"Exif\0\0MM\0*\0\0\0\x08\xff\xff\xff",
        b"Exif\0\0II*\0\x08\0\0\0\x01\0\x0f\x01\x02\0\xff\xff\xff\xff\xff\xff\xff\xff",
        b"Exif\0\0" + bytes(60_000),
        b"Exif\0\0II*\0\x08\0\0\0\x01\0\x69\x87\x04\0\x01\0\0\0\x08\0\0\0\0\0\0\0",  # leads to itself
    ],
    ids=["cut", "endless value", "zeros", "loop"],
)
def test_hostile_exif_is_absent_and_the_picture_is_read(tmp_path: Path, exif: bytes) -> None:
    PICTURE.save(tmp_path / "a.jpg", exif=exif)
    decoding = decode_file(tmp_path / "a.jpg")
    assert decoding.status == "ok"
    assert decoding.header.origin[:3] == (None, None, None)


def test_long_and_odd_text_is_one_short_line(tmp_path: Path) -> None:
    found = origin(tmp_path / "a.jpg", exif=exif_of(software="é\n\t\0图" + "x" * 50_000))
    assert found.software.endswith("x")
    assert len(found.software) <= MAX_CHARACTERS
    assert found.software.isprintable()


def test_program_is_found_in_the_text_of_a_png_and_in_a_comment(tmp_path: Path) -> None:
    text = PngImagePlugin.PngInfo()
    text.add_text("Software", "Matplotlib 3.9")
    assert origin(tmp_path / "a.png", pnginfo=text).software == "Matplotlib 3.9"
    comment = "CREATOR: gd-jpeg v1.0"
    assert origin(tmp_path / "a.jpg", comment=comment).software == comment


@pytest.mark.parametrize("quality", [1, 30, 50, 75, 95, 100])
def test_quality_of_the_standard_tables_is_told(tmp_path: Path, quality: int) -> None:
    assert origin(tmp_path / "a.jpg", quality=quality).jpeg_quality == str(quality)


def test_other_tables_have_a_digest_and_other_formats_no_quality(tmp_path: Path) -> None:
    one, same, other = (origin(tmp_path / "a.jpg", qtables=[[n] * 64]).jpeg_quality for n in (7, 7, 9))
    assert one == same != other
    assert one.startswith("tables ")
    assert origin(tmp_path / "a.png").jpeg_quality is None


def test_colour_profile_is_told(tmp_path: Path) -> None:
    assert origin(tmp_path / "a.jpg", icc_profile=b"x" * 200).has_icc_profile
    assert not origin(tmp_path / "a.jpg").has_icc_profile

import io
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from analysis.dataset.file_kinds import READS_HEIF
from analysis.dataset.images import EXTENSIONS, MAX_MEGAPIXELS, ImageError, decode_file, open_as_seen

RNG = np.random.default_rng(0)
COLOUR = RNG.integers(0, 256, (20, 30, 3), dtype=np.uint8)  # height 20, width 30, no symmetry


def seen(path: Path) -> np.ndarray:
    picture = open_as_seen(path)
    assert picture.mode == "RGB"
    return np.asarray(picture)


def saved(image: Image.Image, path: Path, **options: object) -> Path:
    image.save(path, **options)
    return path


def on_white(colour: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """The definition of compositing, in exact arithmetic, rounded to the nearest grey level."""
    weight = alpha[..., np.newaxis].astype(int)
    return (colour.astype(int) * weight + 255 * (255 - weight) + 127) // 255


def png(width: int, height: int, pixel_data: bytes) -> bytes:
    """A PNG file for 8-bit RGB whose header may promise more than it holds."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(pixel_data)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


# ---- formats and modes ------------------------------------------------------------------------------------


@pytest.mark.parametrize("extension", [".png", ".bmp", ".tif", ".ppm", ".tga", ".webp", ".jp2"])
def test_lossless_file_gives_the_pixels_that_were_saved(tmp_path: Path, extension: str) -> None:
    options = {"lossless": True} if extension == ".webp" else {}
    path = saved(Image.fromarray(COLOUR), tmp_path / f"image{extension}", **options)
    assert np.array_equal(seen(path), COLOUR)
    assert extension in EXTENSIONS[decode_file(path).header.format]


@pytest.mark.parametrize("extension", [".jpg", ".avif"])
def test_lossy_file_gives_about_the_pixels_that_were_saved(tmp_path: Path, extension: str) -> None:
    smooth = np.asarray(Image.fromarray(COLOUR[:2, :2]).resize((64, 48), Image.Resampling.BICUBIC))
    path = saved(Image.fromarray(smooth), tmp_path / f"image{extension}", quality=95)
    assert np.abs(seen(path).astype(int) - smooth).mean() < 2


def test_header_says_how_the_pixels_are_stored(tmp_path: Path) -> None:
    path = saved(Image.fromarray(COLOUR).convert("CMYK"), tmp_path / "image.jpg")
    header = decode_file(path).header
    assert (header.format, header.mode, header.has_alpha) == ("JPEG", "CMYK", False)
    assert (header.width_px, header.height_px, header.exif_orientation) == (30, 20, 1)


def test_grey_picture_has_three_equal_channels(tmp_path: Path) -> None:
    path = saved(Image.fromarray(COLOUR[..., 0]), tmp_path / "grey.png")
    assert np.array_equal(seen(path), np.repeat(COLOUR[..., :1], 3, axis=2))


def test_one_bit_picture_is_black_and_white(tmp_path: Path) -> None:
    bits = COLOUR[..., 0] > 127
    path = saved(Image.fromarray(bits), tmp_path / "bits.png")
    assert np.array_equal(seen(path)[..., 0], np.where(bits, 255, 0))


def test_palette_picture_has_its_palette_colours(tmp_path: Path) -> None:
    indices = Image.fromarray(RNG.integers(0, 3, (20, 30), dtype=np.uint8), "P")
    indices.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    path = saved(indices, tmp_path / "palette.png")
    assert np.array_equal(seen(path), 255 * np.eye(3, dtype=np.uint8)[np.asarray(indices)])


def test_cmyk_is_converted_by_subtraction_of_ink(tmp_path: Path) -> None:
    ink = np.array([[[0, 0, 0, 0], [255, 0, 0, 0], [0, 255, 255, 0], [0, 0, 0, 255]]], dtype=np.uint8)
    path = saved(Image.fromarray(ink, "CMYK"), tmp_path / "ink.tif")
    assert seen(path).tolist() == [[[255, 255, 255], [0, 255, 255], [255, 0, 0], [0, 0, 0]]]


def test_lab_is_converted_by_its_definition(tmp_path: Path) -> None:
    path = saved(Image.new("LAB", (4, 4), (255, 128, 128)), tmp_path / "lab.tif")  # L* = 100 is white
    assert seen(path).min() >= 253


@pytest.mark.parametrize("name", ["image.png", "image.tif"])
@pytest.mark.parametrize("byte_order", ["<u2", ">u2"])
def test_sixteen_bit_grey_is_scaled_not_clipped(tmp_path: Path, name: str, byte_order: str) -> None:
    values = np.arange(0, 65536, 256, dtype=byte_order).reshape(16, 16)
    path = saved(Image.fromarray(values), tmp_path / name)
    assert np.array_equal(seen(path)[..., 1].ravel(), np.arange(256))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([[0, 256, 65535]], dtype=np.int32), [0, 1, 255]),
        (np.array([[-100, 0, 100]], dtype=np.int32), [28, 128, 228]),
        (np.array([[0.0, 0.5, 1.0]], dtype=np.float32), [0, 128, 255]),
        (np.array([[0.0, 100.0, 255.0]], dtype=np.float32), [0, 100, 255]),
        (np.array([[-1024.0, 0.0, 1023.0]], dtype=np.float32), [0, 128, 255]),
        (np.array([[np.nan, 1.0, np.inf]], dtype=np.float32), [0, 255, 255]),
        (np.array([[np.nan, np.nan]], dtype=np.float32), [0, 0]),
    ],
    ids=["integers", "negative integers", "to 1", "to 255", "other floats", "not finite", "no number"],
)
def test_pixels_without_a_stated_range_are_scaled(
    tmp_path: Path, values: np.ndarray, expected: list[int]
) -> None:
    path = saved(Image.fromarray(values), tmp_path / "values.tif")
    assert seen(path)[0, :, 0].tolist() == expected


@pytest.mark.parametrize("extension", [".gif", ".webp", ".png"])
def test_animation_gives_its_first_frame(tmp_path: Path, extension: str) -> None:
    frames = [Image.new("RGB", (8, 6), colour) for colour in ("red", "blue")]
    options = {"lossless": True} if extension == ".webp" else {}
    path = saved(
        frames[0], tmp_path / f"frames{extension}", save_all=True, append_images=frames[1:], **options
    )
    assert np.array_equal(np.unique(seen(path).reshape(-1, 3), axis=0), [[255, 0, 0]])


def test_jpeg_with_further_pictures_behind_the_first_is_a_jpeg(tmp_path: Path) -> None:
    first, second = (Image.new("RGB", (64, 48), colour) for colour in ("red", "blue"))
    path = saved(first, tmp_path / "stereo.mpo", save_all=True, append_images=[second])
    assert decode_file(path).header.format == "JPEG"
    assert seen(path)[0, 0, 0] > 250


@pytest.mark.skipif(not READS_HEIF, reason="pillow-heif is optional")
def test_heic_is_read_whatever_its_name(tmp_path: Path) -> None:
    saved(Image.new("RGB", (64, 48), "red"), tmp_path / "a.heic", format="HEIF")
    path = (tmp_path / "a.heic").rename(tmp_path / "a.jpg")
    assert decode_file(path).header.format == "HEIF"
    assert np.abs(seen(path).astype(int) - [255, 0, 0]).max() < 8


# ---- transparency -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("extension", [".png", ".tif", ".webp"])
def test_transparency_lies_on_white(tmp_path: Path, extension: str) -> None:
    alpha = RNG.integers(0, 256, COLOUR.shape[:2], dtype=np.uint8)
    options = {"lossless": True, "exact": True} if extension == ".webp" else {}
    rgba = Image.fromarray(np.dstack([COLOUR, alpha]))
    path = saved(rgba, tmp_path / f"image{extension}", **options)
    assert np.array_equal(seen(path), on_white(COLOUR, alpha))
    assert decode_file(path).header.has_alpha


def test_transparency_of_grey_lies_on_white(tmp_path: Path) -> None:
    grey, alpha = COLOUR[..., 0], COLOUR[..., 1]
    path = saved(Image.fromarray(np.dstack([grey, alpha]), "LA"), tmp_path / "grey.png")
    assert np.array_equal(seen(path), on_white(np.repeat(grey[..., np.newaxis], 3, axis=2), alpha))


def test_opaque_alpha_changes_nothing(tmp_path: Path) -> None:
    alpha = np.full(COLOUR.shape[:2], 255, np.uint8)
    path = saved(Image.fromarray(np.dstack([COLOUR, alpha])), tmp_path / "opaque.png")
    assert np.array_equal(seen(path), COLOUR)


@pytest.mark.parametrize("extension", [".png", ".gif"])
def test_transparent_palette_entry_is_white(tmp_path: Path, extension: str) -> None:
    indices = Image.fromarray(np.array([[0, 1, 1, 0]], dtype=np.uint8), "P")
    indices.putpalette([255, 0, 0, 0, 0, 255])
    path = saved(indices, tmp_path / f"palette{extension}", transparency=1)
    assert seen(path)[0].tolist() == [[255, 0, 0], [255, 255, 255], [255, 255, 255], [255, 0, 0]]


def test_palette_with_many_opacities_lies_on_white(tmp_path: Path) -> None:
    indices = Image.fromarray(np.array([[0, 1]], dtype=np.uint8), "P")
    indices.putpalette([255, 0, 0, 0, 0, 255])
    path = saved(indices, tmp_path / "palette.png", transparency=bytes([255, 51]))
    assert seen(path)[0].tolist() == [[255, 0, 0], [204, 204, 255]]


@pytest.mark.parametrize(
    ("pixels", "key", "expected"),
    [
        (np.array([[[1, 2, 3], [4, 5, 6]]], dtype=np.uint8), (1, 2, 3), [[255, 255, 255], [4, 5, 6]]),
        (np.array([[7, 9]], dtype=np.uint8), 7, [[255, 255, 255], [9, 9, 9]]),
        (np.array([[256, 512, 65535]], dtype=np.uint16), 256, [[255] * 3, [2] * 3, [255] * 3]),
    ],
    ids=["RGB", "L", "I;16"],
)
def test_transparent_colour_of_a_png_is_white(
    tmp_path: Path, pixels: np.ndarray, key: object, expected: list
) -> None:
    path = saved(Image.fromarray(pixels), tmp_path / "key.png", transparency=key)
    assert seen(path)[0].tolist() == expected


def test_premultiplied_grey_of_a_tiff_lies_on_white(tmp_path: Path) -> None:
    # Pillow writes no premultiplied alpha, so the tag for its kind (338, ExtraSamples) is set by hand to 1
    straight = saved(Image.fromarray(np.array([[[100, 128]]], dtype=np.uint8), "LA"), tmp_path / "la.tif")
    data = bytearray(straight.read_bytes())
    entry = data.index(struct.pack("<HHI", 338, 3, 1))
    data[entry + 8 : entry + 10] = struct.pack("<H", 1)
    straight.write_bytes(data)
    assert decode_file(straight).header.mode == "La"
    assert abs(int(seen(straight)[0, 0, 0]) - (100 + 255 - 128)) <= 1


# ---- range of values, pages, limits ----------------------------------------------------------------------


@pytest.mark.parametrize("name", ["grey.png", "grey.tif", "colour.png", "colour.tif"])
def test_twelve_bits_are_scaled_by_the_range_that_is_given(tmp_path: Path, name: str) -> None:
    values = RNG.integers(0, 1000, (20, 30, 3) if "colour" in name else (20, 30)).astype(np.uint16)
    cv2.imwrite(str(tmp_path / name), values)
    expected = np.broadcast_to(np.atleast_3d(values[..., ::-1] if values.ndim == 3 else values), (20, 30, 3))
    for value_range, shift in ((None, 2), ("0..4095", 4), ("0..65535", 8)):
        picture = open_as_seen(tmp_path / name, value_range=value_range)
        assert np.array_equal(np.asarray(picture), expected >> shift)
    header = decode_file(tmp_path / name).header
    assert header.value_extremes == (values.min(), values.max())
    assert header.value_range == (0, 1023)


def test_sixteen_bits_of_colour_are_their_high_bytes(tmp_path: Path) -> None:
    values = RNG.integers(0, 65536, (20, 30, 3)).astype(np.uint16)
    cv2.imwrite(str(tmp_path / "a.png"), values)
    assert np.array_equal(seen(tmp_path / "a.png"), values[..., ::-1] >> 8)
    assert decode_file(tmp_path / "a.png").header.value_range == (0, 65535)


def test_eight_bits_have_no_range(tmp_path: Path) -> None:
    path = saved(Image.fromarray(COLOUR), tmp_path / "a.png")
    assert decode_file(path).header.value_range is None
    assert np.array_equal(np.asarray(open_as_seen(path, value_range="0..4095")), COLOUR)


@pytest.mark.parametrize("extension", [".gif", ".webp", ".png", ".tif"])
def test_pages_are_counted_and_the_first_is_the_picture(tmp_path: Path, extension: str) -> None:
    frames = [Image.new("RGB", (8, 6), colour) for colour in ("red", "blue", "lime")]
    options = {"lossless": True} if extension == ".webp" else {}
    path = saved(frames[0], tmp_path / f"a{extension}", save_all=True, append_images=frames[1:], **options)
    assert decode_file(path).header.n_pages == 3
    assert np.array_equal(np.unique(seen(path).reshape(-1, 3), axis=0), [[255, 0, 0]])


@pytest.mark.parametrize("kind", ["zTXt", "iTXt", "iCCP", "bomb", "much"])
@pytest.mark.parametrize("is_behind", [False, True])
def test_long_text_of_a_png_does_not_cost_its_picture(tmp_path: Path, kind: str, is_behind: bool) -> None:
    size = {"bomb": 200_000_000, "much": 70_000_000}.get(kind, 2_000_000)
    chunk_kind = {"bomb": b"zTXt", "much": b"tEXt"}.get(kind, kind.encode())
    text = bytes(size) if kind == "much" else zlib.compress(bytes(size))
    prefix = {b"iTXt": b"XML\0\1\0\0\0", b"tEXt": b"Comment\0"}.get(chunk_kind, b"Comment\0\0")
    body = chunk_kind + prefix + text
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    path = saved(Image.fromarray(COLOUR), tmp_path / "a.png")
    data = path.read_bytes()
    place = data.index(b"IEND" if is_behind else b"IDAT") - 4
    path.write_bytes(data[:place] + chunk + data[place:])
    decoding = decode_file(path)
    assert (decoding.status, decoding.error) == ("ok", None)
    assert np.array_equal(np.asarray(decoding.picture), COLOUR)


# ---- orientation ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("extension", [".png", ".tif", ".webp", ".jpg"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_picture_is_upright(tmp_path: Path, extension: str, orientation: int) -> None:
    quadrants = np.array([[10, 90], [170, 250]], dtype=np.uint8)
    upright = np.kron(quadrants, np.ones((16, 32), np.uint8))  # 32 × 64, each quadrant another grey
    store = {  # EXIF 2.3: where row 0 and column 0 of the stored pixels lie in the picture
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.T,
        6: np.rot90(upright),
        7: upright[::-1, ::-1].T,
        8: np.rot90(upright, -1),
    }
    exif = Image.Exif()
    exif[274] = orientation
    stored = Image.fromarray(np.ascontiguousarray(store[orientation])).convert("RGB")
    path = saved(stored, tmp_path / f"turned{extension}", exif=exif, quality=95)
    assert np.abs(seen(path)[..., 0].astype(int) - upright).max() <= 8
    header = decode_file(path).header
    assert (header.width_px, header.height_px, header.exif_orientation) == (64, 32, orientation)


@pytest.mark.parametrize("value", [0, 9, 65535])
def test_orientation_that_means_nothing_leaves_the_picture_as_stored(tmp_path: Path, value: int) -> None:
    exif = Image.Exif()
    exif[274] = value
    path = saved(Image.fromarray(COLOUR), tmp_path / "odd.png", exif=exif)
    assert np.array_equal(seen(path), COLOUR)
    assert decode_file(path).header.exif_orientation == 1


def test_damaged_exif_leaves_the_picture_as_stored(tmp_path: Path) -> None:
    path = saved(Image.fromarray(COLOUR), tmp_path / "odd.png", exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff\xff")
    assert np.array_equal(seen(path), COLOUR)


# ---- files that hold no picture ---------------------------------------------------------------------------


def test_bomb_is_refused_by_its_header(tmp_path: Path) -> None:
    side = int((MAX_MEGAPIXELS * 1e6) ** 0.5)
    for width, height in ((side + 1, side), (60_000, 60_000)):
        path = tmp_path / f"{width}.png"
        path.write_bytes(png(width, height, b""))
        decoding = decode_file(path)
        assert (decoding.status, decoding.picture) == ("too_large", None)
        assert "100 megapixels" in decoding.error


def test_largest_size_is_not_refused(tmp_path: Path) -> None:
    path = tmp_path / "wide.png"
    path.write_bytes(png(MAX_MEGAPIXELS * 1000, 1000, b""))
    assert decode_file(path).status == "unreadable"  # as it has no pixels, not for its size


def test_too_large_picture_keeps_what_its_header_says(tmp_path: Path) -> None:
    path = tmp_path / "large.png"
    path.write_bytes(png(11_000, 10_000, b""))
    header = decode_file(path).header
    assert (header.format, header.width_px, header.height_px) == ("PNG", 11_000, 10_000)


@pytest.mark.parametrize("extension", [".jpg", ".png", ".bmp", ".tif", ".gif", ".ppm"])
def test_file_that_breaks_off_gives_what_there_is(tmp_path: Path, extension: str) -> None:
    noise = RNG.integers(1, 256, (200, 160, 3), dtype=np.uint8)
    options = {"interlace": False} if extension == ".gif" else {}
    whole = saved(Image.fromarray(noise), tmp_path / f"whole{extension}", **options)
    data = whole.read_bytes()
    path = tmp_path / f"half{extension}"
    path.write_bytes(data[: len(data) // 2])
    decoding = decode_file(path)
    assert decoding.status == "truncated"
    assert decoding.error
    upper, lower = (0, 50) if extension != ".bmp" else (150, 200)  # BMP files start with the last row
    assert np.array_equal(np.asarray(decoding.picture)[upper:lower], seen(whole)[upper:lower])
    with pytest.raises(ImageError) as raised:
        open_as_seen(path)
    assert raised.value.status == "truncated"
    assert open_as_seen(path, allow_truncated=True).size == (160, 200)


def test_file_that_breaks_off_before_the_first_pixel_is_unreadable(tmp_path: Path) -> None:
    path = tmp_path / "short.png"
    path.write_bytes(png(20, 20, b""))
    assert decode_file(path).status == "unreadable"
    with pytest.raises(ImageError, match="unreadable: "):
        open_as_seen(path, allow_truncated=True)


def test_text_is_unreadable(tmp_path: Path) -> None:
    path = tmp_path / "text.jpg"
    path.write_text("This is not a picture. " * 100)
    decoding = decode_file(path)
    assert decoding.status == "unreadable"
    assert "known image format" in decoding.error
    assert str(tmp_path) not in decoding.error


def test_format_that_is_not_named_is_not_decoded(tmp_path: Path) -> None:
    path = tmp_path / "script.jpg"
    stream = io.BytesIO()
    Image.fromarray(COLOUR).save(stream, "EPS")  # a PostScript program
    path.write_bytes(stream.getvalue())
    assert decode_file(path).status == "unreadable"


def test_file_without_bytes_is_empty(tmp_path: Path) -> None:
    path = tmp_path / "empty.jpg"
    path.touch()
    assert decode_file(path).status == "empty"


def test_absent_file_is_missing(tmp_path: Path) -> None:
    assert decode_file(tmp_path / "gone.jpg").status == "missing"


def test_folder_is_unreadable(tmp_path: Path) -> None:
    decoding = decode_file(tmp_path)
    assert (decoding.status, decoding.error) == ("unreadable", "is a directory")


def test_path_may_be_any_text(tmp_path: Path) -> None:
    folder = tmp_path / "Bücher – 写真 $x_1"
    folder.mkdir()
    path = saved(Image.fromarray(COLOUR), folder / ("ü" * 100 + ".png"))
    assert np.array_equal(seen(path), COLOUR)

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter
from scipy.ndimage import gaussian_filter

from analysis.scrub.duplicate_search.recompression import is_recompressed, recompressed

SIDE_PX = 160
NOISE = np.random.default_rng(1).normal(size=(SIDE_PX, SIDE_PX, 3))


def photograph() -> Image.Image:
    noise = np.random.default_rng(0).normal(size=(SIDE_PX, SIDE_PX, 3))
    smooth = sum(gaussian_filter(noise, (s, s, 0)) * s for s in (1, 2, 4, 16))
    return Image.fromarray(np.clip(128 + 45 * smooth, 0, 255).astype(np.uint8))


def document() -> Image.Image:
    page = Image.new("RGB", (SIDE_PX, SIDE_PX), "white")
    for y in range(10, SIDE_PX - 20, 14):
        ImageDraw.Draw(page).text((8, y), f"Invoice {y * 7919} of 2024", fill=(20, 20, 20))
    return page


def radiograph() -> Image.Image:
    noise = np.random.default_rng(2).normal(size=(SIDE_PX, SIDE_PX))
    grey = 120 + 800 * gaussian_filter(noise, 20) + 20 * gaussian_filter(noise, 2) + noise
    return Image.fromarray(np.clip(grey, 0, 255).astype(np.uint8))


def tiny() -> Image.Image:
    return photograph().crop((0, 0, 32, 32))


MADE = pytest.mark.parametrize("make", [photograph, document, radiograph, tiny])


def saved(picture: Image.Image, folder: Path, name: str, **options: object) -> str:
    path = folder / name
    picture.save(path, **options)
    return str(path)


@MADE
@pytest.mark.parametrize("options", [{"quality": 30}, {"quality": 75, "subsampling": 0}, {"quality": 90}])
def test_is_recompressed_knows_a_picture_saved_again(make: Callable, options: dict, tmp_path: Path) -> None:
    original = saved(make(), tmp_path, "a.png")
    copy = saved(make(), tmp_path, "b.jpg", **options)
    assert is_recompressed(original, copy)
    assert is_recompressed(copy, original)


@MADE
def test_is_recompressed_knows_a_jpeg_saved_again_more_coarsely(make: Callable, tmp_path: Path) -> None:
    first = saved(make(), tmp_path, "a.jpg", quality=92)
    again = saved(Image.open(first), tmp_path, "b.jpg", quality=60)
    assert is_recompressed(first, again)


@pytest.mark.parametrize("make", [photograph, radiograph, tiny])
def test_is_recompressed_knows_two_files_made_from_a_third(make: Callable, tmp_path: Path) -> None:
    paths = [saved(make(), tmp_path, f"{quality}.jpg", quality=quality) for quality in (90, 70)]
    assert is_recompressed(*paths)


def brighter(picture: Image.Image) -> Image.Image:
    return picture.point(lambda level: level + 4 if level < 200 else level)


def noisy(picture: Image.Image) -> Image.Image:
    pixels = np.asarray(picture.convert("RGB")) + 5 * NOISE[: picture.height, : picture.width]
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def next_frame(picture: Image.Image) -> Image.Image:
    """What was in the middle has moved by three pixels."""
    third = picture.width // 3
    moved = picture.crop((third, third, 2 * third, 2 * third))
    frame = picture.copy()
    frame.paste(moved, (third + 3, third))
    return frame


def corrected(picture: Image.Image) -> Image.Image:
    """One word painted over."""
    edited = picture.copy()
    ImageDraw.Draw(edited).rectangle([8, 12, 23, 19], fill=128)
    return edited


@MADE
@pytest.mark.parametrize("change", [brighter, noisy, next_frame, corrected])
@pytest.mark.parametrize("quality", [60, 90])
def test_is_recompressed_takes_no_other_change_for_it(
    make: Callable, change: Callable, quality: int, tmp_path: Path
) -> None:
    original = saved(make(), tmp_path, "a.png")
    assert not is_recompressed(original, saved(change(make()), tmp_path, "b.jpg", quality=quality))


def test_is_recompressed_knows_a_picture_without_its_colour_and_one_in_soft_focus(tmp_path: Path) -> None:
    original = saved(photograph(), tmp_path, "a.png")
    grey = saved(photograph().convert("L"), tmp_path, "b.jpg", quality=75)
    soft = saved(photograph().filter(ImageFilter.GaussianBlur(1)), tmp_path, "c.jpg", quality=75)
    assert not is_recompressed(original, grey)
    assert not is_recompressed(original, soft)


def test_is_recompressed_tells_nothing_of_frames_that_one_camera_saved(tmp_path: Path) -> None:
    """With the same tables saving again changes nothing: then the pictures differ."""
    paths = [
        saved(make(photograph()), tmp_path, f"{make.__name__}.jpg", quality=30)
        for make in (lambda picture: picture, brighter)
    ]
    assert not is_recompressed(*paths)


def test_is_recompressed_tells_nothing_of_what_it_cannot_measure(tmp_path: Path) -> None:
    picture = photograph()
    lossless = [saved(picture, tmp_path, name) for name in ("a.png", "a.bmp")]
    assert not is_recompressed(*lossless)
    copy = saved(picture, tmp_path, "b.jpg", quality=60)
    cut_short = tmp_path / "short.jpg"
    cut_short.write_bytes(Path(copy).read_bytes()[:-2000])
    assert not is_recompressed(lossless[0], str(cut_short))
    assert not is_recompressed(lossless[0], str(tmp_path / "gone.jpg"))
    smaller = saved(picture.resize((80, 80)), tmp_path, "small.jpg")
    assert not is_recompressed(lossless[0], smaller)
    turned = Image.Exif()
    turned[0x0112] = 3  # by 180 degrees
    upside_down = saved(picture.rotate(180), tmp_path, "exif.jpg", quality=60, exif=turned)
    assert not is_recompressed(lossless[0], upside_down)


def test_recompressed_answers_in_order(tmp_path: Path) -> None:
    original = saved(photograph(), tmp_path, "a.png")
    again = saved(photograph(), tmp_path, "b.jpg", quality=60)
    other = saved(brighter(photograph()), tmp_path, "c.jpg", quality=60)
    pairs = [(original, other), (original, again), (other, again)]
    assert recompressed(pairs, n_workers=2).tolist() == [False, True, False]
    assert recompressed([], n_workers=2).tolist() == []

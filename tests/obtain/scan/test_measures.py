import io
import zipfile
from collections.abc import Sequence
from pathlib import Path

import imagehash
import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from PIL import Image, ImageFilter
from scipy.stats import entropy

from analysis.obtain.scan import measures
from analysis.obtain.scan.measures import NUMBERS, WORKING_SIZE_PX, measure, measure_files

CIFAR10 = Path(__file__).parents[4] / "shared" / "data" / "cifar10.zip"
RNG = np.random.default_rng(0)
NOISE = RNG.integers(0, 256, (40, 50, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def photograph() -> Image.Image:
    from sklearn.datasets import load_sample_image

    return Image.fromarray(load_sample_image("china.jpg"))  # 640 × 427


def measured(*images: np.ndarray | Image.Image) -> np.ndarray:
    pictures = [image if isinstance(image, Image.Image) else Image.fromarray(image) for image in images]
    return measure([picture.convert("RGB") for picture in pictures])


def luma_of(rgb: np.ndarray) -> np.ndarray:
    """ITU-R BT.601, with the 16-bit weights that Pillow documents."""
    return (rgb.astype(int) @ [19595, 38470, 7471] + 0x8000) >> 16


def halves(left: object, right: object, *, height: int = 20, width: int = 30) -> np.ndarray:
    image = np.zeros((height, width, 3), np.uint8)
    image[:, : width // 2], image[:, width // 2 :] = left, right
    return image


# ---- perceptual hash, against imagehash -------------------------------------------------------------------


def hashed(path: Path) -> int:
    return int(measure_files([str(path)], {}).measures["phash"][0])


def reference(image: Image.Image) -> int:
    return int(str(imagehash.phash(image)), 16)


def saved(image: Image.Image, path: Path, **options: object) -> Path:
    image.save(path, **options)
    return path


SIZES = [(1, 1), (2, 1), (7, 31), (33, 5), (8, 8), (32, 32), (32, 31), (64, 64), (1, 300), (500, 333)]


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("mode", ["RGB", "L", "1", "P", "CMYK"])
def test_hash_is_that_of_imagehash(tmp_path: Path, size: tuple[int, int], mode: str) -> None:
    noise = Image.fromarray(RNG.integers(0, 256, (*size[::-1], 3), dtype=np.uint8)).convert(mode)
    path = saved(noise, tmp_path / "image.tif")
    assert hashed(path) == reference(Image.open(path))


@pytest.mark.parametrize("level", [0, 1, 127, 255])
def test_hash_of_a_constant_picture_is_that_of_imagehash(tmp_path: Path, level: int) -> None:
    # all frequencies but one are zero, or what rounding leaves of it: equal only bit for bit
    path = saved(Image.new("RGB", (45, 37), (level,) * 3), tmp_path / "constant.png")
    assert hashed(path) == reference(Image.open(path))


def test_hash_of_symmetric_pictures_is_that_of_imagehash(tmp_path: Path) -> None:
    quarter = RNG.integers(0, 256, (16, 16), dtype=np.uint8)
    for i, image in enumerate([np.block([[quarter, quarter]] * 2), np.eye(32, dtype=np.uint8) * 255]):
        path = saved(Image.fromarray(image), tmp_path / f"{i}.png")
        assert hashed(path) == reference(Image.open(path))


@pytest.mark.parametrize("quality", [30, 90])
def test_hash_of_photographs_is_that_of_imagehash(
    tmp_path: Path, photograph: Image.Image, quality: int
) -> None:
    paths = []
    for i in range(250):
        left, upper = RNG.integers(0, 500), RNG.integers(0, 300)
        tile = photograph.crop((left, upper, left + 32 + i % 7, upper + 32 + i % 5))
        paths.append(saved(tile, tmp_path / f"{i}.jpg", quality=quality))
    found = measure_files([str(path) for path in paths], {}).measures["phash"]
    assert found.tolist() == [reference(Image.open(path)) for path in paths]


@pytest.mark.skipif(not CIFAR10.exists(), reason=f"{CIFAR10.name} is not beside the repository")
def test_hash_of_cifar_images_is_that_of_imagehash(tmp_path: Path) -> None:
    with zipfile.ZipFile(CIFAR10) as archive:
        names = [name for name in archive.namelist() if name.endswith(".jpg")][::200]
        paths = [tmp_path / f"{i}.jpg" for i in range(len(names))]
        for name, path in zip(names, paths, strict=True):
            path.write_bytes(archive.read(name))
    found = measure_files([str(path) for path in paths], {}).measures["phash"]
    assert len(found) >= 200
    assert found.tolist() == [reference(Image.open(path)) for path in paths]


@pytest.mark.parametrize("opacity", [None, 255, 100], ids=["varied", "opaque", "veiled"])
def test_hash_of_a_transparent_picture_is_that_of_it_on_white(tmp_path: Path, opacity: int | None) -> None:
    alpha = RNG.integers(0, 256, (40, 50), dtype=np.uint8)
    if opacity is not None:
        alpha[:] = opacity
    path = saved(Image.fromarray(np.dstack([NOISE, alpha])), tmp_path / "image.png")
    weight = alpha[..., np.newaxis].astype(int)
    composite = (NOISE * weight + 255 * (255 - weight) + 127) // 255
    assert hashed(path) == reference(Image.fromarray(composite.astype(np.uint8)))


def test_hash_of_a_palette_with_transparency_is_that_of_it_on_white(tmp_path: Path) -> None:
    indices = Image.fromarray(RNG.integers(0, 4, (40, 50), dtype=np.uint8), "P")
    indices.putpalette([0, 0, 0, 200, 30, 60, 10, 220, 90, 0, 0, 255])
    path = saved(indices, tmp_path / "palette.png", transparency=0)
    indices.putpalette([255, 255, 255, 200, 30, 60, 10, 220, 90, 0, 0, 255])
    assert hashed(path) == reference(indices)


def test_hash_of_a_16_bit_picture_is_that_of_its_high_bytes(tmp_path: Path) -> None:
    values = RNG.integers(0, 65536, (40, 50), dtype=np.uint16)
    path = saved(Image.fromarray(values), tmp_path / "deep.png")
    assert hashed(path) == reference(Image.fromarray((values >> 8).astype(np.uint8)))


def test_hash_of_a_turned_picture_is_that_of_the_upright_one(tmp_path: Path) -> None:
    upright = Image.fromarray(NOISE)
    exif = Image.Exif()
    exif[274] = 6
    path = saved(upright.transpose(Image.Transpose.ROTATE_90), tmp_path / "turned.png", exif=exif)
    assert hashed(path) == reference(upright)


# ---- colour and brightness --------------------------------------------------------------------------------


def test_channels_have_their_mean_and_std() -> None:
    (row,) = measured(NOISE)
    for i, channel in enumerate(("red", "green", "blue")):
        assert row[f"mean_{channel}"] == pytest.approx(NOISE[..., i].mean() / 255, rel=1e-12)
        assert row[f"std_{channel}"] == pytest.approx(NOISE[..., i].std() / 255, rel=1e-12)


def test_histogram_has_32_bins_a_channel_that_each_sum_to_1() -> None:
    (row,) = measured(NOISE)
    edges = np.linspace(0, 256, 33)
    expected = [np.histogram(NOISE[..., i], edges)[0] / (40 * 50) for i in range(3)]
    assert row["histogram"].reshape(3, 32) == pytest.approx(np.array(expected), rel=1e-6)


def test_brightness_is_that_of_luma() -> None:
    (row,) = measured(NOISE)
    luma = luma_of(NOISE)
    assert row["brightness_mean"] == pytest.approx(luma.mean() / 255, rel=1e-12)
    assert row["contrast"] == pytest.approx(luma.std() / 255, rel=1e-12)
    for percentile in (1, 5, 25, 50, 75, 95, 99):
        expected = np.percentile(luma, percentile, method="inverted_cdf") / 255
        assert row[f"brightness_p{percentile:02}"] == pytest.approx(expected)


def test_brightness_percentiles_at_a_step() -> None:
    image = np.zeros((10, 10, 3), np.uint8)
    image[:5] = 200  # exactly half of the pixels
    (row,) = measured(image)
    assert row["brightness_p50"] == 0
    assert row["brightness_p75"] == pytest.approx(200 / 255)


def test_entropy_is_that_of_the_luma_histogram() -> None:
    (row,) = measured(NOISE)
    assert row["entropy_bits"] == pytest.approx(entropy(np.bincount(luma_of(NOISE).ravel()), base=2))


@pytest.mark.parametrize(("n_levels", "bits"), [(1, 0), (2, 1), (4, 2), (256, 8)])
def test_entropy_of_equally_frequent_levels(n_levels: int, bits: int) -> None:
    levels = np.arange(256).reshape(16, 16) // (256 // n_levels)
    (row,) = measured(levels.astype(np.uint8))
    assert row["entropy_bits"] == pytest.approx(bits, abs=1e-12)


def test_colourfulness_is_that_of_hasler_and_suesstrunk() -> None:
    (row,) = measured(NOISE)
    red, green, blue = (NOISE[..., i].astype(float) for i in range(3))
    rg, yb = red - green, (red + green) / 2 - blue
    expected = np.hypot(rg.std(), yb.std()) + 0.3 * np.hypot(rg.mean(), yb.mean())
    assert row["colourfulness"] == pytest.approx(expected, rel=1e-9)


def test_grey_has_no_colourfulness() -> None:
    (row,) = measured(NOISE[..., 0])
    assert row["colourfulness"] == 0


def test_greyscale_is_told_by_content(photograph: Image.Image) -> None:
    grey = photograph.convert("L").convert("RGB")
    stream = io.BytesIO()
    grey.save(stream, "JPEG", quality=40)
    stamped = np.array(grey)
    stamped[-60:, -120:] = (255, 60, 0)
    images = [photograph, grey, Image.open(stream), Image.fromarray(stamped)]
    assert measured(*images)["is_greyscale"].tolist() == [False, True, True, False]


def test_constant_picture_has_no_spread() -> None:
    for level in (0, 77, 255):
        (row,) = measured(np.full((9, 7, 3), level, np.uint8))
        for name in ("std_red", "contrast", "entropy_bits", "sharpness", "edge_density", "texture"):
            assert row[name] == 0, name
        assert row["brightness_p01"] == row["brightness_p99"] == pytest.approx(level / 255)


# ---- structure --------------------------------------------------------------------------------------------


def test_sharpness_is_the_variance_of_the_laplacian() -> None:
    (row,) = measured(NOISE)
    padded = np.pad(luma_of(NOISE), 1, mode="edge")
    neighbours = padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2] + padded[1:-1, 2:]
    assert row["sharpness"] == pytest.approx((neighbours - 4 * padded[1:-1, 1:-1]).var(), rel=1e-9)


def test_blur_takes_sharpness(photograph: Image.Image) -> None:
    blurred = [photograph.filter(ImageFilter.GaussianBlur(radius)) for radius in (0, 1, 2, 4)]
    sharpness = measured(*blurred)["sharpness"]
    assert (np.diff(sharpness) < 0).all()
    assert sharpness[3] < sharpness[0] / 10


@pytest.mark.parametrize("measure_name", ["sharpness", "edge_density", "texture"])
def test_structure_compares_across_resolutions(photograph: Image.Image, measure_name: str) -> None:
    values = []
    for width in (640, 600, 500, 400, 350, 300):
        image = photograph.resize((width, width * 2 // 3), Image.Resampling.LANCZOS)
        values.append(measured(image)[measure_name][0])
    assert max(values) < 1.2 * min(values)


def test_edges_are_the_pixels_on_both_sides_of_a_step() -> None:
    (row,) = measured(halves(0, 255))
    assert row["edge_density"] == pytest.approx(2 / 30)


def test_weak_step_is_no_edge() -> None:
    steps = [halves(100, 100 + step) for step in (32, 33)]  # the Sobel filter gives four times the step
    assert (measured(*steps)["edge_density"] > 0).tolist() == [False, True]


def test_texture_is_the_mean_std_of_5_by_5_pixels() -> None:
    (row,) = measured(NOISE)
    windows = sliding_window_view(np.pad(luma_of(NOISE), 2, mode="edge"), (5, 5))
    assert row["texture"] == pytest.approx(windows.std(axis=(2, 3)).mean() / 255, rel=1e-6)


def test_flip_differences_tell_the_axis() -> None:
    left_right = halves(0, 255)
    rows = measured(left_right, np.full((20, 30, 3), 9, np.uint8))
    assert rows["flip_difference_horizontal"].tolist() == [1, 0]
    assert rows["flip_difference_vertical"].tolist() == [0, 0]
    (turned,) = measured(left_right.transpose(1, 0, 2))
    assert (turned["flip_difference_horizontal"], turned["flip_difference_vertical"]) == (0, 1)


def test_flip_difference_is_that_to_the_mirror_image() -> None:
    (row,) = measured(NOISE)
    luma = luma_of(NOISE)
    assert row["flip_difference_horizontal"] == pytest.approx(np.abs(luma - luma[:, ::-1]).mean() / 255)
    assert row["flip_difference_vertical"] == pytest.approx(np.abs(luma - luma[::-1]).mean() / 255)


# ---- thumbnails -------------------------------------------------------------------------------------------


def test_thumbnail_of_its_own_size_is_the_picture() -> None:
    image = NOISE[:32, :32]
    assert np.array_equal(measured(image)["thumbnail"][0], image)


@pytest.mark.parametrize("factor", [2, 3, 4, 8])
def test_thumbnail_holds_means_of_areas(factor: int) -> None:
    image = RNG.integers(0, 256, (32 * factor, 32 * factor, 3), dtype=np.uint8)
    means = image.reshape(32, factor, 32, factor, 3).mean(axis=(1, 3))
    assert np.abs(measured(image)["thumbnail"][0] - means).max() <= 1.5


def test_thumbnail_of_a_small_picture_repeats_its_pixels() -> None:
    image = NOISE[:8, :16]
    assert np.array_equal(measured(image)["thumbnail"][0], image.repeat(4, axis=0).repeat(2, axis=1))


def area_means(n: int) -> np.ndarray:
    """(32, n) weights: how much of each of 32 equal parts of a line each of its n pixels covers."""
    part, pixel = np.linspace(0, n, 33), np.arange(n)
    overlap = np.minimum(part[1:, np.newaxis], pixel + 1) - np.maximum(part[:-1, np.newaxis], pixel)
    return np.clip(overlap, 0, None) * 32 / n


@pytest.mark.parametrize("size", [(640, 427), (33, 47), (131, 129), (1000, 130), (32, 999)], ids=str)
def test_thumbnail_is_the_whole_picture_in_means_of_areas(
    photograph: Image.Image, size: tuple[int, int]
) -> None:
    image = photograph.resize(size)
    width, height = size
    expected = np.einsum("ih,hwc,jw->ijc", area_means(height), np.asarray(image), area_means(width))
    assert np.abs(measured(image)["thumbnail"][0] - expected).mean() < 2


@pytest.mark.parametrize("size", [(100, 20), (20, 100), (1, 90)], ids=str)
def test_thumbnail_of_a_narrow_picture_shows_all_of_it(
    photograph: Image.Image, size: tuple[int, int]
) -> None:
    image = photograph.resize(size)
    expected = np.asarray(image.resize((32, 32), Image.Resampling.BOX)).astype(int)
    assert np.abs(measured(image)["thumbnail"][0] - expected).mean() < 4


# ---- stacks and files -------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(1, 1), (5, 3), (32, 32), (97, 61), (600, 500)], ids=str)
def test_measures_do_not_depend_on_the_company(photograph: Image.Image, size: tuple[int, int]) -> None:
    images = [photograph.resize(size, box=(x, 0, x + 300, 400)) for x in (0, 100, 200)]
    together = measured(*images, *images[:2])
    alone = np.concatenate([measured(image) for image in images])
    assert together[:3].tobytes() == alone.tobytes()
    assert together[3:].tobytes() == alone[:2].tobytes()


@pytest.mark.parametrize("size", [(1, 40_000), (40_000, 1), (3000, 2), (1, 1)], ids=str)
def test_picture_of_any_shape_is_measured(size: tuple[int, int]) -> None:
    (row,) = measured(Image.new("RGB", size, (255, 0, 0)))
    assert row["mean_red"] == 1
    assert all(np.isfinite(row[name]) for name in NUMBERS)
    assert (row["thumbnail"] == [255, 0, 0]).all()


def test_working_size_does_not_touch_smaller_pictures() -> None:
    image = RNG.integers(0, 256, (WORKING_SIZE_PX, 10), dtype=np.uint8)
    (row,) = measured(image)
    padded = np.pad(image.astype(int), 1, mode="edge")
    neighbours = padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2] + padded[1:-1, 2:]
    assert row["sharpness"] == pytest.approx((neighbours - 4 * padded[1:-1, 1:-1]).var(), rel=1e-9)


def test_files_of_many_sizes_keep_their_order(tmp_path: Path) -> None:
    paths = []
    for i in range(40):
        width, height = 1 + i % 3, 300 if i % 5 == 0 else 4
        paths.append(saved(Image.new("L", (width, height), i), tmp_path / f"{i}.png"))
    paths[7].write_text("not a picture")
    paths[9].unlink()
    found = measure_files([str(path) for path in paths], {})
    ok = np.delete(np.arange(40), [7, 9])
    assert found.measures["brightness_mean"][ok] * 255 == pytest.approx(ok)
    assert found.columns["width_px"] == [None if i in (7, 9) else 1 + i % 3 for i in range(40)]
    assert [found.columns["status"][i] for i in (6, 7, 8, 9)] == ["ok", "unreadable", "ok", "missing"]
    assert not found.measures[[7, 9]].tobytes().strip(b"\0")


def test_each_picture_is_measured_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stacks = []
    monkeypatch.setattr(measures, "STACK_PIXELS", 300)
    monkeypatch.setattr(measures, "measure", lambda stack: stacks.append(len(stack)) or measure(stack))
    images = [NOISE[:10, :10]] * 7 + [NOISE[:20, :20]] * 2
    paths = [saved(Image.fromarray(image), tmp_path / f"{i}.png") for i, image in enumerate(images)]
    measure_files([str(path) for path in paths], {})
    assert sorted(stacks) == [1, 1, 1, 3, 3]  # the 20 × 20 ones by themselves, the others by three


def test_no_files_have_no_measures() -> None:
    paths: Sequence[str] = []
    assert len(measure_files(paths, {}).measures) == 0


def test_file_that_is_no_image_is_named_by_its_content(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"version https://git-lfs.github.com/spec/v1")
    (tmp_path / "b.jpg").write_bytes(b"nothing known")
    (tmp_path / "c.jpg").write_bytes(b"\xff\xd8\xff rest of no JPEG")
    found = measure_files([str(tmp_path / name) for name in ("a.jpg", "b.jpg", "c.jpg")], {})
    assert found.columns["status"] == ["unreadable"] * 3
    errors = found.columns["error"]
    assert errors[0] == "it is no image but a Git LFS pointer: `git lfs pull` brings the picture"
    assert [error.startswith("it is no image") for error in errors] == [True, False, False]

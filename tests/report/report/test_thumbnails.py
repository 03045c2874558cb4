from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from analysis.report.report.thumbnails import THUMBNAIL_PX, make_thumbnails


def images(*paths: Path, status: str = "ok") -> pd.DataFrame:
    return pd.DataFrame(
        {
            "item_id": np.arange(len(paths)) + 5,
            "path": [str(path) for path in paths],
            "status": status,
            "value_range": None,
        }
    )


def test_small_image_keeps_every_pixel(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (8, 6, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    thumbnail = make_thumbnails(images(tmp_path / "a.png"), tmp_path / "out")[5]
    assert (thumbnail.file, thumbnail.width_px, thumbnail.height_px) == ("5.png", 6, 8)
    assert thumbnail.is_enlarged
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "out" / "5.png")), pixels)


def test_large_image_is_scaled_whole(tmp_path: Path) -> None:
    Image.new("RGB", (1000, 500), "teal").save(tmp_path / "a.png")
    thumbnail = make_thumbnails(images(tmp_path / "a.png"), tmp_path / "out")[5]
    assert (thumbnail.file, thumbnail.width_px, thumbnail.height_px) == (
        "5.jpg",
        THUMBNAIL_PX,
        THUMBNAIL_PX // 2,
    )
    assert not thumbnail.is_enlarged


def test_image_is_shown_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter
    Image.new("RGB", (40, 20)).save(tmp_path / "a.jpg", exif=exif)
    thumbnail = make_thumbnails(images(tmp_path / "a.jpg"), tmp_path / "out")[5]
    assert (thumbnail.width_px, thumbnail.height_px) == (20, 40)


def test_what_cannot_be_opened_has_a_reason_instead_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("no image")
    (tmp_path / "empty.jpg").touch()
    made = make_thumbnails(
        images(tmp_path / "text.jpg", tmp_path / "empty.jpg", tmp_path / "gone.jpg"), tmp_path / "out"
    )
    assert {i: (t.file, t.problem) for i, t in made.items()} == {
        5: ("", "unreadable"),
        6: ("", "empty"),
        7: ("", "missing"),
    }
    assert list((tmp_path / "out").iterdir()) == []


def test_what_the_manifest_bars_is_not_opened(tmp_path: Path) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "a.png")
    made = make_thumbnails(images(tmp_path / "a.png", status="outside_root"), tmp_path / "out")
    assert (made[5].file, made[5].problem) == ("", "outside_root")


def test_no_images_make_no_thumbnails(tmp_path: Path) -> None:
    assert make_thumbnails(images(), tmp_path / "out") == {}

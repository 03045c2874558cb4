"""Damaged files end in a counted row, whatever the damage."""

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from analysis.obtain.scan.measures import NUMBERS
from analysis.obtain.scan.stage import scan

N_FILES = 504
FORMATS = {"JPEG": ".jpg", "PNG": ".png", "WEBP": ".webp", "GIF": ".gif", "BMP": ".bmp", "TIFF": ".tif"}
OPTIONS = {
    "JPEG": [
        {"quality": 80},
        {"progressive": True},
        {"exif": b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01"},
    ],
    "PNG": [{}, {"compress_level": 0}],
    "WEBP": [{}, {"lossless": True}],
    "GIF": [{}, {"interlace": False}],
    "BMP": [{}],
    "TIFF": [{}, {"compression": "tiff_lzw"}, {"compression": "jpeg"}, {"compression": "tiff_adobe_deflate"}],
}


def whole_file(rng: np.random.Generator, file_format: str) -> bytes:
    height, width = rng.integers(1, 90, 2)
    coarse = Image.fromarray(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8))
    picture = coarse.resize((int(width), int(height)))
    if file_format in ("PNG", "GIF") and rng.random() < 0.5:
        picture = picture.quantize(16)
    elif file_format in ("PNG", "WEBP", "TIFF", "BMP") and rng.random() < 0.3:
        picture = picture.convert("RGBA")
    options = OPTIONS[file_format][rng.integers(len(OPTIONS[file_format]))]
    if options.get("compression") == "jpeg":
        picture = picture.convert("RGB")
    stream = io.BytesIO()
    picture.save(stream, file_format, **options)
    return stream.getvalue()


def damaged(rng: np.random.Generator, data: bytes) -> bytes:
    """One of: bytes changed anywhere or at the start, a piece cut out, put in or blanked, the end cut off."""
    content = bytearray(data)
    start, length = int(rng.integers(len(data))), int(rng.integers(1, max(2, len(data) // 3)))
    match rng.integers(6):
        case 0:
            for position in rng.integers(len(data), size=rng.integers(1, 20)):
                content[position] = rng.integers(256)
        case 1:
            for position in rng.integers(min(64, len(data)), size=rng.integers(1, 6)):
                content[position] = rng.integers(256)
        case 2:
            del content[start : start + length]
        case 3:
            content[start:start] = rng.bytes(length)
        case 4:
            content[start : start + length] = bytes(len(content[start : start + length]))
        case 5:
            del content[start:]
    return bytes(content)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    folder, rng = tmp_path_factory.mktemp("damaged"), np.random.default_rng(0)
    paths: list[Path] = []
    for i in range(N_FILES):
        file_format = list(FORMATS)[i % len(FORMATS)]
        paths.append(folder / f"{i:03}{FORMATS[file_format]}")
        paths[-1].write_bytes(damaged(rng, whole_file(rng, file_format)))
    manifest = pd.DataFrame(
        {
            "item_id": np.arange(N_FILES),
            "path": [str(path) for path in paths],
            "bytes": [path.stat().st_size for path in paths],
            "content_hash": pd.array([None] * N_FILES, dtype="string"),
            "status": "ok",
        }
    )
    (part,) = scan(manifest)
    return part["scan"]


def test_every_damaged_file_is_accounted_for(table: pd.DataFrame) -> None:
    assert table["item_id"].tolist() == list(range(N_FILES))
    counts = table["status"].value_counts()
    assert set(counts.index) <= {"ok", "truncated", "unreadable", "empty", "too_large"}
    # the damage is real, and not all of it makes a file unreadable
    assert counts["unreadable"] > 100
    assert counts["truncated"] > 50
    assert counts["ok"] > 50


def test_what_is_wrong_with_a_damaged_file_is_said(table: pd.DataFrame) -> None:
    is_whole = table["status"] == "ok"
    assert table.loc[is_whole, "error"].isna().all()
    assert table.loc[~is_whole, "error"].str.len().gt(0).all()


def test_what_is_left_of_a_damaged_file_is_measured(table: pd.DataFrame) -> None:
    has_picture = table["status"].isin(["ok", "truncated"])
    assert np.isfinite(table.loc[has_picture, list(NUMBERS)]).all(axis=None)
    assert table.loc[~has_picture, list(NUMBERS)].isna().all(axis=None)
    assert (table.loc[has_picture, ["width_px", "height_px"]] >= 1).all(axis=None)

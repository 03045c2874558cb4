from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from analysis.dataset.file_kinds import IMAGE, READS_HEIF, kind_of, kind_of_bytes
from analysis.dataset.images import EXTENSIONS


@pytest.mark.parametrize(
    "image_format", [name for name in EXTENSIONS if name != "TGA"]
)  # which bears no mark
def test_every_format_that_is_decoded_is_known_by_its_bytes(image_format: str) -> None:
    content = BytesIO()
    Image.fromarray(np.zeros((20, 20, 3), np.uint8)).save(content, image_format)
    assert kind_of_bytes(content.getvalue()) == IMAGE


@pytest.mark.parametrize(
    ("content", "name", "advice"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\n", "Git LFS pointer", "git lfs pull"),
        (b"\n<!DOCTYPE html><html>404</html>", "HTML page", "download it again"),
        pytest.param(
            *(b"\0\0\0\x18ftypheic\0\0\0\0", "HEIC picture", "convert it"),
            marks=pytest.mark.skipif(READS_HEIF, reason="pillow-heif is installed, which reads it"),
        ),
        (bytes(128) + b"DICM" + bytes(50), "DICOM file", "export it"),
        (b"PK\x03\x04rest", "zip archive", "unpack"),
        (b"outs:\n- md5: 1\n", "DVC pointer", "dvc pull"),
    ],
)
def test_what_is_no_image_is_named(tmp_path: Path, content: bytes, name: str, advice: str) -> None:
    path = tmp_path / "picture.jpg"
    path.write_bytes(content)
    kind = kind_of(path)
    assert kind.name == name
    assert advice in kind.advice


def test_anything_else_is_unknown(tmp_path: Path) -> None:
    assert kind_of_bytes(b"") is None
    assert kind_of_bytes(b"some words") is None
    assert kind_of(tmp_path / "absent") is None
    assert kind_of(tmp_path) is None

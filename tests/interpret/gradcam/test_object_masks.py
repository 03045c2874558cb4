from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from analysis.contract import NO_FILE, InputError
from analysis.interpret.gradcam.object_masks import common_folder, expected_masks, masks_of, read_masks


def save_mask(path: Path, values: list[list[int]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.array(values, dtype=np.uint8)).save(path)
    return path


def test_mask_lies_where_its_image_does() -> None:
    paths = pd.Series(["raw/train/cat/a.b.jpg", "raw/test/köter/2.png"])
    images = pd.DataFrame({"path": paths})
    assert common_folder(paths) == Path("raw")
    assert expected_masks(images, Path("masks"), image_root=Path("raw")) == [
        Path("masks/train/cat/a.b.png"),
        Path("masks/test/köter/2.png"),
    ]


def test_images_of_one_folder_have_masks_by_name_alone() -> None:
    paths = pd.Series(["/x/1.jpg", "/x/2.jpg"])
    assert expected_masks(pd.DataFrame({"path": paths}), Path("m"), image_root=common_folder(paths)) == [
        Path("m/1.png"),
        Path("m/2.png"),
    ]


@pytest.mark.parametrize("white", [1, 128, 255])
def test_all_that_is_not_black_is_object_and_is_squeezed_by_area(tmp_path: Path, white: int) -> None:
    rows = [[white, white, white, 0], [white, white, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
    (mask,) = read_masks([save_mask(tmp_path / "a.png", rows)], tmp_path, side_px=2)
    assert mask == pytest.approx(np.array([[1, 0.25], [0, 0]]), abs=0.01)


def test_no_folder_is_no_masks_and_a_wrong_one_is_said(tmp_path: Path) -> None:
    images = pd.DataFrame({"path": ["raw/1.jpg"]})
    assert np.isnan(masks_of(images, Path(NO_FILE), image_root=Path("raw"), side_px=2)).all()
    save_mask(tmp_path / "1.png", [[255]])
    assert (masks_of(images, tmp_path, image_root=Path("raw"), side_px=2) == 1).all()
    with pytest.raises(InputError, match="no folder"):
        masks_of(images, tmp_path / "absent", image_root=Path("raw"), side_px=2)


def test_absent_and_black_masks_are_none(tmp_path: Path) -> None:
    black = save_mask(tmp_path / "black.png", [[0, 0], [0, 0]])
    masks = read_masks([tmp_path / "absent.png", black], tmp_path, side_px=2)
    assert np.isnan(masks).all()


def test_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    outside = save_mask(tmp_path / "secret.png", [[255]])
    folder = tmp_path / "masks"
    folder.mkdir()
    (folder / "a.png").symlink_to(outside)
    with pytest.raises(InputError, match="leads out of"):
        read_masks([folder / "a.png"], folder, side_px=2)
    with pytest.raises(InputError, match="leads out of"):
        read_masks([folder / ".." / "secret.png"], folder, side_px=2)


def test_broken_mask_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"no picture")
    with pytest.raises(InputError, match="cannot be read"):
        read_masks([tmp_path / "a.png"], tmp_path, side_px=2)

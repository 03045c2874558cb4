from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from scipy.ndimage import gaussian_filter

from analysis.scrub.duplicate_search.planting import LARGEST_PX, N_PLANTED, plant_in_memory
from analysis.scrub.faults import NEAR_COPIES


def written(folder: Path, n: int, side_px: int = 48) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    paths = []
    for i in range(n):
        smooth = gaussian_filter(rng.normal(size=(side_px, side_px, 3)), (2, 2, 0))
        path = folder / f"{i} é.png"
        Image.fromarray(np.clip(128 + 200 * smooth, 0, 255).astype(np.uint8)).save(path)
        paths.append(str(path))
    return pd.DataFrame({"path": paths, "value_range": None})


def test_planted_copies_are_spread_over_images_and_changes(tmp_path: Path) -> None:
    images = written(tmp_path, 100)
    planted = plant_in_memory(images, seed=0, n_workers=2)
    assert len(planted) == N_PLANTED == len(planted.thumbnails) == len(planted.lumas)
    assert np.bincount(planted.rows, minlength=100).min() >= N_PLANTED // 100
    assert planted.is_mirrored.sum() == N_PLANTED / len(NEAR_COPIES)
    again = plant_in_memory(images, seed=0, n_workers=1)
    np.testing.assert_array_equal(planted.thumbnails, again.thumbnails)
    assert all((one == other).all() for one, other in zip(planted.lumas, again.lumas, strict=True))


def test_planting_passes_over_a_lost_image_and_reduces_a_large_one(tmp_path: Path) -> None:
    images = written(tmp_path, 2, side_px=3 * LARGEST_PX)
    Path(images["path"][0]).unlink()
    planted = plant_in_memory(images, seed=0, n_workers=2)
    assert set(planted.rows) == {1}
    assert max(max(luma.shape) for luma in planted.lumas) <= 2.1 * LARGEST_PX  # some copies are enlarged


def test_planting_of_no_image_is_empty() -> None:
    none = pd.DataFrame({"path": pd.Series(dtype=object), "value_range": pd.Series(dtype=object)})
    assert len(plant_in_memory(none, seed=0, n_workers=1)) == 0

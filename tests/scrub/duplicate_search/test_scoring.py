from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter

from analysis.dataset.images import ImageError, open_as_seen
from analysis.scrub.duplicate_search import scoring
from analysis.scrub.duplicate_search.candidates import without_borders
from analysis.scrub.duplicate_search.scoring import Compared, score_pairs

N, SIDE_PX = 40, 96


def in_one_pose(n: int) -> list[np.ndarray]:
    """Ellipses in one place, each with a grain of its own: as alike as heads before one wall."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:SIDE_PX, :SIDE_PX] / SIDE_PX - 0.5
    pictures = []
    for _ in range(n):
        width, height = rng.normal(0.28, 0.004), rng.normal(0.38, 0.004)
        inside = (x / width) ** 2 + (y / height) ** 2 < 1
        grain = gaussian_filter(rng.normal(size=(SIDE_PX, SIDE_PX)), 1.2)
        pictures.append(np.clip(40 + inside * (110 + 60 * grain), 0, 255).astype(np.uint8))
    return pictures


def scored(
    folder: Path, pictures: list[np.ndarray], *, but: tuple[int, int] | None = None
) -> tuple[pd.DataFrame, Compared]:
    """Every pair of the pictures, which are written as files, but for one pair."""
    paths, thumbnails = [], []
    for i, picture in enumerate(pictures):
        paths.append(str(folder / f"{i}.png"))
        cv2.imwrite(paths[-1], picture)
        small = cv2.resize(picture, (32, 32), interpolation=cv2.INTER_AREA)
        thumbnails.append(np.repeat(small[..., None], 3, axis=2))
    images = pd.DataFrame({"path": paths, "value_range": None, "width_px": SIDE_PX, "height_px": SIDE_PX})
    n = len(pictures)
    pairs = np.array([(a, b, 0) for a in range(n) for b in range(a + 1, n) if (a, b) != but])
    return score_pairs(images, *without_borders(np.stack(thumbnails)), pairs, seed=0)


def through_jpeg(picture: np.ndarray, quality: int) -> np.ndarray:
    return cv2.imdecode(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], 0)


def test_scores_tell_a_copy_among_pictures_of_one_pose(tmp_path: Path) -> None:
    pictures = in_one_pose(N)
    found, compared = scored(tmp_path, [*pictures, through_jpeg(pictures[7], 80)])
    is_copy = (found["row_a"] == 7) & (found["row_b"] == N)
    assert found.loc[is_copy, "score"].item() > 0.5
    assert (found.loc[~is_copy, "score"] < 0.1).all()
    assert compared.copies_told_fraction > 0.9


def test_scores_bound_the_work_and_count_what_was_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scoring, "MAX_ALIGNED", 200)
    monkeypatch.setattr(scoring, "MAX_OPENED", 60)
    monkeypatch.setattr(scoring, "N_OTHERS", 10)
    pictures = in_one_pose(N)
    found, compared = scored(tmp_path, [*pictures, through_jpeg(pictures[7], 80)])
    assert compared.n_candidates == (N + 1) * N / 2
    assert compared.n_aligned <= 200
    assert compared.n_opened == len(found) <= 60
    n_not_aligned = compared.n_candidates - 200
    assert n_not_aligned < compared.n_left_out <= compared.n_candidates - 50
    is_copy = (found["row_a"] == 7) & (found["row_b"] == N)
    assert is_copy.any()  # the best come first


def test_images_that_are_gone_since_the_scan_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def open_but_7(path: str, **options: object) -> Image.Image:
        if Path(path).name == "7.png":
            raise ImageError("missing", "gone")
        return open_as_seen(path, **options)

    monkeypatch.setattr(scoring, "open_as_seen", open_but_7)
    pictures = in_one_pose(N)
    found, compared = scored(tmp_path, [*pictures, through_jpeg(pictures[7], 80)])
    assert compared.n_gone == 1
    assert (found["score"] < 0.1).all()


def test_two_copies_of_one_image_are_compared_though_the_search_did_not(tmp_path: Path) -> None:
    pictures = in_one_pose(N)
    copies = [through_jpeg(pictures[7], 85), through_jpeg(pictures[7], 75)]
    found, _ = scored(tmp_path, [*pictures, *copies], but=(N, N + 1))
    sure = found[found["score"] >= 0.5]
    ends = set(zip(sure["row_a"], sure["row_b"], strict=True))
    assert ends == {(7, N), (7, N + 1), (N, N + 1)}

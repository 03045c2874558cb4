from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image
from pydantic import ValidationError
from scipy.ndimage import gaussian_filter

from analysis.contract import FINDING_COLUMNS, Artifacts
from analysis.scrub.duplicate_search.changes import NOT_MEASURED
from analysis.scrub.duplicate_search.parameters import DuplicateSearchParameters
from analysis.scrub.duplicate_search.scoring import Compared
from analysis.scrub.duplicate_search.stage import duplicate_search, notes_on
from analysis.scrub.duplicates.parameters import DuplicatesParameters
from analysis.scrub.duplicates.stage import duplicates

PARAMETERS_FILE = Path(__file__).parents[3] / "params.yaml"
PARAMETERS = yaml.safe_load(PARAMETERS_FILE.read_text(encoding="utf-8"))
SEARCH = DuplicateSearchParameters.model_validate(PARAMETERS["duplicate_search"])
DEFAULTS = DuplicatesParameters.model_validate(PARAMETERS["duplicates"])
N = 60

OF_SCAN = ("item_id", "content_hash", "status", "width_px", "height_px", "phash", "value_range")


def pictures(n: int) -> np.ndarray:
    noise = np.random.default_rng(0).normal(size=(n, 64, 64, 3))
    smooth = sum(gaussian_filter(noise, (0, s, s, 0)) * s for s in (1.5, 3, 6))
    return np.clip(128 + 45 * smooth, 0, 255).astype(np.uint8)


class Dataset:
    """Pictures that are written as they are added, and the tables that prepare and scan would make."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.rows, self.thumbnails = folder, [], []

    def add(
        self,
        picture: np.ndarray,
        *,
        split: str = "train",
        label: str | None = "cat",
        jpeg_quality: int | None = None,
        **row,
    ) -> str:
        """As PNG, or as JPEG of a quality."""
        path = self.folder / f"{len(self.rows)} é$_.{'jpg' if jpeg_quality else 'png'}"
        Image.fromarray(picture).save(path, **({"quality": jpeg_quality} if jpeg_quality else {}))
        picture = np.asarray(Image.open(path))
        thumbnail = cv2.resize(picture, (32, 32), interpolation=cv2.INTER_AREA)
        grey = cv2.cvtColor(thumbnail, cv2.COLOR_RGB2GRAY).astype(np.float32)
        low = cv2.dct(grey)[:8, :8]
        phash = np.packbits(low > np.median(low)).view(">u8")[0]
        self.thumbnails.append(thumbnail)
        facts = {"path": str(path), "split": split, "label": label, "status": "ok", "phash": phash}
        facts["group"] = None
        content = {
            "content_hash": path.read_bytes().hex(),
            "width_px": 64,
            "height_px": 64,
            "value_range": None,
        }
        self.rows.append(facts | content | row)
        return str(path)

    def tables(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        table = pd.DataFrame(self.rows).rename_axis("item_id").reset_index()
        types = {"split": "category", "label": "category", "width_px": "Int32", "height_px": "Int32"}
        table = table.astype(types | {"phash": "UInt64"})
        manifest = table[["item_id", "path", "label", "split", "content_hash", "group"]]
        return manifest, table[list(OF_SCAN)]

    def searched(self) -> pd.DataFrame:
        found = duplicate_search(*self.tables(), np.stack(self.thumbnails), parameters=SEARCH, seed=0)
        return found.tables["possible_copies"]

    def audited(self, possible_copies: pd.DataFrame | None = None, **parameters: object) -> Artifacts:
        possible = self.searched() if possible_copies is None else possible_copies
        return duplicates(*self.tables(), possible, parameters=DEFAULTS.model_copy(update=parameters))


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    """Sixty unlike pictures, of cats and dogs, a third of them in the test."""
    dataset = Dataset(tmp_path)
    for i, picture in enumerate(pictures(N)):
        dataset.add(picture, split="test" if i % 3 == 0 else "train", label="cat" if i % 2 else "dog")
    return dataset


def picture_of(dataset: Dataset, row: int) -> np.ndarray:
    return np.asarray(Image.open(dataset.rows[row]["path"]))


def recompressed(picture: np.ndarray) -> np.ndarray:
    return cv2.imdecode(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 50])[1], cv2.IMREAD_COLOR)


def test_duplicates_finds_nothing_in_a_clean_dataset(dataset: Dataset) -> None:
    artifacts = dataset.audited()
    assert len(artifacts.findings) == 0
    assert list(artifacts.findings.columns) == FINDING_COLUMNS
    assert artifacts.figures == []
    assert artifacts.metrics["test_leaked_fraction"] == 0
    assert np.isnan(artifacts.metrics["validation_leaked_fraction"])


def test_duplicates_finds_exact_and_near_copies_and_leaks(dataset: Dataset) -> None:
    same_file = dataset.add(picture_of(dataset, 1), split="train")  # of a training image
    dataset.add(picture_of(dataset, 4)[:, ::-1], split="test", label="dog")  # leaks, mirrored
    dataset.add(picture_of(dataset, 5), split="test", jpeg_quality=50)  # leaks
    artifacts = dataset.audited()
    pairs = artifacts.tables["duplicate_pairs"].set_index("item_id_b")
    assert pairs["item_id_a"].to_dict() == {N: 1, N + 1: 4, N + 2: 5}
    assert pairs["kind"].to_dict() == {N: "exact", N + 1: "near", N + 2: "near"}
    assert pairs["change"].to_dict() == {N: "same file", N + 1: "mirrored", N + 2: "recompressed"}
    assert pairs.loc[N, "path_b"] == same_file
    assert artifacts.metrics["n_test_images_leaked"] == 2
    assert artifacts.metrics["test_leaked_fraction"] == pytest.approx(2 / 22)
    others = artifacts.findings.set_index("item_id")["other_item_id"]
    assert others.to_dict() == {N: 1, N + 1: 4, N + 2: 5}
    kinds = artifacts.findings.groupby("kind")["item_id"].apply(list).to_dict()
    assert kinds.pop("exact_duplicate") == [N]
    assert sorted(kinds.pop("leaked_image")) == [N + 1, N + 2]
    assert kinds == {}
    assert [figure.name for figure in artifacts.figures] == ["leaking_pairs", "least_sure_pairs"]


def test_duplicates_names_only_what_was_measured_of_a_change(dataset: Dataset) -> None:
    def lighter(levels: float) -> np.ndarray:
        return np.clip(picture_of(dataset, 4) + levels, 0, 255).astype(np.uint8)

    noise = np.random.default_rng(0).normal(0, 6, (64, 64, 3))
    noisy = np.clip(picture_of(dataset, 7) + noise, 0, 255).astype(np.uint8)
    dataset.add(picture_of(dataset, 1), jpeg_quality=60)
    dataset.add(lighter(15), jpeg_quality=90)  # the same scene, other exposure
    dataset.add(noisy, jpeg_quality=90)
    dataset.add(recompressed(picture_of(dataset, 10)))  # with nothing in the file to show it
    half = cv2.resize(picture_of(dataset, 13), (32, 32), interpolation=cv2.INTER_AREA)
    dataset.add(half, width_px=32, height_px=32)
    artifacts = dataset.audited()
    changes = artifacts.tables["duplicate_pairs"].set_index("item_id_a")["change"].to_dict()
    assert changes == {
        1: "recompressed",
        4: "brightness",
        7: NOT_MEASURED,
        10: NOT_MEASURED,
        13: "resized",
    }
    details = artifacts.findings.set_index("other_item_id")["detail"]
    assert details[7].startswith("changed in a way that was not measured: ")


def test_duplicates_knows_the_same_pixels_in_another_file(dataset: Dataset) -> None:
    dataset.add(picture_of(dataset, 1), content_hash="another")
    (pair,) = dataset.audited().tables["duplicate_pairs"].to_dict("records")
    assert (pair["item_id_a"], pair["item_id_b"], pair["kind"], pair["change"]) == (
        1,
        N,
        "exact",
        "same pixels",
    )


def test_duplicates_tells_copies_with_different_labels_but_not_blank_ones(dataset: Dataset) -> None:
    dataset.add(recompressed(picture_of(dataset, 1)), label="dog")
    dataset.add(picture_of(dataset, 5), label=None)
    artifacts = dataset.audited()
    assert artifacts.metrics["n_contradicting_pairs"] == 1
    contradicting = artifacts.findings[artifacts.findings["kind"] == "contradicting_copies"]
    assert contradicting.set_index("item_id")["other_item_id"].to_dict() == {1: N, N: 1}


def test_duplicates_sees_a_leak_through_an_exact_copy(dataset: Dataset) -> None:
    """Two equal test images and a near copy in training: both leak, though only one stands in the pair."""
    copy = recompressed(picture_of(dataset, 1))
    dataset.add(copy, split="test")
    dataset.add(copy, split="test")
    artifacts = dataset.audited()
    leaked = artifacts.findings[artifacts.findings["kind"] == "leaked_image"]
    assert leaked.set_index("item_id")["other_item_id"].to_dict() == {N: 1, N + 1: 1}
    groups = artifacts.tables["groups"]
    assert sorted(groups["item_id"]) == [1, N, N + 1]
    assert groups["group"].nunique() == 1


def test_duplicates_takes_unreadable_images_for_no_copies(dataset: Dataset) -> None:
    for _ in range(3):
        dataset.add(picture_of(dataset, 1), status="unreadable", phash=None, content_hash=None)
    artifacts = dataset.audited()
    assert len(artifacts.findings) == 0
    assert any("3 images could not be read" in note for note in artifacts.notes)


def noisy_copy(dataset: Dataset, row: int, *, noise: float = 21.5) -> np.ndarray:
    """Such that a search is not sure of it."""
    noisy = picture_of(dataset, row) + np.random.default_rng(0).normal(0, noise, (64, 64, 3))
    turned = cv2.warpAffine(noisy, cv2.getRotationMatrix2D((32, 32), 6, 1.15), (64, 64))
    return np.clip(turned, 0, 255).astype(np.uint8)


def test_duplicates_judges_by_any_threshold_what_one_search_has_found(dataset: Dataset) -> None:
    """Without opening a picture: they are gone."""
    dataset.add(recompressed(picture_of(dataset, 1)))
    for row, noise in ((9, 16), (15, 26), (21, 31), (27, 33)):
        dataset.add(noisy_copy(dataset, row, noise=noise))
    possible = dataset.searched()
    for row in dataset.rows:
        Path(row["path"]).unlink()
    pairs = {s: dataset.audited(possible, min_score=s).tables["duplicate_pairs"] for s in (0.1, 0.5, 0.8)}
    assert len(pairs[0.1]) > len(pairs[0.5]) > len(pairs[0.8]) > 0
    facts = ["item_id_a", "item_id_b", "change", "score"]
    for min_score, table in pairs.items():
        expected = possible.loc[possible["score"] >= min_score, facts]
        assert set(table[facts].itertuples(index=False)) == set(expected.itertuples(index=False))


def test_duplicates_takes_no_lower_threshold_than_was_searched_with() -> None:
    with pytest.raises(ValidationError):
        DuplicatesParameters.model_validate(PARAMETERS["duplicates"] | {"min_score": 0.05})


@pytest.mark.parametrize("n", [1, 2])
def test_duplicates_of_hardly_any_image(tmp_path: Path, n: int) -> None:
    dataset = Dataset(tmp_path)
    for picture in pictures(n):
        dataset.add(picture)
    artifacts = dataset.audited()
    assert len(artifacts.tables["duplicate_pairs"]) == 0
    assert any("nothing can leak" in note for note in artifacts.notes)


def test_duplicates_of_no_readable_image(tmp_path: Path) -> None:
    dataset = Dataset(tmp_path)
    dataset.add(pictures(1)[0], status="unreadable", phash=None, content_hash=None)
    assert dataset.audited().metrics["n_images_with_copies"] == 0


def test_duplicates_pairs_many_blank_images_with_one(tmp_path: Path) -> None:
    dataset = Dataset(tmp_path)
    for _ in range(20):
        dataset.add(np.full((64, 64, 3), 255, dtype=np.uint8))
    pairs = dataset.audited().tables["duplicate_pairs"]
    assert pairs["item_id_a"].tolist() == [0] * 19


def test_duplicates_looks_for_near_copies_only_among_images_of_enough_pixels(dataset: Dataset) -> None:
    dataset.add(recompressed(picture_of(dataset, 1)), width_px=8, height_px=8)
    exact = dataset.add(picture_of(dataset, 2), width_px=8, height_px=8)
    artifacts = dataset.audited()
    pairs = artifacts.tables["duplicate_pairs"]
    assert pairs["path_b"].tolist() == [exact]
    assert pairs["kind"].tolist() == ["exact"]
    assert any("2 images have a side of less than 16 pixels" in note for note in artifacts.notes)


def test_duplicates_asks_more_of_near_copies_whose_labels_differ(dataset: Dataset) -> None:
    dataset.add(noisy_copy(dataset, 1), label="cat")  # 1 is a cat
    (score,) = dataset.audited().tables["duplicate_pairs"]["score"]
    dataset.rows[-1]["label"] = "dog"
    assert 0.5 <= score < 0.99
    assert len(dataset.audited().tables["duplicate_pairs"]) == 0


def test_images_of_a_group_in_an_earlier_split_leak(dataset: Dataset) -> None:
    # rows 0, 3, 6 … are in the test; group 7 is a number, as a table may have it
    for row, group in {0: 7, 1: 7, 2: 7, 3: 7, 6: "alone", 9: "alone", 4: "trained", 5: "trained"}.items():
        dataset.rows[row]["group"] = str(group)
    dataset.rows[7] |= {"split": "validation", "group": "trained"}
    dataset.rows[12] |= {"group": "trained"}
    artifacts = dataset.audited()
    found = artifacts.findings.set_index("item_id")
    assert found["kind"].to_dict() == {
        0: "test_image_of_group_elsewhere",
        3: "test_image_of_group_elsewhere",
        12: "test_image_of_group_elsewhere",
        7: "validation_image_of_group_in_training",
    }
    assert found["severity"].to_dict() == {0: "high", 3: "high", 12: "high", 7: "medium"}
    assert found["other_item_id"].to_dict() == {0: 1, 3: 1, 12: 4, 7: 4}
    assert found.loc[0, "detail"] == "group '7': 2 in train, 2 in test"
    assert found.loc[7, "detail"] == "group 'trained': 2 in train, 1 in validation, 1 in test"
    assert artifacts.metrics["n_test_images_of_groups_elsewhere"] == 3
    assert artifacts.notes == [
        "Of 1 validation images 1 are of a group that an earlier split holds.",
        "Of 20 test images 3 are of a group that an earlier split holds.",
    ]


def test_images_without_a_group_are_not_one_group(dataset: Dataset) -> None:
    dataset.rows[0]["group"], dataset.rows[1]["group"] = "a", "b"
    assert len(dataset.audited().findings) == 0


def test_the_search_says_what_it_left_out_and_where_copies_cannot_be_told() -> None:
    compared = Compared(900_000, 40_000, 6_000, n_left_out=0, n_gone=0, copies_told_fraction=0.97)
    assert notes_on(compared) == []
    (left_out,) = notes_on(replace(compared, n_left_out=1234))
    assert left_out.startswith("1,234 pairs were left out")
    (gone,) = notes_on(replace(compared, n_gone=7))
    assert gone.startswith("7 images could not be opened any more")
    (untold,) = notes_on(replace(compared, copies_told_fraction=0.2))
    assert untold.startswith("Of copies planted here 20% could be told")


def test_the_search_tells_plain_masks_from_copies_of_them(tmp_path: Path) -> None:
    """Sixty masks, each with one wavy edge at its own height; look-alikes all, and not one copy."""
    rng, x = np.random.default_rng(0), np.arange(64)
    dataset = Dataset(tmp_path)
    for _ in range(N):
        height, wave, phase = rng.uniform(20, 44), rng.uniform(1, 6), rng.uniform(0, 6)
        edge = height + wave * np.sin(2 * np.pi * rng.uniform(0.5, 3) * x / 64 + phase)
        mask = np.where(x[:, None] > edge, 230, 25).astype(np.uint8)
        dataset.add(np.repeat(mask[..., None], 3, axis=2))
    assert len(dataset.audited().tables["duplicate_pairs"]) == 0

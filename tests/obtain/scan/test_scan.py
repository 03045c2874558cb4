import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from PIL import Image

from analysis.contract import Artifacts
from analysis.dataset.value_range import Ranges
from analysis.obtain.scan import stage as scan_module
from analysis.obtain.scan.measures import NUMBERS
from analysis.obtain.scan.stage import scan
from analysis.obtain.scan.workers import CRASHED, Workers

MEASURES = [*NUMBERS, "is_greyscale", "phash"]


def manifest_of(paths: Sequence[Path], *, status: Sequence[str] | str = "ok") -> pd.DataFrame:
    statuses = [status] * len(paths) if isinstance(status, str) else list(status)
    hashes = [
        hashlib.blake2b(path.read_bytes(), digest_size=16).hexdigest() if path.is_file() else None
        for path in paths
    ]
    return pd.DataFrame(
        {
            "item_id": np.arange(len(paths)),
            "path": [str(path) for path in paths],
            "bytes": pd.array([path.stat().st_size if path.exists() else None for path in paths], "Int64"),
            "content_hash": pd.array(hashes, dtype="string"),
            "status": statuses,
        }
    )


def parts_of(manifest: pd.DataFrame, **previous: object) -> tuple[list[dict], Artifacts]:
    parts, running = [], scan(manifest, **previous)
    while True:
        try:
            parts.append(next(running))
        except StopIteration as end:
            return parts, end.value


def scanned(manifest: pd.DataFrame, **previous: object) -> tuple[pd.DataFrame, np.ndarray]:
    parts, _ = parts_of(manifest, **previous)
    table = pd.concat([part["scan"] for part in parts], ignore_index=True)
    return table, np.concatenate([part["thumbnails"] for part in parts])


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    """30 pictures of several sizes and formats, no two alike."""
    rng = np.random.default_rng(0)
    paths = []
    for i in range(30):
        pixels = rng.integers(0, 256, (8 + i % 3, 9, 3), dtype=np.uint8)
        paths.append(tmp_path / f"{i:02}{('.png', '.jpg', '.bmp')[i % 3]}")
        Image.fromarray(pixels).save(paths[-1])
    return paths


@pytest.fixture
def broken(paths: list[Path]) -> list[Path]:
    """The same, but one is text, one breaks off, one has no bytes and one is gone."""
    paths[3].write_text("not a picture")
    large = Image.fromarray(np.random.default_rng(1).integers(1, 256, (90, 90, 3), dtype=np.uint8))
    large.save(paths[6])
    paths[6].write_bytes(paths[6].read_bytes()[:9000])
    paths[9].write_bytes(b"")
    paths[12].unlink()
    return paths


# ---- one row per image -------------------------------------------------------------------------------------


def test_rows_are_those_of_the_manifest(broken: list[Path]) -> None:
    manifest = manifest_of(broken)
    table, thumbnails = scanned(manifest)
    assert table["item_id"].tolist() == manifest["item_id"].tolist()
    assert table["content_hash"].equals(manifest["content_hash"])
    assert thumbnails.shape == (30, 32, 32, 3)
    assert thumbnails.dtype == np.uint8


def test_every_image_is_accounted_for(broken: list[Path]) -> None:
    status = ["ok"] * 30
    status[20], status[21] = "outside_root", "symlink_loop"
    table, thumbnails = scanned(manifest_of(broken, status=status))
    expected = {3: "unreadable", 6: "truncated", 9: "empty", 12: "missing", 20: "outside_root"}
    expected |= {21: "symlink_loop"}
    assert table["status"].to_dict() == {i: expected.get(i, "ok") for i in range(30)}
    assert table["error"].notna().to_numpy().nonzero()[0].tolist() == [3, 6, 9, 12]
    without = [3, 9, 12, 20, 21]
    assert table.index[table["phash"].isna()].tolist() == without
    assert table.index[~thumbnails.any(axis=(1, 2, 3))].tolist() == without


def test_images_without_a_picture_have_no_measures(broken: list[Path]) -> None:
    table, _ = scanned(manifest_of(broken))
    has_picture = table["status"].isin(["ok", "truncated"])
    assert table.loc[has_picture, MEASURES].notna().all(axis=None)
    assert table.loc[~has_picture, MEASURES].isna().all(axis=None)
    histograms = np.stack(table["histogram"])
    assert np.isnan(histograms[~has_picture]).all()
    assert histograms[has_picture].reshape(-1, 3, 32).sum(axis=2) == pytest.approx(1, abs=1e-6)


def test_summary_and_metrics_count_what_there_is(broken: list[Path]) -> None:
    _, artifacts = parts_of(manifest_of(broken))
    assert artifacts.summary == "30 images, 3 unreadable"
    assert artifacts.metrics == {
        "n_images": 30,
        "n_unreadable": 3,
        "n_truncated": 1,
        "n_several_pages": 0,
        "n_of_more_than_8_bits": 0,
    }
    assert (artifacts.notes, artifacts.failure) == ([], "")


def test_dataset_of_one_image_is_scanned(paths: list[Path]) -> None:
    table, _ = scanned(manifest_of(paths[:1]))
    assert table["status"].tolist() == ["ok"]


def test_manifest_without_rows_gives_empty_tables() -> None:
    table, thumbnails = scanned(manifest_of([]))
    assert len(table) == 0
    assert thumbnails.shape == (0, 32, 32, 3)


def test_dataset_of_which_nothing_can_be_read_fails_and_says_why(tmp_path: Path) -> None:
    paths = [tmp_path / f"{i}.jpg" for i in range(5)]
    for path in paths[:3]:
        path.write_bytes(b"version https://git-lfs.github.com/spec/v1")
    paths[3].write_bytes(b"")
    _, artifacts = parts_of(manifest_of(paths, status=["ok"] * 4 + ["symlink_loop"]))
    assert artifacts.failure.startswith(
        "none of the dataset's 5 images can be read: 3 × it is no image but a "
    )
    assert "Git LFS pointer: `git lfs pull`" in artifacts.failure
    assert "1 × the file has no bytes; 1 × the link leads back to itself" in artifacts.failure


def test_pages_and_limits_are_said_with_counts(tmp_path: Path) -> None:
    frames = [Image.new("L", (8, 8), level) for level in (1, 2, 3)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    Image.new("1", (20_000, 6_000)).save(tmp_path / "b.png")
    _, artifacts = parts_of(manifest_of([tmp_path / "a.gif", tmp_path / "b.png"]))
    limit, pages = artifacts.notes
    assert "1 × more than 100 megapixels, so not decoded" in limit
    assert "need not be damaged" in limit
    assert "pages or frames: 1." in pages
    assert "2 further ones were not seen" in pages


# ---- one range of values for the dataset ------------------------------------------------------------------


def deep(folder: Path, greatest: Sequence[int]) -> list[Path]:
    """Grey pictures of 16 bits, each from 0 to one of the values."""
    folder.mkdir(exist_ok=True)
    paths = [folder / f"{i:02}.png" for i in range(len(greatest))]
    for path, value in zip(paths, greatest, strict=True):
        Image.fromarray(np.linspace(0, value, 64).astype(np.uint16).reshape(8, 8)).save(path)
    return paths


def test_pictures_of_more_than_8_bits_share_the_range_of_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    part_sizes(monkeypatch, 3, 1)  # the brightest comes late, in another part
    paths = deep(tmp_path / "deep", [200, 1000, 300, 0, 1000, 4095, 500])
    Image.new("L", (8, 8), 77).save(tmp_path / "plain.png")
    parts, artifacts = parts_of(manifest_of([*paths, tmp_path / "plain.png"]))
    table = pd.concat([part["scan"] for part in parts], ignore_index=True)
    assert table["value_range"].tolist() == ["0..4095"] * 7 + [pd.NA]
    assert table["value_extremes"].tolist()[:2] == ["0..200", "0..1000"]
    assert (table["brightness_p99"] * 255).round().tolist() == [12, 62, 18, 0, 62, 255, 31, 77]
    thumbnails = np.concatenate([part["thumbnails"] for part in parts])
    assert thumbnails.max(axis=(1, 2, 3)).tolist() == [12, 62, 18, 0, 62, 255, 31, 77]
    (note,) = artifacts.notes
    assert (
        "more than 8 bits: 7, with integers from 0 to 4,095. In all of them 0 is black and 4,095 white"
        in note
    )
    assert artifacts.metrics["n_of_more_than_8_bits"] == 7


def test_known_pictures_are_measured_again_only_by_another_range(tmp_path: Path, decoded: list[str]) -> None:
    paths = deep(tmp_path / "deep", [900, 4000, 1000])
    table, thumbnails = scanned(manifest_of(paths))
    last = {"previous_scan": table, "previous_thumbnails": thumbnails}
    decoded.clear()
    fewer, _ = scanned(manifest_of(paths[:2]), **last)
    assert decoded == []
    pd.testing.assert_frame_equal(fewer, table[:2])
    fresh, fresh_thumbnails = scanned(manifest_of([paths[0], paths[2]]))
    decoded.clear()
    narrower, narrower_thumbnails = scanned(manifest_of([paths[0], paths[2]]), **last)
    assert sorted(decoded) == ["00.png", "02.png"]
    pd.testing.assert_frame_equal(narrower, fresh)
    assert np.array_equal(narrower_thumbnails, fresh_thumbnails)


def test_few_pictures_that_alone_stretch_the_range_are_said(tmp_path: Path) -> None:
    _, artifacts = parts_of(manifest_of(deep(tmp_path / "deep", [4095] * 29 + [65535])))
    assert "1 alone exceed 4,095" in artifacts.notes[0]


# ---- the same result, however it is made ------------------------------------------------------------------


def part_sizes(monkeypatch: pytest.MonkeyPatch, part_rows: int, batch_files: int) -> None:
    monkeypatch.setattr(scan_module, "PART_ROWS", part_rows)
    monkeypatch.setattr(scan_module, "BATCH_FILES", batch_files)


@pytest.mark.parametrize(
    ("part_rows", "batch_files", "n_cores"), [(30, 30, 1), (7, 3, 2), (1, 1, 2), (4, 9, 1)]
)
def test_result_depends_on_neither_parts_nor_workers(
    broken: list[Path], monkeypatch: pytest.MonkeyPatch, part_rows: int, batch_files: int, n_cores: int
) -> None:
    manifest = manifest_of(broken)
    table, thumbnails = scanned(manifest)
    part_sizes(monkeypatch, part_rows, batch_files)
    monkeypatch.setenv("OMP_NUM_THREADS", str(n_cores))
    other_table, other_thumbnails = scanned(manifest)
    pd.testing.assert_frame_equal(table, other_table, check_exact=True)
    assert np.array_equal(thumbnails, other_thumbnails)


def test_permuted_manifest_permutes_the_rows(broken: list[Path]) -> None:
    order = np.random.default_rng(2).permutation(30)
    table, thumbnails = scanned(manifest_of(broken))
    permuted, permuted_thumbnails = scanned(manifest_of([broken[i] for i in order]))
    expected = table.iloc[order].reset_index(drop=True).assign(item_id=range(30))
    pd.testing.assert_frame_equal(permuted, expected, check_exact=True)
    assert np.array_equal(permuted_thumbnails, thumbnails[order])


def test_work_is_shared_out_by_files_and_bytes(paths: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    measure: Callable = Workers.measure

    def noting(self: Workers, batches: Sequence[Sequence[str]], ranges: Ranges) -> object:
        batches = list(batches)
        sizes.extend(len(batch) for batch in batches)
        return measure(self, batches, ranges)

    monkeypatch.setattr(Workers, "measure", noting)
    monkeypatch.setattr(scan_module, "BATCH_FILES", 10)
    scanned(manifest_of(paths).assign(bytes=pd.array([None] * 15 + [2**20] * 15, dtype="Int64")))
    assert sum(sizes) == 30
    assert max(sizes) <= 10
    assert sizes[-14:] == [1] * 14


def test_every_part_has_the_same_schema(broken: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    part_sizes(monkeypatch, 5, 2)
    status = ["missing"] * 5 + ["ok"] * 25  # nothing at all is known of the first part
    parts, _ = parts_of(manifest_of(broken, status=status))
    schemas = [pa.Table.from_pandas(part["scan"], preserve_index=False).schema for part in parts]
    assert len(schemas) == 6
    assert all(schema.equals(schemas[0], check_metadata=True) for schema in schemas)
    assert schemas[0].field("histogram").type == pa.list_(pa.float32())
    assert schemas[0].field("phash").type == pa.uint64()


# ---- what the last run left -------------------------------------------------------------------------------


@pytest.fixture
def last(broken: list[Path], tmp_path: Path) -> dict[str, object]:
    """The last run's tables of the first 25 images, as they come back from disk."""
    table, thumbnails = scanned(manifest_of(broken[:25]))
    table.to_parquet(tmp_path / "scan.parquet")
    np.save(tmp_path / "thumbnails.npy", thumbnails)
    return {
        "previous_scan": pd.read_parquet(tmp_path / "scan.parquet"),
        "previous_thumbnails": np.load(tmp_path / "thumbnails.npy", mmap_mode="r"),
    }


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that are decoded from now on."""
    names: list[str] = []
    measure: Callable = Workers.measure

    def noting(self: Workers, batches: Sequence[Sequence[str]], ranges: Ranges) -> object:
        batches = list(batches)
        names.extend(Path(path).name for batch in batches for path in batch)
        return measure(self, batches, ranges)

    monkeypatch.setattr(Workers, "measure", noting)
    return names


def test_known_content_is_not_decoded_again(
    broken: list[Path], last: dict[str, object], decoded: list[str]
) -> None:
    fresh, fresh_thumbnails = scanned(manifest_of(broken))
    decoded.clear()
    table, thumbnails = scanned(manifest_of(broken), **last)
    pd.testing.assert_frame_equal(table, fresh, check_exact=True)
    assert np.array_equal(thumbnails, fresh_thumbnails)
    failed_before = {
        broken[i].name for i in (3, 9, 12)
    }  # they may have been mended: the file, or the access to it
    assert set(decoded) == failed_before | {path.name for path in broken[25:]}


def test_known_content_is_found_under_another_name_and_row(
    broken: list[Path], last: dict[str, object], decoded: list[str]
) -> None:
    renamed = [path.rename(path.with_name(f"renamed {path.name}")) for path in (broken[17], broken[2])]
    table, thumbnails = scanned(manifest_of(renamed), **last)
    assert decoded == []
    assert table["phash"].tolist() == [last["previous_scan"]["phash"][i] for i in (17, 2)]
    assert np.array_equal(thumbnails, last["previous_thumbnails"][[17, 2]])


def test_changed_content_is_decoded_again(
    broken: list[Path], last: dict[str, object], decoded: list[str]
) -> None:
    Image.new("RGB", (9, 8), "red").save(broken[0])
    table, _ = scanned(manifest_of(broken[:3]), **last)
    assert decoded == [broken[0].name]
    assert table["mean_red"][0] == 1


def test_file_that_the_manifest_holds_back_is_not_taken_from_the_last_run(
    broken: list[Path], last: dict[str, object]
) -> None:
    table, thumbnails = scanned(manifest_of(broken[:2], status=["ok", "outside_root"]), **last)
    assert table["status"].tolist() == ["ok", "outside_root"]
    assert table["phash"].isna().tolist() == [False, True]
    assert not thumbnails[1].any()


def test_missing_hash_is_no_known_content(
    broken: list[Path], last: dict[str, object], decoded: list[str]
) -> None:
    last["previous_scan"]["content_hash"] = pd.array([None] * 25, dtype="string")
    manifest = manifest_of(broken[:2]).assign(content_hash=pd.array([None] * 2, dtype="string"))
    scanned(manifest, **last)
    assert decoded == [path.name for path in broken[:2]]


@pytest.mark.parametrize("lost", ["previous_scan", "previous_thumbnails"])
def test_half_of_what_the_last_run_left_is_not_used(
    broken: list[Path], last: dict[str, object], decoded: list[str], lost: str
) -> None:
    table, thumbnails = scanned(manifest_of(broken[:2]), **(last | {lost: None}))
    assert decoded == [path.name for path in broken[:2]]
    assert table["phash"].notna().all()
    assert thumbnails.any(axis=(1, 2, 3)).all()


def test_same_content_twice_gives_equal_rows(
    broken: list[Path], last: dict[str, object], decoded: list[str]
) -> None:
    table, thumbnails = scanned(manifest_of([broken[0], broken[0], broken[29], broken[29]]), **last)
    assert decoded == [broken[29].name] * 2
    assert table["phash"].nunique() == 2
    assert np.array_equal(thumbnails[::2], thumbnails[1::2])


def test_content_that_the_last_run_had_twice_is_known(
    broken: list[Path], last: dict[str, object], decoded: list[str]
) -> None:
    twice = {
        "previous_scan": pd.concat([last["previous_scan"]] * 2, ignore_index=True),
        "previous_thumbnails": np.concatenate([last["previous_thumbnails"]] * 2),
    }
    table, _ = scanned(manifest_of(broken[:2]), **twice)
    assert decoded == []
    assert table["phash"].tolist() == last["previous_scan"]["phash"][:2].tolist()


def test_crash_is_tried_again(broken: list[Path], last: dict[str, object], decoded: list[str]) -> None:
    last["previous_scan"].loc[0, ["status", "error"]] = ["unreadable", CRASHED]
    table, _ = scanned(manifest_of(broken[:1]), **last)
    assert table["status"].tolist() == ["ok"]


def test_known_content_is_said(
    broken: list[Path], last: dict[str, object], capsys: pytest.CaptureFixture[str]
) -> None:
    scanned(manifest_of(broken), **last)
    assert "22 of 30 images are known and not decoded again" in capsys.readouterr().err

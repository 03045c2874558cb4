import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from PIL import Image

from analysis.contract import Artifacts
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
    assert artifacts.metrics == {"n_images": 30, "n_unreadable": 3, "n_truncated": 1}


def test_dataset_of_one_image_is_scanned(paths: list[Path]) -> None:
    table, _ = scanned(manifest_of(paths[:1]))
    assert table["status"].tolist() == ["ok"]


def test_manifest_without_rows_gives_empty_tables() -> None:
    table, thumbnails = scanned(manifest_of([]))
    assert len(table) == 0
    assert thumbnails.shape == (0, 32, 32, 3)


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

    def noting(self: Workers, batches: Sequence[Sequence[str]]) -> object:
        batches = list(batches)
        sizes.extend(len(batch) for batch in batches)
        return measure(self, batches)

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

    def noting(self: Workers, batches: Sequence[Sequence[str]]) -> object:
        batches = list(batches)
        names.extend(Path(path).name for batch in batches for path in batch)
        return measure(self, batches)

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

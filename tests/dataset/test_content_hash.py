import hashlib
import os
import socket
from pathlib import Path

import pandas as pd
import pytest

from analysis.dataset import content_hash as module
from analysis.dataset.content_hash import content_hash, examine_files


@pytest.fixture
def memo(tmp_path: Path) -> Path:
    return tmp_path / "state" / "hashes.parquet"


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files written just now count as old."""
    monkeypatch.setattr(module, "SETTLED_NS", -60_000_000_000)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that are read, as they are."""
    names: list[str] = []

    def spy(path: str) -> str:
        names.append(Path(path).name)
        return content_hash(path)

    monkeypatch.setattr(module, "content_hash", spy)
    return names


def write(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    return str(path)


def test_content_hash_is_that_of_b2sum(tmp_path: Path) -> None:
    # printf abc | b2sum -l 128
    assert content_hash(write(tmp_path / "a.jpg", b"abc")) == "cf4ab791c62b8d2b2109c90275287816"


def test_content_hash_reads_large_files_whole(tmp_path: Path) -> None:
    content = bytes(range(256)) * 5000  # longer than a chunk, and no multiple of one
    path = write(tmp_path / "a.jpg", content)
    assert content_hash(path) == hashlib.blake2b(content, digest_size=16).hexdigest()


def test_examine_files_gives_each_kind_of_file_its_status(tmp_path: Path, memo: Path) -> None:
    (tmp_path / "folder.jpg").mkdir()
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "loop.jpg").symlink_to("loop.jpg")
    (tmp_path / "nowhere.jpg").symlink_to("absent")
    (tmp_path / "link.jpg").symlink_to("image.jpg")
    write(tmp_path / "empty.jpg", b"")
    write(tmp_path / "image.jpg", b"abc")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket.jpg"))
    expected = {
        "image.jpg": "ok",
        "link.jpg": "ok",
        "empty.jpg": "empty",
        "folder.jpg": "not_a_file",
        "pipe.jpg": "not_a_file",
        "socket.jpg": "not_a_file",
        "loop.jpg": "symlink_loop",
        "nowhere.jpg": "missing",
        "image.jpg/below.jpg": "missing",
        "absent.jpg": "missing",
        "x" * 300 + ".jpg": "unreadable",
    }
    found = examine_files([str(tmp_path / name) for name in expected], memo=memo)
    assert dict(zip(expected, found["status"], strict=True)) == expected
    assert found["bytes"].tolist() == [3, 3, 0] + [pd.NA] * 8
    assert found["content_hash"].notna().tolist() == [True, True] + [False] * 9


def test_examine_files_marks_a_file_that_cannot_be_opened(
    tmp_path: Path, memo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: str) -> str:
        if path.endswith("closed.jpg"):
            raise PermissionError(13, "Permission denied", path)
        return content_hash(path)

    monkeypatch.setattr(module, "content_hash", refuse)  # chmod does not stop the superuser
    paths = [write(tmp_path / name, b"abc") for name in ("closed.jpg", "open.jpg")]
    found = examine_files(paths, memo=memo)
    assert found["status"].tolist() == ["unreadable", "ok"]
    assert found["content_hash"].isna().tolist() == [True, False]


def test_examine_files_keeps_the_order_over_many_batches(tmp_path: Path, memo: Path) -> None:
    contents = [f"image {number}".encode() for number in range(3 * module.BATCH_FILES + 1)]
    paths = [write(tmp_path / f"{number}.jpg", content) for number, content in enumerate(contents)]
    expected = [hashlib.blake2b(content, digest_size=16).hexdigest() for content in contents]
    assert examine_files(paths, memo=memo)["content_hash"].tolist() == expected


def test_examine_files_takes_one_path_twice_and_none_at_all(tmp_path: Path, memo: Path) -> None:
    path = write(tmp_path / "a.jpg", b"abc")
    twice = examine_files([path, path], memo=memo)
    assert twice["content_hash"].nunique() == 1
    assert len(examine_files([], memo=memo)) == 0


@pytest.mark.usefixtures("settled")
def test_examine_files_does_not_read_unchanged_files_again(
    tmp_path: Path, memo: Path, reads: list[str]
) -> None:
    paths = [write(tmp_path / f"{name}.jpg", name.encode()) for name in "abc"]
    first = examine_files(paths, memo=memo)
    assert sorted(reads) == ["a.jpg", "b.jpg", "c.jpg"]
    reads.clear()
    write(tmp_path / "b.jpg", b"changed")
    paths.append(write(tmp_path / "d.jpg", b"d"))
    second = examine_files(paths, memo=memo)
    assert sorted(reads) == ["b.jpg", "d.jpg"]
    assert second["content_hash"][[0, 2]].tolist() == first["content_hash"][[0, 2]].tolist()
    assert second["content_hash"][1] == hashlib.blake2b(b"changed", digest_size=16).hexdigest()


@pytest.mark.usefixtures("settled")
def test_examine_files_notices_new_content_under_old_size_and_modification_time(
    tmp_path: Path, memo: Path
) -> None:
    path = write(tmp_path / "a.jpg", b"abc")
    before = os.stat(path)  # noqa: PTH116
    examine_files([path], memo=memo)
    write(tmp_path / "new.jpg", b"xyz")
    os.utime(tmp_path / "new.jpg", ns=(before.st_atime_ns, before.st_mtime_ns))
    (tmp_path / "new.jpg").replace(path)
    found = examine_files([path], memo=memo)
    assert found["content_hash"].item() == hashlib.blake2b(b"xyz", digest_size=16).hexdigest()


def test_examine_files_reads_again_what_changed_just_before(
    tmp_path: Path, memo: Path, reads: list[str]
) -> None:
    path = write(tmp_path / "a.jpg", b"abc")
    examine_files([path], memo=memo)
    examine_files([path], memo=memo)
    assert reads == ["a.jpg", "a.jpg"]


@pytest.mark.usefixtures("settled")
@pytest.mark.parametrize("damage", ["garbage", "half", "other columns", "empty"])
def test_examine_files_survives_a_damaged_memo(
    tmp_path: Path, memo: Path, reads: list[str], damage: str
) -> None:
    path = write(tmp_path / "a.jpg", b"abc")
    expected = examine_files([path], memo=memo)
    if damage == "other columns":
        pd.DataFrame({"path": ["a"]}).to_parquet(memo)
    else:
        whole = memo.read_bytes()
        memo.write_bytes(
            {"garbage": b"PAR1 nonsense PAR1", "half": whole[: len(whole) // 2], "empty": b""}[damage]
        )
    pd.testing.assert_frame_equal(examine_files([path], memo=memo), expected)
    reads.clear()
    pd.testing.assert_frame_equal(examine_files([path], memo=memo), expected)
    assert reads == []  # the memo is whole again


@pytest.mark.usefixtures("settled")
def test_examine_files_forgets_files_that_are_gone(tmp_path: Path, memo: Path) -> None:
    paths = [write(tmp_path / f"{name}.jpg", name.encode()) for name in "ab"]
    examine_files(paths, memo=memo)
    examine_files(paths[1:], memo=memo)
    assert pd.read_parquet(memo)["path"].tolist() == paths[1:]
    assert [file.name for file in memo.parent.iterdir()] == [memo.name]

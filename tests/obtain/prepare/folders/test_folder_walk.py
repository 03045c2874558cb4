import os
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from analysis.obtain.prepare.folders.folder_walk import natural_key, walk_folder
from analysis.obtain.prepare.folders.links import is_inside


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def statuses(root: Path, **options: str) -> dict[str, str]:
    """Path from the root -> status; folders left out."""
    found = {"/".join(entry.names): entry.status for entry in walk_folder(root, **options)}
    return {path: status for path, status in found.items() if status != "folder"}


@pytest.fixture
def deep_path(tmp_path: Path) -> Iterator[Path]:
    """A folder for trees too deep for pytest, which clears up with a recursive function."""
    root = tmp_path / "deep"
    root.mkdir()
    yield root
    subprocess.run(["rm", "-rf", root], check=True)


def test_natural_key_sorts_as_a_person_does() -> None:
    expected = [
        "",
        "01",
        "1",
        "2",
        "10",
        "A",
        "a",
        "a0",
        "a1b2",
        "a1b10",
        "a2",
        "B",
        "b 3",
        "class 9",
        "Class 10",
    ]
    for seed in range(5):
        shuffled = random.Random(seed).sample(expected, len(expected))
        assert sorted(shuffled, key=natural_key) == expected


def test_natural_key_compares_any_two_names() -> None:
    names = ["", "0", "00", "1", "a", "a0", "0a", "٣", "²", "9" * 5000, "-1", "1.5", "a\udcff"]
    assert len(sorted(names, key=natural_key)) == len(names)
    assert len({natural_key(name) for name in names}) == len(names)


def test_walk_folder_finds_images_by_extension_in_any_case(tmp_path: Path) -> None:
    touch(*(tmp_path / name for name in ("a.jpg", "b.JPEG", "c.PnG", "d.txt", "jpg", "e.jpg.zip", "f.tiff")))
    assert statuses(tmp_path) == {
        "a.jpg": "ok",
        "b.JPEG": "ok",
        "c.PnG": "ok",
        "d.txt": "other",
        "e.jpg.zip": "other",
        "f.tiff": "ok",
        "jpg": "other",
    }


def test_walk_folder_lists_naturally_whatever_the_file_system_says(tmp_path: Path) -> None:
    names = ["2.jpg", "10.jpg", "A/1.jpg", "A/2/1.jpg", "A/11.jpg", "b/3.jpg", "a10/1.jpg", "a9/1.jpg"]
    for seed in range(3):
        root = tmp_path / str(seed)
        touch(*(root / name for name in random.Random(seed).sample(names, len(names))))
        assert list(statuses(root)) == [
            "2.jpg",
            "10.jpg",
            "A/1.jpg",
            "A/11.jpg",
            "A/2/1.jpg",
            "a9/1.jpg",
            "a10/1.jpg",
            "b/3.jpg",
        ]


def test_walk_folder_only_counts_what_is_hidden(tmp_path: Path) -> None:
    touch(*(tmp_path / name for name in (".git/a.jpg", "cat/._a.jpg", "cat/.DS_Store", "__MACOSX/b.jpg")))
    assert set(statuses(tmp_path).values()) == {"hidden"}
    assert len(statuses(tmp_path)) == 4


def test_walk_folder_follows_links_within_the_root(tmp_path: Path) -> None:
    touch(tmp_path / "cat" / "1.jpg", tmp_path / "data" / "2.png")
    (tmp_path / "cat" / "2.jpg").symlink_to("../data/2.png")
    (tmp_path / "dog").symlink_to("cat")
    found = statuses(tmp_path)
    assert found == dict.fromkeys(["cat/1.jpg", "cat/2.jpg", "data/2.png", "dog/1.jpg", "dog/2.jpg"], "ok")


def test_walk_folder_follows_links_out_of_the_root_as_it_is_told(tmp_path: Path) -> None:
    root = tmp_path / "root"
    touch(root / "cat" / "1.jpg", tmp_path / "private" / "2.jpg", tmp_path / "private" / "key")
    Image.new("L", (2, 2)).save(tmp_path / "private" / "picture", "PNG")
    (root / "cat" / "to picture.png").symlink_to(tmp_path / "private" / "picture")
    (root / "cat" / "to key.png").symlink_to(tmp_path / "private" / "key")
    os.mkfifo(tmp_path / "pipe")
    (root / "cat" / "to pipe.png").symlink_to(tmp_path / "pipe")
    (root / "cat" / "to nothing.png").symlink_to(tmp_path / "private" / "absent")
    (root / "dog").symlink_to(tmp_path / "private")
    (root / "up").symlink_to(tmp_path)  # which holds the dataset itself
    common = {"cat/1.jpg": "ok", "cat/to nothing.png": "missing", "up": "link_outside"}
    refused = dict.fromkeys(["cat/to key.png", "cat/to pipe.png", "dog"], "link_outside")
    assert statuses(root, follow_links="none") == common | refused | {"cat/to picture.png": "link_outside"}
    assert statuses(root, follow_links="images") == common | refused | {"cat/to picture.png": "ok"}
    followed = {
        "cat/to picture.png": "ok",
        "cat/to key.png": "ok",
        "cat/to pipe.png": "ok",
        "dog/2.jpg": "ok",
    }
    assert statuses(root, follow_links="all") == common | followed | {
        "dog/key": "other",
        "dog/picture": "other",
    }


def test_walk_folder_never_leaves_the_root_by_itself(tmp_path: Path) -> None:
    root = tmp_path / "root"
    touch(root / "cat" / "1.jpg", tmp_path / "private" / "2.jpg", tmp_path / "root sibling" / "3.jpg")
    (root / "cat" / "file.jpg").symlink_to(tmp_path / "private" / "2.jpg")
    (root / "cat" / "folder").symlink_to(tmp_path / "private")
    (root / "cat" / "sibling").symlink_to(tmp_path / "root sibling")  # begins with the root's own name
    (root / "cat" / "notes.txt").symlink_to(tmp_path / "private" / "2.jpg")
    assert statuses(root) == {
        "cat/1.jpg": "ok",
        "cat/file.jpg": "link_outside",
        "cat/folder": "link_outside",
        "cat/notes.txt": "other",
        "cat/sibling": "link_outside",
    }


def test_walk_folder_goes_round_no_loop(tmp_path: Path) -> None:
    touch(tmp_path / "a" / "1.jpg", tmp_path / "b" / "2.jpg")
    (tmp_path / "a" / "up").symlink_to("..")
    (tmp_path / "a" / "self").symlink_to(".")
    (tmp_path / "a" / "loop.jpg").symlink_to("loop.jpg")
    (tmp_path / "b" / "to a").symlink_to("../a")
    (tmp_path / "a" / "to b").symlink_to("../b")
    found = statuses(tmp_path)
    assert found["a/1.jpg"] == found["b/2.jpg"] == found["a/to b/2.jpg"] == found["b/to a/1.jpg"] == "ok"
    loops = ["a/up", "a/self", "a/loop.jpg", "a/to b/to a", "b/to a/to b", "b/to a/up", "b/to a/self"]
    assert {path for path, status in found.items() if status == "symlink_loop"} == {*loops, "b/to a/loop.jpg"}


def test_walk_folder_names_links_to_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").symlink_to("absent.jpg")
    (tmp_path / "class").symlink_to("absent")
    (tmp_path / "notes.txt").symlink_to("absent.txt")
    assert statuses(tmp_path) == {"a.jpg": "missing", "class": "missing", "notes.txt": "other"}


def test_walk_folder_takes_a_root_that_is_a_link(tmp_path: Path) -> None:
    touch(tmp_path / "store" / "1.jpg")
    (tmp_path / "root").symlink_to("store")
    assert statuses(tmp_path / "root") == {"1.jpg": "ok"}


def test_walk_folder_names_folders_that_cannot_be_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch(tmp_path / "closed" / "1.jpg", tmp_path / "open" / "2.jpg")
    scandir = os.scandir

    def refuse(path: str) -> Any:
        if path.endswith("closed"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)  # chmod does not stop the superuser
    assert statuses(tmp_path) == {"closed": "unreadable", "open/2.jpg": "ok"}


def test_walk_folder_descends_deeper_than_python_recurses(deep_path: Path) -> None:
    depth, folder = 1200, os.open(deep_path, os.O_RDONLY)
    for _ in range(depth):  # step by step: the whole path is longer than a call takes
        os.mkdir("d", dir_fd=folder)
        deeper = os.open("d", os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = deeper
    os.close(os.open("x.jpg", os.O_CREAT | os.O_WRONLY, dir_fd=folder))
    os.close(folder)
    assert statuses(deep_path) == {"d/" * depth + "x.jpg": "ok"}


def test_walk_folder_names_folders_whose_path_is_too_long_to_open(deep_path: Path) -> None:
    folder = os.open(deep_path, os.O_RDONLY)
    for _ in range(30):  # 30 · 200 is beyond the 4,096 bytes that Linux takes
        os.mkdir("d" * 200, dir_fd=folder)
        deeper = os.open("d" * 200, os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = deeper
    os.close(folder)
    (found,) = statuses(deep_path).items()
    assert found[1] == "unreadable"


def test_walk_folder_takes_names_that_are_not_utf8(tmp_path: Path) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.jpg")).touch()
    touch(tmp_path / "žluťoučký 漢字.jpg")
    assert set(statuses(tmp_path).values()) == {"ok"}
    assert len(statuses(tmp_path)) == 2


def test_walk_folder_finds_nothing_in_an_empty_folder(tmp_path: Path) -> None:
    assert statuses(tmp_path) == {}


@pytest.mark.parametrize(
    ("path", "root", "inside"),
    [
        ("/a/b", "/a", True),
        ("/a", "/a", True),
        ("/ab", "/a", False),
        ("/", "/a", False),
        ("/a", "/", True),
    ],
)
def test_is_inside_compares_whole_names(path: str, root: str, inside: bool) -> None:
    assert is_inside(path, root) is inside

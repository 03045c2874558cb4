import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from analysis.contract import InputError
from analysis.obtain.prepare.sources import Listing, listed, read_csv, read_folder, write_digits


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def labels_and_splits(root: Path) -> dict[str, tuple[str | None, str | None]]:
    rows = read_folder(root).rows
    names = [os.path.relpath(path, root) for path in rows["path"]]
    return dict(zip(names, zip(rows["label"], rows["split"], strict=True), strict=True))


def read(file: Path, root: Path, *, split_column: str = "split") -> Listing:
    return read_csv(
        file, image_root=root, path_column="path", label_column="label", split_column=split_column
    )


# ---- digits


def test_write_digits_writes_what_scikit_learn_holds(tmp_path: Path) -> None:
    from sklearn.datasets import load_digits

    rows = write_digits(tmp_path).rows
    digits = load_digits()
    assert len(rows) == 1797
    assert (rows["split"].isna() & (rows["status"] == "ok")).all()
    for path, label in rows.sample(50, random_state=0)[["path", "label"]].itertuples(index=False):
        number = int(Path(path).stem)
        pixels = np.asarray(Image.open(path))
        assert pixels.dtype == np.uint8
        # grey levels 0..16 are spread over 0..255: no two of them meet, and they can be had back
        np.testing.assert_array_equal(np.rint(pixels / 255 * 16), digits.images[number])
        assert label == str(digits.target[number]) == Path(path).parent.name
    darkest, brightest = np.asarray(Image.open(rows["path"][0])).min(), 0
    for path in rows["path"][:50]:
        brightest = max(brightest, np.asarray(Image.open(path)).max())
    assert (darkest, brightest) == (0, 255)


def test_write_digits_writes_the_same_bytes_and_rows_each_time(tmp_path: Path) -> None:
    first, second = (write_digits(tmp_path / name).rows for name in "ab")
    for a, b in zip(first["path"], second["path"], strict=True):
        assert Path(a).relative_to(tmp_path / "a") == Path(b).relative_to(tmp_path / "b")
        assert Path(a).read_bytes() == Path(b).read_bytes()
    assert first["path"].tolist() == sorted(first["path"])


# ---- folder


def test_read_folder_takes_class_folders(tmp_path: Path) -> None:
    touch(tmp_path, "dog/1.jpg", "cat/2.jpg", "cat/deep/er/3.jpg", "cat/notes.txt", "top.jpg", "cat/.hidden")
    assert labels_and_splits(tmp_path) == {
        "top.jpg": (None, None),
        "cat/2.jpg": ("cat", None),
        "cat/deep/er/3.jpg": ("cat", None),
        "dog/1.jpg": ("dog", None),
    }
    listing = read_folder(tmp_path)
    assert (listing.n_other_files, listing.n_hidden) == (1, 1)
    assert listing.notes == []


def test_read_folder_takes_split_folders_in_any_case(tmp_path: Path) -> None:
    touch(tmp_path, "Train/cat/1.jpg", "VAL/cat/2.jpg", "valid/dog/3.jpg", "validation/dog/deep/4.jpg")
    touch(tmp_path, "test/dog/5.jpg", "test/6.jpg")
    assert labels_and_splits(tmp_path) == {
        "test/6.jpg": (None, "test"),
        "test/dog/5.jpg": ("dog", "test"),
        "Train/cat/1.jpg": ("cat", "train"),
        "VAL/cat/2.jpg": ("cat", "validation"),
        "valid/dog/3.jpg": ("dog", "validation"),
        "validation/dog/deep/4.jpg": ("dog", "validation"),
    }


def test_read_folder_takes_an_unlabelled_test_split(tmp_path: Path) -> None:
    touch(tmp_path, "train/cat/1.jpg", "train/dog/2.jpg", "test/3.jpg")
    assert labels_and_splits(tmp_path)["test/3.jpg"] == (None, "test")


def test_read_folder_tells_a_class_of_trains_from_a_split(tmp_path: Path) -> None:
    touch(tmp_path, "bus/1.jpg", "plane/2.jpg", "train/3.jpg")
    assert labels_and_splits(tmp_path)["train/3.jpg"] == ("train", None)


def test_read_folder_takes_splits_without_classes_for_unlabelled(tmp_path: Path) -> None:
    touch(tmp_path, "train/1.jpg", "test/2.jpg")
    assert labels_and_splits(tmp_path) == {"test/2.jpg": (None, "test"), "train/1.jpg": (None, "train")}


def test_read_folder_says_what_it_made_of_folders_beside_the_splits(tmp_path: Path) -> None:
    touch(tmp_path, "train/cat/1.jpg", "train/dog/2.jpg", "extra/3.jpg", "top.jpg")
    assert labels_and_splits(tmp_path)["extra/3.jpg"] == (None, None)
    (note,) = read_folder(tmp_path).notes
    assert "'extra' lies beside the splits" in note


def test_read_folder_names_class_folders_without_images(tmp_path: Path) -> None:
    touch(tmp_path, "train/cat/1.jpg", "test/cat/1.jpg", "train/dog/2.jpg", "train/emu/readme.txt")
    (tmp_path / "test" / "dog").mkdir()  # a class that another split has
    (tmp_path / "train" / "fox").mkdir()
    (tmp_path / "train" / "fox" / "loop.jpg").symlink_to("loop.jpg")  # one row, if not of an image
    (note,) = read_folder(tmp_path).notes
    assert note.endswith("which are no classes here: 'emu'.")


def test_read_folder_escapes_names_that_are_not_utf8(tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path)
    os.mkdir(folder + b"/caf\xe9")  # noqa: PTH102
    for name in (b"/caf\xe9/1.jpg", b"/b\xff.jpg"):
        os.close(os.open(folder + name, os.O_CREAT))
    touch(tmp_path, "ok/漢字.jpg")
    rows = read_folder(tmp_path).rows
    assert rows["path"].tolist() == [
        f"{tmp_path}/{n}" for n in (r"b\xff.jpg", r"caf\xe9/1.jpg", "ok/漢字.jpg")
    ]
    assert rows["label"].tolist() == [None, r"caf\xe9", "ok"]
    assert rows["status"].tolist() == ["bad_name", "bad_name", "ok"]


def test_read_folder_gives_paths_that_open_from_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "photos/cat/1.jpg", "photos/dog/2.jpg")
    monkeypatch.chdir(tmp_path)
    assert read_folder(Path("photos")).rows["path"].tolist() == ["photos/cat/1.jpg", "photos/dog/2.jpg"]
    monkeypatch.chdir("photos")
    assert read_folder(Path()).rows["path"].tolist() == ["cat/1.jpg", "dog/2.jpg"]


def test_read_folder_keeps_what_it_cannot_follow_as_rows(tmp_path: Path) -> None:
    touch(tmp_path, "cat/1.jpg", "dog/2.jpg")
    (tmp_path / "cat" / "up").symlink_to("..")
    (tmp_path / "up").symlink_to(".")
    (tmp_path / "dog" / "out.jpg").symlink_to("/dev/null")
    rows = read_folder(tmp_path).rows.set_index("path")[["label", "status"]]
    assert rows.loc[f"{tmp_path}/cat/up"].tolist() == ["cat", "symlink_loop"]
    assert rows.loc[f"{tmp_path}/up"].tolist() == [None, "symlink_loop"]  # a loop makes no class
    assert rows.loc[f"{tmp_path}/dog/out.jpg"].tolist() == ["dog", "link_outside"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("absent", r"absent \(dataset.path\) is not there"),
        ("images.csv", r"images.csv \(dataset.path\) is a file"),
        ("notes", r"no images in .*notes \(dataset.path\): of 2 files, none .*\.jpg"),
        ("empty", "no images in .*empty"),
    ],
)
def test_read_folder_says_what_to_mend(tmp_path: Path, name: str, message: str) -> None:
    touch(tmp_path, "images.csv", "notes/a.txt", "notes/b/c.txt")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=message):
        read_folder(tmp_path / name)


# ---- csv


def test_read_csv_keeps_every_line_in_order(tmp_path: Path) -> None:
    file = tmp_path / "images.csv"
    file.write_text("path,label,split\nb.jpg,cat,train\na.jpg,,VAL\nb.jpg,dog,\nsub/../c.jpg,NA,test\n")
    rows = read(file, tmp_path).rows
    assert rows["path"].tolist() == [f"{tmp_path}/{name}.jpg" for name in "babc"]
    assert rows["label"].tolist() == ["cat", None, "dog", "NA"]
    assert rows["split"].tolist() == ["train", "validation", None, "test"]
    assert (rows["status"] == "ok").all()


@pytest.mark.parametrize(
    "content",
    [
        b"path,label\na b.jpg,x y\nc.jpg,z\n",
        b"\xef\xbb\xbfpath;label\r\na b.jpg;x y\r\nc.jpg;z\r\n",
        b"path\tlabel\na b.jpg\tx y\nc.jpg\tz",
        b'"path", "label"\n"a b.jpg", "x y"\n\n c.jpg , z \n',
        b"label,path,more\nx y,a b.jpg,1\nz,c.jpg\n",
        b"path,label\na b.jpg,x y,\nc.jpg,z,\n",
    ],
    ids=[
        "commas",
        "semicolons with a byte-order mark",
        "tabs",
        "spaces",
        "another order",
        "commas at the end",
    ],
)
def test_read_csv_reads_what_spreadsheets_write(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "images.csv").write_bytes(content)
    rows = read(tmp_path / "images.csv", tmp_path).rows
    assert rows["path"].tolist() == [f"{tmp_path}/a b.jpg", f"{tmp_path}/c.jpg"]
    assert rows["label"].tolist() == ["x y", "z"]


def test_read_csv_lets_no_path_out_of_the_root(tmp_path: Path) -> None:
    root = tmp_path / "root"
    touch(tmp_path, "root/a.jpg", "private/b.jpg", "root sibling/c.jpg")
    (root / "link.jpg").symlink_to("../private/b.jpg")
    (root / "folder").symlink_to("../private")
    (root / "inner.jpg").symlink_to("a.jpg")
    expected = {
        "a.jpg": "ok",
        "inner.jpg": "ok",
        "absent.jpg": "ok",  # examined later
        f"{root}/a.jpg": "ok",
        "x/../a.jpg": "ok",
        "../private/b.jpg": "outside_root",
        "../root sibling/c.jpg": "outside_root",
        "link.jpg": "link_outside",
        "folder/b.jpg": "link_outside",
        "folder/absent.jpg": "link_outside",
        "/etc/passwd": "outside_root",
        "": "missing",
    }
    table = pd.DataFrame({"path": expected.keys(), "label": "x"})
    table.to_csv(tmp_path / "images.csv", index=False)
    rows = read(tmp_path / "images.csv", root).rows
    assert dict(zip(expected, rows["status"], strict=True)) == expected


def test_links_are_followed_and_said_in_folders_and_tables_alike(tmp_path: Path) -> None:
    root = tmp_path / "root"
    touch(tmp_path, "root/cat/a.jpg", "root/dog/b.jpg", "private/key")
    (tmp_path / "cache").mkdir()
    Image.new("L", (2, 2)).save(tmp_path / "cache" / "c.png")
    (root / "cat" / "c.png").symlink_to("../../cache/c.png")
    (root / "cat" / "key.png").symlink_to("../../private/key")
    (root / "dog" / "annex.png").symlink_to("../../.git/annex/objects/x/y.png")
    table = "path,label\ncat/c.png,cat\ncat/key.png,cat\ndog/annex.png,dog\ncat/a.jpg,cat\n"
    (tmp_path / "images.csv").write_text(table)
    followed, refused, absent = (
        f"Symbolic links followed: {{}}, such as {root}/cat/c.png to ../../cache/c.png.",
        "Symbolic links not followed, since they lead out of the dataset's folder and to no image: 1, such "
        f"as {root}/cat/key.png to ../../private/key. If you know them, `--set dataset.follow_links=all` "
        "follows them.",
        "1 picture of git-annex is not here: `git annex get` brings it.",
    )
    assert read_folder(root).notes[-3:] == [followed.format(1), refused, absent]
    listing = read(tmp_path / "images.csv", root)
    assert listing.notes[-3:] == [followed.format(1), refused, absent]
    assert listing.rows["status"].tolist() == ["ok", "link_outside", "missing", "ok"]


def test_read_csv_notes_that_there_are_no_splits(tmp_path: Path) -> None:
    (tmp_path / "images.csv").write_text("path,label,Set\na.jpg,x,train\n")
    listing = read(tmp_path / "images.csv", tmp_path)
    assert listing.rows["split"].tolist() == [None]
    assert listing.notes == ["images.csv has no column 'split', so the dataset brings no splits."]
    listing = read(tmp_path / "images.csv", tmp_path, split_column="Set")
    assert listing.rows["split"].tolist() == ["train"]
    assert listing.notes == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"image,label\na.jpg,x\n", r"no column 'path' \(there are: image, label\)\. .*dataset.path_column"),
        (b"path,labels\na,x\n", r"no column 'label', did you mean 'labels'\?.*dataset.label_column"),
        (
            b"path,label,split\na,x,dev\nb,y,bagged\nc,y,2\n",
            "column 'split' .*not know: 'bagged', '2'. .*valid",
        ),
        (b"path,label\n", "names no images"),
        (b"", "names no images"),
        ("path,label\na,x\n".encode("utf-16"), "is not UTF-8"),
        (b"path,label\na,\xff\n", "is not UTF-8"),
        (b"path,label\na,x\nb,y,z\n", "Expected 2 fields in line 3, saw 3"),
        (b"path,label\na,x,y\nb,y,z\n", "more values in a line than columns"),
        (b'path,label\n"a,x\n', "EOF inside string"),
    ],
)
def test_read_csv_says_what_to_mend(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "images.csv").write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        read(tmp_path / "images.csv", tmp_path)
    assert str(tmp_path / "images.csv") in str(caught.value)


def test_read_csv_says_which_path_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "images.csv").write_text("path,label\na.jpg,x\n")
    with pytest.raises(InputError, match=r"dataset\.path\) is not there"):
        read(tmp_path / "absent.csv", tmp_path)
    with pytest.raises(InputError, match=r"dataset\.path\) is a folder"):
        read(tmp_path, tmp_path)
    with pytest.raises(InputError, match=r"absent \(dataset\.image_root\) is not a folder"):
        read(tmp_path / "images.csv", tmp_path / "absent")


def test_listed_says_how_many_it_leaves_out() -> None:
    assert listed(["a"]) == "'a'"
    assert listed("abc", at_most=2) == "'a', 'b' and 1 more"


# ---- groups ----------------------------------------------------------------------------------------------
def test_read_folder_takes_groups_from_the_path(tmp_path: Path) -> None:
    touch(tmp_path, "cat/p1_a.jpg", "cat/p1_b.jpg", "dog/p2_a.jpg", "dog/other.jpg")
    rows = read_folder(tmp_path, group_pattern=r"(p\d+)_").rows
    assert dict(zip(rows["path"].str.rpartition("/")[2], rows["group"], strict=True)) == {
        "p1_a.jpg": "p1",
        "p1_b.jpg": "p1",
        "p2_a.jpg": "p2",
        "other.jpg": None,
    }
    with pytest.raises(InputError, match=r"group_pattern 'q\(x\)' matches no path, such as 'cat/p1_a\.jpg'"):
        read_folder(tmp_path, group_pattern="q(x)")


def test_read_csv_takes_groups_from_a_column(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("path,label,patient\na,x,7\nb,x,\n")
    options = {
        "image_root": tmp_path,
        "path_column": "path",
        "label_column": "label",
        "split_column": "split",
    }
    assert read_csv(tmp_path / "x.csv", **options, group_column="patient").rows["group"].tolist() == [
        "7",
        None,
    ]
    with pytest.raises(InputError, match=r"no column 'patent', did you mean 'patient'"):
        read_csv(tmp_path / "x.csv", **options, group_column="patent")

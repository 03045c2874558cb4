"""Tables as people keep them: their forms, their paths and their labels."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from analysis.contract import InputError
from analysis.obtain.prepare.label_text import read_labels
from analysis.obtain.prepare.path_repair import repaired
from analysis.obtain.prepare.table_file import read_table

ROWS = pd.DataFrame({"path": ["a.jpg", "b.jpg"], "label": ["cat", "dog"]})


def labels_of(file: Path) -> tuple[list[str], list[str]]:
    table, notes = read_table(file, path_column="path", label_column="label")
    return list(zip(table["path"], table["label"], strict=True)), notes


# ---- forms -----------------------------------------------------------------------------------------------
def write(folder: Path, kind: str) -> Path:
    file = folder / f"images.{kind}"
    match kind:
        case "parquet":
            ROWS.to_parquet(file)
        case "jsonl":
            file.write_text("\n".join(json.dumps(row) for row in ROWS.to_dict("records")) + "\n")
        case "tsv":
            ROWS.to_csv(file, sep="\t", index=False)
        case "csv":
            ROWS.to_csv(file, sep=";", index=False, quoting=1)
    return file


@pytest.mark.parametrize("kind", ["csv", "tsv", "parquet", "jsonl"])
def test_a_table_is_the_same_in_every_form(tmp_path: Path, kind: str) -> None:
    assert labels_of(write(tmp_path, kind)) == ([("a.jpg", "cat"), ("b.jpg", "dog")], [])


def test_separator_is_that_by_which_the_columns_are_found(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text('"path";"label";"size, height, depth"\n"a.jpg";"cat";"1"\n')
    assert labels_of(tmp_path / "x.csv")[0] == [("a.jpg", "cat")]


def test_hugging_faces_name_of_paths_is_understood(tmp_path: Path) -> None:
    (tmp_path / "metadata.jsonl").write_text(
        '{"file_name": "a.jpg", "label": 3}\n{"file_name": "b.jpg", "label": null}'
    )
    rows, notes = labels_of(tmp_path / "metadata.jsonl")
    assert rows == [("a.jpg", "3"), ("b.jpg", "")]  # whole, though pandas makes a gap's column one of floats
    assert "'file_name'" in notes[0]


def test_class_in_columns_of_0_and_1_is_put_together(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("path,cat,dog,size\na,1,0,5\nb,0,1,7\nc,0,0,7\n")
    rows, notes = labels_of(tmp_path / "x.csv")
    assert rows == [("a", "cat"), ("b", "dog"), ("c", "")]
    assert "'cat', 'dog'" in notes[0]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.xlsx", b"PK", "Excel workbook: save it as CSV"),
        ("x.json", b"{}", "COCO"),
        ("x.parquet", b"no parquet", "cannot be read"),
        ("x.jsonl", b'{"path": 1}\nno\n', "line 2, is not JSON"),
        ("x.jsonl", b"[1]\n", "line 1, is no object"),
        ("x.csv", b"path,cat,dog\na,1,1\nb,0,1\n", "multi-label: .* 1 image with a 1 in several of them"),
    ],
)
def test_other_kinds_are_named(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message):
        labels_of(tmp_path / name)


# ---- paths -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("train/{}", "with the extension .jpg"),
        ("{}.jpg", "in the folder 'train'"),
        ("{}", "in the folder 'train', with the extension .jpg"),
        ("C:\\data\\train\\{}.jpg", "without 2 leading folders"),
        ("/home/anna/set/train/{}.jpg", "without 3 leading folders"),
        ("train\\{}.jpg", "with slashes for back-slashes"),
        ("TRAIN/{}.JPG", "whatever the case of their letters"),
    ],
)
def test_paths_written_elsewhere_are_found_by_one_rule(tmp_path: Path, written: str, said: str) -> None:
    (tmp_path / "train").mkdir()
    for i in range(30):
        (tmp_path / "train" / f"im{i:02}.jpg").touch()
    names = [written.format(f"im{i:02}") for i in range(30)]
    found, notes = repaired([*names, ""], tmp_path)
    assert found == [*(f"train/im{i:02}.jpg" for i in range(30)), ""]
    assert said in notes[0]


def test_paths_that_are_there_or_nowhere_stay_as_they_are(tmp_path: Path) -> None:
    for i in range(10):
        (tmp_path / f"{i}.jpg").touch()
    mostly = [f"{i}.jpg" for i in range(10)] + ["gone.jpg"]
    assert repaired(mostly, tmp_path) == (mostly, [])
    strangers = [f"x{i}.png" for i in range(10)]
    assert repaired(strangers, tmp_path) == (strangers, [])


def test_web_addresses_are_named_as_such(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"web addresses, such as https://x\.org/1\.jpg"):
        repaired(["https://x.org/1.jpg", "https://x.org/2.jpg"], tmp_path)


# ---- labels ----------------------------------------------------------------------------------------------
def read(
    labels: list[str], paths: list[str] | None = None, **chosen: Any
) -> tuple[list[str | None], list[str]]:
    paths = paths or [f"{i}.jpg" for i in range(len(labels))]
    options = {"rename": {}, "combine": False} | chosen
    found, notes = read_labels(pd.Series(labels), pd.Series(paths), file=Path("x.csv"), **options)
    return found.tolist(), notes


def test_lists_of_labels_are_refused_or_combined_in_any_order() -> None:
    labels = ["cat", "dog", "cat, dog", "dog, cat", "cat"]
    with pytest.raises(
        InputError, match=r"x\.csv is multi-label: 2 images of 5 have several.*combine_labels=true"
    ):
        read(labels)
    assert read(labels, combine=True)[0] == ["cat", "dog", "cat, dog", "cat, dog", "cat"]
    for written in ("cat|dog", "['cat', 'dog']", "cat;dog"):
        with pytest.raises(InputError, match="several labels"):
            read(["cat", "dog", written, written.replace("cat", "owl"), "owl"])


def test_lists_in_brackets_are_lists_whatever_they_share() -> None:
    with pytest.raises(InputError, match=r"multi-label: 2 images of 4 have several labels"):
        read(["['cat', 'pet']", "['dog', 'wild']", "['owl']", "[]"])
    said = ["Lists of one label were taken for that label."]
    assert read(["['cat']", '["dog"]', "", "[cat]"]) == (["cat", "dog", None, "cat"], said)
    assert read(["['cat']", "dog", "dog, brown"]) == (["['cat']", "dog", "dog, brown"], [])


def test_names_with_commas_are_no_lists() -> None:
    names = ["tench, Tinca tinca", "hen", "dog, golden retriever", "dog, poodle", "dog, beagle"] * 3
    assert read(names) == (names, [])


def test_quantities_are_refused_and_numbered_classes_are_not() -> None:
    with pytest.raises(InputError, match=r"quantities: 30 numbers from 0\.5 to 29\.5"):
        read([f"{i}.5" for i in range(30)])
    assert read([str(i % 30) for i in range(60)])[0][:2] == ["0", "1"]


def test_whole_numbers_written_with_decimals_are_one_class() -> None:
    labels, notes = read(["3", "3.0", "4.0", "", "4"])
    assert labels == ["3", "3", "4", None, "4"]
    assert "'3.0', '4.0'" in notes[0]
    assert read(["3.0", "three"])[0] == ["3.0", "three"]


def test_rows_of_objects_are_told_from_rows_of_images() -> None:
    with pytest.raises(InputError, match="9 rows of 3 files"):
        read(["car", "bus", "car"] * 3, [f"{i // 3}.jpg" for i in range(9)])
    listed_twice = read(["car", "car", "bus", "bus"], ["a", "a", "b", "b"])
    assert listed_twice == (["car", "car", "bus", "bus"], [])


def test_spellings_are_joined_as_a_person_says() -> None:
    labels, notes = read(["Happy", "happy", "sad", "a", "b"], rename={"Happy": "happy", "a": "b", "b": "a"})
    assert labels == ["happy", "happy", "sad", "b", "a"]
    assert notes == ["Renamed as dataset.rename_labels says: 'Happy', 'a', 'b', 3 images."]


def test_names_to_rename_that_stand_nowhere_are_said() -> None:
    labels, notes = read(["Happy", "sad"], rename={"hapy": "happy"})
    assert labels == ["Happy", "sad"]
    assert notes == ["dataset.rename_labels names labels that no image has: 'hapy'."]

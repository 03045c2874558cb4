import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from PIL import Image
from pydantic import ValidationError

from analysis.contract import Artifacts, InputError
from analysis.explore.label_analysis.parameters import LabelAnalysisParameters
from analysis.explore.label_analysis.stage import label_analysis
from analysis.obtain.prepare.parameters import DatasetParameters
from analysis.obtain.prepare.stage import prepare
from analysis.pipeline import command_line

REPOSITORY = Path(__file__).parents[3]
EVERYTHING: dict[str, Any] = yaml.safe_load((REPOSITORY / "params.yaml").read_text())
PARAMETERS: dict[str, Any] = EVERYTHING["dataset"]


@pytest.fixture(autouse=True)
def in_workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    monkeypatch.chdir(workspace)
    return workspace


def run(seed: int = 0, **settings: Any) -> Artifacts:
    """Call the stage as the runner does, with the repository's parameters except for `settings`."""
    dataset = DatasetParameters(**{**PARAMETERS, **settings})
    partial = Path("data", ".partial", "images")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    outputs = {"images": Path("data", "images")}
    return prepare(dataset=dataset, seed=seed, images=partial, outputs=outputs, memory=Path(".deepsight"))


def write_classes(root: Path, **sizes: int) -> Path:
    """Class folders `root/<class>/<number>.jpg`, every file of its own content."""
    for name, n in sizes.items():
        (root / name).mkdir(parents=True, exist_ok=True)
        for number in range(n):
            (root / name / f"{number}.jpg").write_text(f"{root} {name} {number}")
    return root


# ---- what the manifest holds


def test_prepare_makes_the_manifest_of_the_digits() -> None:
    artifacts = run(source="digits")
    manifest = artifacts.tables["manifest"]
    assert manifest["item_id"].tolist() == list(range(1797))
    assert manifest["item_id"].dtype == "int64"
    assert manifest["path"][0] == "data/images/0/0000.png"  # where the runner moves them
    assert Path("data/.partial/images/0/0000.png").is_file()
    assert list(manifest["label"].cat.categories) == list("0123456789")
    assert list(manifest["split"].cat.categories) == ["train", "validation", "test"]
    assert (manifest["status"] == "ok").all()
    assert manifest["content_hash"].str.fullmatch("[0-9a-f]{32}").all()
    assert artifacts.metrics["n_items"] == 1797
    assert (
        artifacts.metrics["n_train"] + artifacts.metrics["n_validation"] + artifacts.metrics["n_test"] == 1797
    )
    assert abs(artifacts.metrics["n_test"] - 0.2 * 1797) <= 10  # half an image a class, rounded
    assert artifacts.summary == "1,797 images of 10 classes (train 1,169, validation 269, test 359)"


def test_prepare_orders_classes_naturally_and_keeps_paths_of_a_folder() -> None:
    write_classes(Path("photos"), **{"10": 3, "9": 3, "b": 3, "A": 3})
    manifest = run(source="folder", path="photos").tables["manifest"]
    assert list(manifest["label"].cat.categories) == ["9", "10", "A", "b"]
    assert manifest["path"][0] == "photos/9/0.jpg"
    assert manifest["bytes"][0] == len("photos 9 0")
    absolute = run(source="folder", path=str(Path("photos").resolve())).tables["manifest"]
    assert absolute["path"][0] == str(Path("photos/9/0.jpg").resolve())
    pd.testing.assert_frame_equal(absolute.drop(columns="path"), manifest.drop(columns="path"))


def test_prepare_keeps_a_row_for_everything_that_cannot_be_opened() -> None:
    root = write_classes(Path("photos"), cat=5, dog=5)
    (root / "cat" / "empty.jpg").touch()
    os.mkfifo(root / "cat" / "pipe.jpg")
    (root / "cat" / "gone.jpg").symlink_to("absent.jpg")
    (root / "cat" / "out.jpg").symlink_to("/etc/passwd")
    (root / "dog" / "up").symlink_to("..")
    Path(os.fsdecode(os.fsencode(root) + b"/dog/\xff.jpg")).touch()
    (root / "blank.jpg").write_text("blank")
    artifacts = run(source="folder", path="photos")
    manifest = artifacts.tables["manifest"].set_index("path")
    assert manifest.dtypes.astype(str).to_dict() == {
        "item_id": "int64",
        "label": "category",
        "split": "category",
        "bytes": "Int64",
        "content_hash": "object",
        "status": "object",
        "group": "string",
    }
    faulty = manifest[manifest["status"] != "ok"]
    assert faulty["status"].to_dict() == {
        "photos/cat/empty.jpg": "empty",
        "photos/cat/gone.jpg": "missing",
        "photos/cat/out.jpg": "link_outside",
        "photos/cat/pipe.jpg": "not_a_file",
        "photos/dog/up": "symlink_loop",
        "photos/dog/\\xff.jpg": "bad_name",
    }
    assert faulty["content_hash"].isna().all()
    assert manifest["split"].notna().all()
    assert pd.isna(manifest.loc["photos/blank.jpg", "label"])
    expected = {
        "n_items": 17,
        "n_classes": 2,
        "n_blank_labels": 1,
        "n_empty": 1,
        "n_missing": 1,
        "n_bad_name": 1,
    }
    assert expected.items() <= artifacts.metrics.items()
    assert artifacts.summary.endswith(", 6 that cannot be opened")


def test_prepare_keeps_the_order_of_a_csv_and_both_rows_of_a_path() -> None:
    write_classes(Path("photos"), x=9)
    lines = ["path,label", *(f"x/{number}.jpg,{'ab'[number % 2]}" for number in reversed(range(9)))]
    Path("images.csv").write_text("\n".join([*lines, "x/0.jpg,b", "absent.jpg,a", "x/1.jpg,"]))
    artifacts = run(source="csv", path="images.csv", image_root="photos")
    manifest = artifacts.tables["manifest"]
    assert manifest["path"].tolist()[:9] == [f"photos/x/{number}.jpg" for number in reversed(range(9))]
    both = manifest[manifest["path"] == "photos/x/0.jpg"]
    assert both["label"].tolist() == ["a", "b"]
    assert both["split"].nunique() == 1
    assert manifest["status"].tolist() == ["ok"] * 10 + ["missing", "ok"]
    assert artifacts.metrics["n_exact_duplicates"] == 2
    assert artifacts.metrics["n_blank_labels"] == 1


def test_prepare_puts_copies_on_one_side_of_the_splits_it_makes() -> None:
    root = write_classes(Path("photos"), cat=40, dog=40)
    for number in range(40):
        shutil.copy(root / "cat" / f"{number}.jpg", root / "cat" / f"copy of {number}.jpg")
    manifest = run(source="folder", path="photos").tables["manifest"]
    assert (manifest.groupby("content_hash")["split"].nunique() == 1).all()
    assert set(manifest["split"]) == {"train", "validation", "test"}


def test_prepare_says_how_it_completed_the_splits() -> None:
    write_classes(Path("photos/train"), cat=20, dog=20, emu=1)
    write_classes(Path("photos/test"), cat=5, dog=5)
    write_classes(Path("photos"), fox=2)
    artifacts = run(source="folder", path="photos")
    assert artifacts.notes[1:] == [
        "Images without a split, taken for training: 2.",
        "The dataset brings no labelled validation split. Images cut from training for one: 6.",
        "Classes with too few distinct images to be in the validation split: 'emu'.",
    ]
    assert artifacts.metrics["n_test"] == 10


def test_prepare_says_in_three_lines_what_it_understood(capsys: pytest.CaptureFixture) -> None:
    root = write_classes(Path("photos/Training"), cat=20, dog=1200)
    write_classes(Path("photos/Testing"), cat=5, dog=5)
    (root / "notes.txt").touch()
    run(source="folder", path="photos")
    assert capsys.readouterr().out.splitlines()[:3] == [
        "Classes: 2, cat (25), dog (1,205)",
        "Splits: train (1,220), test (10)",
        "Left out: 1 without the extension of an image",
    ]


def test_prepare_says_what_it_left_out() -> None:
    root = write_classes(Path("photos"), cat=50, dog=50)
    (root / "notes.txt").touch()
    (root / ".DS_Store").touch()
    artifacts = run(source="folder", path="photos", max_per_class=5)
    assert artifacts.metrics["n_left_out"] == 100 - 2 * 3 * 5
    assert artifacts.tables["manifest"].groupby(["label", "split"], observed=True).size().eq(5).all()
    assert artifacts.tables["manifest"]["item_id"].tolist() == list(range(30))
    assert artifacts.notes[-3:] == [
        "Images left out by max_per_class or imbalance_ratio: 70.",
        "Hidden files and folders skipped: 1.",
        "Files skipped that have no extension of an image: 1.",
    ]


def test_prepare_makes_a_long_tail_of_what_max_per_class_leaves() -> None:
    write_classes(Path("photos"), a=300, b=300, c=300)
    settings = {"source": "folder", "path": "photos", "max_per_class": 100, "imbalance_ratio": 100.0}
    manifest = run(**settings).tables["manifest"]
    train = manifest[manifest["split"] == "train"]
    assert train["label"].value_counts().to_dict() == {"a": 100, "b": 10, "c": 1}


def test_prepare_gives_the_same_twice_and_other_splits_with_another_seed() -> None:
    write_classes(Path("photos"), cat=50, dog=50)
    first, second, other = (run(seed, source="folder", path="photos") for seed in (0, 0, 1))
    pd.testing.assert_frame_equal(first.tables["manifest"], second.tables["manifest"])
    assert first.metrics == second.metrics
    assert (first.tables["manifest"]["split"] != other.tables["manifest"]["split"]).any()


def dataset_hash(**settings: Any) -> str:
    description = run(**settings).tables["dataset"].set_index("property")["value"]
    return description["dataset_hash"]


def test_dataset_hash_is_that_of_the_images_labels_and_splits() -> None:
    write_classes(Path("photos"), cat=5, dog=5)
    original = dataset_hash(source="folder", path="photos")
    shutil.copytree("photos", "copy")
    Path("copy/cat/0.jpg").rename("copy/cat/renamed.jpg")
    assert dataset_hash(source="folder", path="copy") == original
    Path("copy/cat/renamed.jpg").rename("copy/dog/renamed.jpg")
    assert dataset_hash(source="folder", path="copy") != original
    Path("photos/cat/0.jpg").write_text("other")
    assert dataset_hash(source="folder", path="photos") != original


def test_prepare_takes_a_dataset_of_torchvision(monkeypatch: pytest.MonkeyPatch) -> None:
    from PIL import Image
    from torchvision import datasets

    class Tiny:
        def __init__(self, root: Path, train: bool = True, download: bool = False) -> None:
            assert root == Path(".deepsight/downloads")
            self.first = 0 if train else 100

        def __getitem__(self, index: int) -> tuple[Image.Image, int]:
            if index == 20:
                raise IndexError
            return Image.new("RGB", (4, 4), (self.first + index, 0, 0)), index % 2

    monkeypatch.setattr(datasets, "Tiny", Tiny, raising=False)
    monkeypatch.setattr(datasets, "__all__", (*datasets.__all__, "Tiny"))
    artifacts = run(source="torchvision", name="Tiny")
    assert artifacts.tables["manifest"]["path"][0] == "data/images/test/0/00000.png"
    assert artifacts.metrics["n_train"] == 16
    assert artifacts.metrics["n_validation"] == 4  # 0.15 of 10 images of each class, rounded up
    assert artifacts.metrics["n_test"] == 20


# ---- bad input


def test_parameters_refuse_fractions_that_leave_nothing_for_training() -> None:
    with pytest.raises(ValidationError, match="sum to less than 1"):
        DatasetParameters(**{**PARAMETERS, "validation_fraction": 0.5, "test_fraction": 0.5})


@pytest.mark.parametrize(
    "wrong",
    [
        {"source": "folders"},
        {"test_fraction": -0.1},
        {"test_fraction": 1},
        {"max_per_class": 0},
        {"imbalance_ratio": 0.5},
        {"imbalance_ratio": float("inf")},
        {"pth": "data"},
    ],
)
def test_parameters_refuse_what_is_out_of_range(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        DatasetParameters(**{**PARAMETERS, **wrong})


@pytest.mark.parametrize(
    ("splits", "sentences"),
    [
        ({"train": {"cat": 20, "dog": 20}, "test": {"cat": 5, "dog": 5}}, []),
        (
            {"train": {"cat": 20}, "test": {"cat": 5, "dog": 5}},
            [
                "No classifier can be trained: the training images are all of one class, cat. If the splits "
                "are wrong, name a folder or a column without them, and all are made."
            ],
        ),
        (
            {"test": {"cat": 20, "dog": 20}},
            [
                "No classifier can be trained: no labelled image is for training, as the splits are 'test'. "
                "If the splits are wrong, name a folder or a column without them, and all are made."
            ],
        ),
        (
            {"train": {"cat": 20, "dog": 20}, "test": {"cat": 5, "emu": 3}},
            [
                "Of test, 3 images are of classes that no training image has ('emu'): a classifier is wrong "
                "on each."
            ],
        ),
        (
            {"": {"cat": 20}},
            [
                "All labels are one, cat: files, quality, copies and pictures are judged, but neither "
                "labels nor a classifier."
            ],
        ),
        (
            {"": {"": 20}},
            [
                "No image has a label: files, quality, copies and pictures are judged, but neither labels "
                "nor a classifier."
            ],
        ),
    ],
)
def test_prepare_says_at_once_what_cannot_be_judged(
    splits: dict[str, dict[str, int]], sentences: list[str], capsys: pytest.CaptureFixture
) -> None:
    for split, sizes in splits.items():
        for label, n in sizes.items():
            write_classes(Path("photos", split), **{label or ".": n})
    artifacts = run(source="folder", path="photos")
    assert not any("lie those of the splits" in note for note in artifacts.notes)
    printed = [line for line in capsys.readouterr().out.splitlines() if line in artifacts.notes]
    assert [line for line in printed if "classifier" in line] == sentences


def test_prepare_names_the_folder_that_absolute_paths_lie_in(tmp_path: Path) -> None:
    write_classes(Path("elsewhere"), cat=2, dog=2)
    files = sorted(Path("elsewhere").absolute().rglob("*.jpg"))
    Path("in").mkdir()
    Path("in/images.csv").write_text(
        "path,label\n" + "".join(f"{file},{file.parent.name}\n" for file in files)
    )
    with pytest.raises(InputError) as told:
        run(source="csv", path="in/images.csv", image_root="in")
    assert f"--set dataset.image_root={Path('elsewhere').absolute()}" in str(told.value)


def test_prepare_says_that_test_is_lacking() -> None:
    write_classes(Path("photos"), cat=1, dog=1)
    notes = run(source="folder", path="photos").notes
    assert "There is no labelled test image: what is said of a classifier flatters it." in notes


def test_prepare_says_that_nothing_can_be_opened() -> None:
    Path("images.csv").write_text("path,label\na.jpg,x\nb.jpg,y\n")
    with pytest.raises(
        InputError, match=r"none of the 2 images .*'a\.jpg', is missing\. .*dataset\.image_root"
    ):
        run(source="csv", path="images.csv", image_root=".")


# ---- as a program


@pytest.fixture
def workspace(in_workspace: Path) -> Path:
    """A workspace with this stage alone, as the repository declares it."""
    stages = yaml.safe_load((REPOSITORY / "dvc.yaml").read_text())["stages"]
    (in_workspace / "dvc.yaml").write_text(yaml.safe_dump({"stages": {"prepare": stages["prepare"]}}))
    (in_workspace / "src").symlink_to(REPOSITORY / "src")
    (in_workspace / ".dvc").mkdir()
    (in_workspace / ".dvc" / "config").write_text("[core]\n    no_scm = True\n")
    set_parameters(in_workspace)
    return in_workspace


def set_parameters(workspace: Path, **settings: Any) -> None:
    content = {"seed": 0, "dataset": {**PARAMETERS, **settings}}
    (workspace / "params.yaml").write_text(yaml.safe_dump(content))


def run_program() -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "analysis.obtain.prepare"]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def contents(*folders: str) -> dict[str, bytes]:
    files = [file for folder in folders for file in Path(folder).rglob("*") if file.is_file()]
    return {file.as_posix(): file.read_bytes() for file in files}


def test_program_writes_the_same_outputs_each_time_and_keeps_them_when_it_fails(workspace: Path) -> None:
    first_run = run_program()
    assert (first_run.returncode, first_run.stderr) == (0, "")
    lines = first_run.stdout.splitlines()
    assert lines[0].startswith("Classes: 10, 0 (178), 1 (182)")
    assert lines[1:3] == ["Splits: none brought, so they are made here", "Left out: nothing"]
    assert lines[3].startswith("prepare: 1,797 images of 10 classes")
    manifest = pd.read_parquet("data/manifest.parquet")
    assert all(Path(path).is_file() for path in manifest["path"])
    outputs = contents("data", "analysis_outputs")
    assert len(outputs) == 1797 + 4

    assert run_program().returncode == 0
    assert contents("data", "analysis_outputs") == outputs

    set_parameters(workspace, source="folder", path="absent")
    failed_run = run_program()
    assert failed_run.returncode == 1
    assert failed_run.stdout == ""
    assert failed_run.stderr == "prepare: absent (dataset.path) is not there. Correct the path.\n"
    kept = contents("data", "analysis_outputs")
    assert {path: kept.get(path) for path in outputs} == outputs


def test_program_does_not_touch_a_dataset_that_is_named_like_its_outputs(workspace: Path) -> None:
    write_classes(Path("images"), cat=5, dog=5)
    before = contents("images")
    set_parameters(workspace, source="folder", path="images")
    assert run_program().returncode == 0
    assert contents("images") == before
    assert pd.read_parquet("data/manifest.parquet")["path"][0] == "images/cat/0.jpg"
    assert [file.name for file in Path("data/images").iterdir()] == ["empty.txt"]


@pytest.mark.parametrize("source", ["folder", "csv"])
def test_what_the_report_offers_merges_the_spellings(source: str) -> None:
    names = ["Happy", "happy", 'it\'s "$HOME"', 'IT\'S "$home"', "calm"]
    write_classes(Path("photos"), **dict(zip(names, [5, 8, 4, 4, 6], strict=True)))
    paths = sorted(Path("photos").rglob("*.jpg"))
    table = pd.DataFrame({"path": map(str, paths), "label": [path.parent.name for path in paths]})
    table.to_csv("images.csv", index=False)
    named = {"source": source, "path": "photos" if source == "folder" else "images.csv", "image_root": "."}

    manifest = run(**named).tables["manifest"]
    assert len(manifest["label"].cat.categories) == 5
    settings = LabelAnalysisParameters(**EVERYTHING["label_analysis"])
    found = label_analysis(manifest, parameters=settings, rename_labels={}, seed=0)
    offered = next(kind.option for kind in found.kinds if kind.option)

    flag, pair = shlex.split(offered)  # as a shell hands it on, and `deepsight audit` reads it
    assert flag == "--set"
    ((key, value),) = command_line._settings([pair]).items()
    sizes = run(**named, **{key.removeprefix("dataset."): value}).tables["manifest"]["label"].value_counts()
    assert sizes.to_dict() == {"happy": 13, 'IT\'S "$home"': 8, "calm": 6}


def test_groups_stay_on_one_side_and_straddling_ones_are_said(capsys: pytest.CaptureFixture) -> None:
    for number in range(20):
        label = "cat" if number % 2 else "dog"
        write_classes(Path("photos", label), **{f"s{number}": 6})
    artifacts = run(source="folder", path="photos", label_level=1, group_pattern=r"(s\d+)/")
    manifest = artifacts.tables["manifest"]
    assert manifest.groupby("group")["split"].nunique().eq(1).all()
    assert "Groups of images: 20, each in one split." in artifacts.notes
    assert "Groups of images: 20.\n" in capsys.readouterr().out  # before splits are made
    # 120 images: a row in four is in the test; patient 7 in test alone, 8 in training alone, 9 in both
    given = pd.DataFrame({"path": manifest["path"], "label": manifest["label"]})
    given["split"] = ["train", "train", "validation", "test"] * 30
    given["patient"] = ["8", "9", "", "7"] * 29 + ["8", "9", "9", "9"]
    given.to_csv("images.csv", index=False)
    said = (
        "Groups of images: 3 (29 images in none), 1 of them in several splits ('9'). Of groups that are in "
        "training too: 1 of 30 validation images, 1 of 30 test images."
    )
    assert said in run(source="csv", path="images.csv", image_root=".", group_column="patient").notes
    assert said in capsys.readouterr().out


def test_dataset_of_pointers_is_refused_with_what_brings_the_pictures() -> None:
    for label in ("cat", "dog"):
        for number in range(5):
            file = Path("photos", label, f"{number}.jpg")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f"version https://git-lfs.github.com/spec/v1\noid sha256:{label}{number}\n")
    with pytest.raises(InputError, match=r"of 10 files .* 10 are each a Git LFS pointer: `git lfs pull`"):
        run(source="folder", path="photos")


def test_images_without_an_extension_are_read_and_other_kinds_counted_by_class() -> None:
    write_classes(Path("photos"), cat=5, dog=5)
    Image.new("L", (8, 8)).save("photos/cat/unnamed", "PNG")
    Path("photos/dog/pipe.heic").parent.mkdir(exist_ok=True)
    for number in range(3):
        Path(f"photos/dog/{number}.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes([number]))
    os.mkfifo("photos/dog/pipe")
    artifacts = run(source="folder", path="photos")
    assert artifacts.tables["manifest"]["path"].str.endswith("cat/unnamed").sum() == 1
    assert "Left out: 3 HEIC pictures (dog 3): convert it to JPEG or PNG, or " in " ".join(artifacts.notes)

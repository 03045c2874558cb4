"""decisions.csv: what people and spreadsheets write, which images it means, which findings it settles."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.contract import FindingKind, InputError, findings_of, no_findings
from analysis.dataset.decisions import COLUMNS, Located, decide, locate, read_decisions, take_over

HEADER = ",".join(COLUMNS)
BLURRY = FindingKind(name="blurry", title="Blurry", severity="low", why="", action="")
DARK = FindingKind(name="too_dark", title="Too dark", severity="medium", why="", action="")
A, B, C, GONE = (f"{i:032x}" for i in (10, 11, 12, 99))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "decisions.csv"


def read(file: Path, *rows: str, header: str = HEADER) -> pd.DataFrame:
    file.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return read_decisions(file)


def make_manifest(*rows: tuple[str, str | None], splits: list[str] | None = None) -> pd.DataFrame:
    """Images of (path, content hash), of class cat or dog in turn."""
    paths, hashes = zip(*rows, strict=True)
    labels = np.resize(["cat", "dog"], len(rows))
    return pd.DataFrame(
        {
            "item_id": np.arange(len(rows)),
            "path": paths,
            "label": pd.Categorical(labels, ["cat", "dog"]),
            "split": pd.Categorical(splits or ["train"] * len(rows), ["train", "validation", "test"]),
            "content_hash": hashes,
        }
    )


MANIFEST = make_manifest(("d/a.png", A), ("d/b.png", B), ("d/gone.png", None))


def located(file: Path, *rows: str, manifest: pd.DataFrame = MANIFEST) -> Located:
    return locate(read(file, *rows), manifest, root="d")


def images_of(found: Located) -> list[int]:
    return found.rows["item_id"].tolist()


@pytest.mark.parametrize("path", ["d/deep/a.png", "deep/a.png"])
def test_path_without_hash_may_start_from_the_root_of_the_dataset(file: Path, path: str) -> None:
    manifest = make_manifest(("d/deep/a.png", None), ("d/b/deep/a.png", None))
    assert images_of(located(file, f",{path},,keep,,", manifest=manifest)) == [0]
    assert located(file, ",a.png,,keep,,", manifest=manifest).unmatched == [2]


# ---- reading ---------------------------------------------------------------------------------------------


def test_file_of_a_header_alone_holds_no_decision(file: Path) -> None:
    assert read(file).empty
    assert located(file).rows.empty


def test_file_in_the_repository_can_be_read() -> None:
    read_decisions(Path(__file__).parents[2] / "decisions.csv")


@pytest.mark.parametrize(
    "content",
    [
        f'{HEADER}\n{A},d/a.png,blurry,relabel,dog,"soft, but a dog"\n',
        f'\ufeff{HEADER}\r\n{A},d/a.png,blurry,relabel,dog,"soft, but a dog"\r\n\r\n,,,,,\r\n',
        f"{HEADER.replace(',', ';')}\n{A};d/a.png;blurry;relabel;dog;soft, but a dog\n",
        f"{HEADER.replace(',', chr(9))}\n{A}\td/a.png\tblurry\trelabel\tdog\tsoft, but a dog\n",
        "Decision, Kind,label,reason,content_hash,path,n\n"
        f' RELABEL,Blurry ,dog,"soft, but a dog",{A.upper()},d/a.png,7\n',
    ],
    ids=["plain", "byte order mark and blank rows", "semicolons", "tabs", "other order, case and columns"],
)
def test_what_spreadsheets_write_is_understood(file: Path, content: str) -> None:
    file.write_bytes(content.encode())
    (row,) = read_decisions(file).to_dict("records")
    assert row == dict(
        zip([*COLUMNS, "line"], [A, "d/a.png", "blurry", "relabel", "dog", "soft, but a dog", 2], strict=True)
    )


def test_cells_disarmed_for_spreadsheets_are_armed_again(file: Path) -> None:
    rows = read(file, f"{A},'=d.png,,relabel,'-x,'@home", f"{B},,,relabel,-1,it's")
    assert rows[["path", "label", "reason"]].to_numpy().tolist() == [
        ["=d.png", "-x", "@home"],
        ["", "-1", "it's"],
    ]


def test_text_that_looks_like_a_number_or_a_missing_value_stays_text(file: Path) -> None:
    digits = "1" * 32
    rows = read(file, f"{digits},NA,,relabel,007,null")
    assert rows.loc[0, COLUMNS].tolist() == [digits, "NA", "", "relabel", "007", "null"]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (f"{A},,,delete,,", "line 3 has the decision 'delete'"),
        (f"{A},,,dropp,,", "line 3 has the decision 'dropp', did you mean 'drop'"),
        (f"{A},,,,,", "line 3 has the decision ''"),
        (f"{A},,,relabel,,", "line 3 relabels an image but names no label"),
        (",,blurry,ignore,,", "line 3 names neither an image .* nor a class"),
        (
            ",,blurry,drop,cat,",
            "line 3 would drop the class 'cat': findings about a class can be ignored or kept.",
        ),
        (
            ",,blurry,relabel,cat,",
            "can be ignored or kept; to give .* another name, set dataset.rename_labels",
        ),
        (",,,ignore,cat,", "line 3 does not say which kind of finding about the class 'cat'"),
        ("1.2E+31,,,ignore,,", "line 3 has the content_hash '1.2e\\+31', which is not 32 hexadecimal digits"),
        (f"{A},,,ignore,,blurred, but fine", "line 3 has 7 cells where the header has 6: put double quotes"),
        (f'{A},"d"x,,ignore,,', "line 3: .*double quotes"),
        (f'{A},"d,,ignore,,', "double quotes"),
        (HEADER, "line 3 has the decision 'decision'"),
    ],
)
def test_row_that_cannot_be_understood_is_refused_with_its_line(file: Path, row: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read(file, f"{B},,,keep,,", row)


def test_all_problems_are_named_at_once_up_to_a_few(file: Path) -> None:
    with pytest.raises(InputError, match=r"line 2 .*; line 3 .*; line 6 .*; and 2 more"):
        read(file, *[f"{A},,,what,,"] * 7)


@pytest.mark.parametrize("content", ["", "path;kind\n", "hash,path,kind,decision,label,reason\n"])
def test_file_without_the_columns_is_refused(file: Path, content: str) -> None:
    file.write_text(content)
    with pytest.raises(
        InputError, match="its first line should be content_hash,path,kind,decision,label,reason"
    ):
        read_decisions(file)


def test_file_in_another_encoding_is_refused(file: Path) -> None:
    file.write_bytes(f"{HEADER}\n{A},bär.png,,keep,,\n".encode("latin-1"))
    with pytest.raises(InputError, match="is not UTF-8: save it as 'CSV UTF-8'"):
        read_decisions(file)


def test_missing_file_is_said(file: Path) -> None:
    with pytest.raises(InputError, match="is not there: make it with the line content_hash,"):
        read_decisions(file)


# ---- taking over -----------------------------------------------------------------------------------------


def test_take_over_appends_what_is_new_and_leaves_what_was_there(file: Path, tmp_path: Path) -> None:
    before = f"{HEADER.replace(',', ';')};seen by\n{A};;;keep;;a; b;Ann"  # no line end
    file.write_text(before.replace("a; b", '"a; b"'))
    offered = tmp_path / "export.csv"
    read(offered, f"{A},,,keep,,a; b", f"{B},'=b;c.png,,drop,,", f"{B},'=b;c.png,,drop,,")
    assert take_over(offered, file) == 1
    assert file.read_text().startswith(before.replace("a; b", '"a; b"'))
    rows = read_decisions(file)
    assert rows[["content_hash", "path", "decision"]].to_numpy().tolist() == [
        [A, "", "keep"],
        [B, "=b;c.png", "drop"],
    ]
    assert take_over(offered, file) == 0


# ---- which images are meant ------------------------------------------------------------------------------


def test_decision_survives_renaming_and_moving(file: Path) -> None:
    rows = [f"{A},d/a.png,,keep,,", f"{B},d/b.png,,drop,,"]
    moved = make_manifest(("/other/place/b.png", A), ("/other/place/new name.png", B))
    assert images_of(located(file, *rows, manifest=moved)) == [0, 1]


def test_path_decides_where_there_is_no_hash(file: Path) -> None:
    found = located(file, ",d/gone.png,,drop,,", ",d/a.png,,keep,,")
    assert images_of(found) == [2, 0]


def test_decision_on_content_that_is_gone_is_not_applied_to_what_has_its_name_now(file: Path) -> None:
    found = located(file, f"{B},d/b.png,,keep,,", f"{GONE},d/a.png,,drop,,")
    assert (images_of(found), found.unmatched) == ([1], [3])


COPIES = make_manifest(("d/cat/1.png", A), ("d/dog/1.png", A), ("d/dog/2.png", A))


@pytest.mark.parametrize(
    ("path", "item_ids"),
    [
        ("d/dog/1.png", [1]),
        ("/moved/to/dog/1.png", [1]),
        ("2.png", [2]),
        ("", [0, 1, 2]),  # no path: all of this content
    ],
)
def test_of_several_copies_the_path_tells_by_its_end_which_is_meant(
    file: Path, path: str, item_ids: list[int]
) -> None:
    assert images_of(located(file, f"{A},{path},,drop,,", manifest=COPIES)) == item_ids


@pytest.mark.parametrize("path", ["1.png", "renamed.png"])
def test_copies_that_the_path_does_not_tell_apart_are_left_alone(file: Path, path: str) -> None:
    found = located(file, f"{A},{path},,drop,,", manifest=COPIES)
    assert (images_of(found), found.unmatched, found.ambiguous) == ([], [], [2])


def test_drop_of_a_file_listed_several_times_spares_the_listing_that_is_judged_on(file: Path) -> None:
    listed = make_manifest(*[("d/1.png", A)] * 3, splits=["train", "test", "test"])
    assert images_of(located(file, f"{A},d/1.png,,drop,,", manifest=listed)) == [0, 2]
    assert images_of(located(file, f"{A},d/1.png,,keep,,", manifest=listed)) == [0, 1, 2]


def test_new_label_must_be_one_of_the_dataset(file: Path) -> None:
    with pytest.raises(
        InputError, match="line 2 relabels to 'dogs', which is no class of the dataset, did you mean 'dog'"
    ):
        located(file, f"{A},,,relabel,dogs,")


@pytest.mark.parametrize(
    "rows",
    [
        (f"{A},,blurry,keep,,", f"{A},,blurry,drop,,"),
        (f"{A},,blurry,keep,,", f"{A},,,ignore,,"),  # a blank kind is every kind
        (f"{A},,,keep,,", f"{A},,blurry,drop,,"),
        (f"{A},,blurry,drop,,", f"{A},,too_dark,relabel,dog,"),
        (f"{A},,blurry,relabel,cat,", f"{A},,too_dark,relabel,dog,"),
        (f"{A},,blurry,keep,,", ",d/a.png,blurry,drop,,"),  # the same image by hash and by path
        (",,rare,keep,cat,", ",,rare,ignore,cat,"),
    ],
)
def test_contradicting_decisions_are_refused_with_both_lines(file: Path, rows: tuple[str, str]) -> None:
    with pytest.raises(InputError, match="lines 2 and 3 contradict each other"):
        located(file, *rows)


@pytest.mark.parametrize(
    "rows",
    [
        (f"{A},,,drop,,", f"{A},,,drop,,twice"),
        (f"{A},,blurry,ignore,,", f"{A},,leaked_image,drop,,"),
        (f"{A},,blurry,ignore,,", f"{A},,label_issue,relabel,dog,"),
        (f"{A},d/a.png,,drop,,", f"{B},d/b.png,,keep,,"),
        (",,rare,keep,cat,", ",,rare,ignore,dog,"),
    ],
)
def test_decisions_that_agree_or_are_of_different_things_stand(file: Path, rows: tuple[str, str]) -> None:
    assert len(located(file, *rows).rows) == 2


# ---- which findings are decided --------------------------------------------------------------------------


def decisions_on(file: Path, findings: pd.DataFrame, *rows: str) -> list[str]:
    return decide(findings, located(file, *rows).rows)["decision"].tolist()


TWO_KINDS = pd.concat([findings_of(BLURRY, item_id=[0, 1]), findings_of(DARK, item_id=[0, 1])])


def test_decision_with_a_kind_settles_that_kind_alone(file: Path) -> None:
    assert decisions_on(file, TWO_KINDS, f"{A},,too_dark,ignore,,") == ["", "", "ignore", ""]


def test_decision_without_a_kind_settles_all_of_the_image(file: Path) -> None:
    assert decisions_on(file, TWO_KINDS, f"{B},,,keep,,") == ["", "keep", "", "keep"]


def test_dropped_image_has_no_open_finding(file: Path) -> None:
    assert decisions_on(file, TWO_KINDS, f"{A},,too_dark,drop,,") == ["drop", "", "drop", ""]


def test_the_decision_on_the_kind_itself_is_named(file: Path) -> None:
    rows = (f"{A},,blurry,ignore,,soft", f"{A},,too_dark,drop,,black")
    decided = decide(TWO_KINDS, located(file, *rows).rows)
    assert decided[["decision", "reason"]].to_numpy().tolist() == [
        ["ignore", "soft"],
        ["", ""],
        ["drop", "black"],
        ["", ""],
    ]


def test_class_and_image_of_one_name_are_not_confused(file: Path) -> None:
    findings = pd.concat([findings_of(BLURRY, label=["cat"]), findings_of(BLURRY, item_id=[0])])
    assert decisions_on(file, findings, ",,blurry,ignore,cat,") == ["ignore", ""]


def test_no_findings_are_decided(file: Path) -> None:
    assert decisions_on(file, no_findings(), f"{A},,,drop,,") == []

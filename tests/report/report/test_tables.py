from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from analysis.report.report.tables import as_text, make_table, read_as_text, write_spreadsheet


def table_of(frame: pd.DataFrame, *, max_rows: int = 10, **options):
    return make_table(frame, caption="", download="x.csv", max_rows=max_rows, **options)


def texts(frame: pd.DataFrame) -> list[list[str]]:
    return [[cell.text for cell in row] for row in table_of(frame).rows]


def test_read_as_text_keeps_cells_as_written(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text('label,n\n007,1\nNA,\n"a,""b""",1e3\n', encoding="utf-8")
    assert read_as_text(tmp_path / "t.csv").to_numpy().tolist() == [
        ["007", "1"],
        ["NA", ""],
        ['a,"b"', "1e3"],
    ]


def test_read_as_text_of_no_rows_keeps_the_columns(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("label,n_images\n", encoding="utf-8")
    table = table_of(read_as_text(tmp_path / "t.csv"))
    assert [column.title for column in table.columns] == ["Label", "Images"]
    assert (table.rows, table.n_rows) == ([], 0)


def test_make_table_formats_numbers_and_keeps_what_to_sort_by() -> None:
    table = table_of(pd.DataFrame({"n_images": ["1300", ""], "train_fraction": ["0.0005", "0.5"]}))
    assert [column.layout for column in table.columns] == ["number", "number"]
    assert [(cell.text, cell.value) for cell in table.rows[0]] == [("1,300", "1300"), ("<0.1%", "0.0005")]
    assert (table.rows[1][0].text, table.rows[1][0].value) == ("–", "")


def test_make_table_leaves_labels_alone_even_if_they_are_numbers() -> None:
    frame = pd.DataFrame({"label": ["1000", "7"], "predicted_label": ["01", "2"], "item_id": ["1000", "7"]})
    assert texts(frame) == [["1000", "01", "1000"], ["7", "2", "7"]]
    assert [column.layout for column in table_of(frame).columns] == ["text", "text", "number"]


def test_make_table_shows_mixed_and_empty_columns_as_text() -> None:
    assert texts(pd.DataFrame({"a": ["1", "x"], "b": ["", ""]})) == [["1", "–"], ["x", "–"]]


def test_make_table_gives_room_to_columns_of_long_text() -> None:
    frame = pd.DataFrame({"detail": ["a sentence of some length, as details are"], "split": ["train"]})
    assert [column.layout for column in table_of(frame).columns] == ["long", "text"]


def test_make_table_is_bounded_and_knows_the_whole() -> None:
    frame = pd.DataFrame({"n": [str(i) for i in range(50)]})
    table = table_of(frame, max_rows=5)
    assert (len(table.rows), table.n_rows) == (5, 50)
    assert table_of(frame, max_rows=5, n_rows=70).n_rows == 70


def test_make_table_links_the_cells_of_a_column() -> None:
    frame = pd.DataFrame({"path": ["a.png", "b.png"], "split": ["train", "test"]})
    table = table_of(frame, links={"path": ["../a.png", ""]})
    assert [[cell.href for cell in row] for row in table.rows] == [["../a.png", ""], ["", ""]]


def test_as_text_writes_missing_values_as_nothing_and_rounds() -> None:
    frame = pd.DataFrame(
        {
            "item_id": pd.array([3, pd.NA], "Int64"),
            "label": pd.array(["a", pd.NA], "string"),
            "split": pd.Categorical(["test", None]),
            "score": [0.123456, 1.0],
        }
    )
    assert as_text(frame).to_numpy().tolist() == [["3", "a", "test", "0.1235"], ["", "", "", "1.0"]]


@pytest.mark.parametrize("text", ["1e" + "9" * 30, "12345678e" + "9" * 23, "0" * 8 + "e" + "7" * 23])
def test_content_hash_that_looks_like_a_huge_number_is_text(tmp_path: Path, text: str) -> None:
    frame = pd.DataFrame({"value": [text]})
    assert texts(frame) == [[text]]
    write_spreadsheet(frame, tmp_path / "t.csv")
    assert read_as_text(tmp_path / "t.csv")["value"].tolist() == [text]


def test_write_spreadsheet_disarms_formulas_but_not_numbers(tmp_path: Path) -> None:
    cells = ["=1+1", "+1", "-1", "-1e5", "-x", "@sum", "\t=1", "a=b", "", "007"]
    write_spreadsheet(pd.DataFrame({"label": cells}), tmp_path / "t.csv")
    expected = ["'=1+1", "+1", "-1", "-1e5", "'-x", "'@sum", "'\t=1", "a=b", "", "007"]
    assert read_as_text(tmp_path / "t.csv")["label"].tolist() == expected

"""What a stage is handed of a declared input."""

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analysis.pipeline.arguments import read_input


@pytest.mark.parametrize("labels", [[None, None], []])
def test_a_column_of_blank_classes_stays_one_of_classes(tmp_path, labels):
    file = tmp_path / "manifest.parquet"
    split = pd.Categorical(["train"] * len(labels), ["train", "test"])
    table = pd.DataFrame({"item_id": range(len(labels)), "label": pd.Categorical(labels), "split": split})
    pq.write_table(pa.Table.from_pandas(table, preserve_index=False), file)
    assert pd.read_parquet(file)["label"].dtype != "category"  # else there is nothing to mend
    read = read_input(file)
    assert read["label"].dtype == "category"
    assert read["label"].isna().all()
    assert list(read["split"].cat.categories) == (["train", "test"] if labels else [])
    assert read["item_id"].dtype == "int64"


def test_a_table_that_pandas_did_not_write_is_read_as_it_is(tmp_path):
    pq.write_table(pa.table({"label": ["007", None]}), tmp_path / "other.parquet")
    assert read_input(tmp_path / "other.parquet")["label"].tolist() == ["007", None]


def test_labels_of_a_spreadsheet_are_text(tmp_path):
    (tmp_path / "per_class.csv").write_text("label,n\n007,1\nNA,2\n", encoding="utf-8")
    assert read_input(tmp_path / "per_class.csv")["label"].tolist() == ["007", "NA"]

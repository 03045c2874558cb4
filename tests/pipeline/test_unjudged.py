from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.pipeline.unjudged import reason_in, write_reason

REASON = 'the training images are all of one class, "a, b"\nand no more: é'


@pytest.mark.parametrize("name", ["table.parquet", "table.csv", "array.npy", "model.pt"])
def test_reason_is_read_as_it_was_written(tmp_path: Path, name: str) -> None:
    write_reason(REASON, tmp_path / name)
    assert reason_in(tmp_path / name) == REASON


def test_files_that_hold_a_reason_are_well_formed(tmp_path: Path) -> None:
    for name in ("table.parquet", "table.csv", "array.npy", "metrics.json"):
        write_reason(REASON, tmp_path / name)
    assert pd.read_parquet(tmp_path / "table.parquet").to_numpy().tolist() == [[REASON]]
    assert pd.read_csv(tmp_path / "table.csv").to_numpy().tolist() == [[REASON]]
    assert REASON in str(np.load(tmp_path / "array.npy", allow_pickle=False))
    assert (tmp_path / "metrics.json").read_text() == "{}\n"


def test_nothing_else_is_taken_for_a_reason(tmp_path: Path) -> None:
    pd.DataFrame({"unjudged": [1], "x": [2]}).to_parquet(tmp_path / "a.parquet")
    pd.DataFrame({"unjudged_images": [1]}).to_csv(tmp_path / "a.csv", index=False)
    np.save(tmp_path / "text.npy", np.array(["unjudged: x", "y"]))
    np.save(tmp_path / "numbers.npy", np.zeros((2, 3)))
    (tmp_path / "model.pt").write_bytes(b"PK\x03\x04\xff\xfe")
    (tmp_path / "metrics.json").write_text("{}\n")
    found = {path.name: reason_in(path) for path in [*tmp_path.iterdir(), tmp_path / "absent.csv", tmp_path]}
    assert set(found.values()) == {""}

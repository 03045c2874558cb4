import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure as Drawing

from analysis.contract import Artifacts, Figure
from analysis.pipeline.dag import Stage
from analysis.pipeline.outputs import OutputWriter

OUTS = (Path("out/listed.csv"), Path("out/kept.parquet"), Path("out/figures"))
STAGE = Stage("probe", "python -m made.obtain.probe", "", deps=(), outs=OUTS, metrics=(), parameters={})
ROWS = pd.DataFrame(
    {
        "path": ["/me/photos/cat/1.png", None, "/me/photos/=1.png", "/srv/2.png"],
        "path_b": [None] * 4,
        "label": "/me/photos/x",
        "detail": ["copy of /me/photos/dog/3.png", "", None, "3/4"],
    },
    index=[0, 1, 1, 0],
)
FOR_PEOPLE = [
    "path,path_b,label,detail",
    "cat/1.png,,/me/photos/x,copy of dog/3.png",
    ",,/me/photos/x,",
    "'=1.png,,/me/photos/x,",
    "/srv/2.png,,/me/photos/x,3/4",
]


def test_csv_names_files_from_the_root_of_the_dataset_and_runs_no_formula(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    figure = Figure("shown", "", "", Drawing(), table=ROWS)
    made = Artifacts(tables={"listed": ROWS, "kept": ROWS}, figures=[figure])
    OutputWriter(STAGE, root="/me/photos").write(made)
    assert Path("out/listed.csv").read_text().splitlines() == FOR_PEOPLE
    assert Path("out/figures/shown.csv").read_text().splitlines() == FOR_PEOPLE
    pd.testing.assert_frame_equal(pd.read_parquet("out/kept.parquet"), ROWS.reset_index(drop=True))


def test_figures_have_the_digits_that_hold_on_every_machine(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    stage = replace(STAGE, outs=(Path("out/listed.csv"), Path("out/metrics.json")))
    rows = pd.DataFrame({"share": [0.123456789, 2 / 3, float("nan")], "n_bytes": [123456789.0, 1e6, 0.0]})
    metrics = {"accuracy": 0.98607242339, "n": 123456789, "tiny": -1.23456e-9, "none": float("nan")}
    OutputWriter(stage, root="").write(Artifacts(tables={"listed": rows}, metrics=metrics))
    assert json.loads(Path("out/metrics.json").read_text()) == {
        "accuracy": 0.9861,
        "n": 123456789,
        "tiny": -1.235e-09,
        "none": None,
    }
    assert Path("out/listed.csv").read_text().splitlines() == [
        "share,n_bytes",
        "0.123457,123456789",
        "0.666667,1000000",
        ",0",
    ]

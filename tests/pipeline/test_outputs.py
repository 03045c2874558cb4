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

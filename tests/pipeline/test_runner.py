"""A stage is run as the runner runs it: in a workspace, by its module, from what dvc.yaml declares."""

import importlib
import json
import sys

import numpy as np
import pandas as pd
import pytest

from analysis.pipeline.run_records import read_run_records
from analysis.pipeline.runner import run_stage

DAG = """
stages:
  probe:
    cmd: python -m made.obtain.probe
    deps:
    - data/rows.csv
    - src/made/obtain/probe
    params: [probe, seed]
    outs:
    - data/doubled.parquet: {persist: true}
    - data/cube.npy: {persist: true}
    - analysis_outputs/probe/findings.parquet: {persist: true}
    - analysis_outputs/probe/section.json: {persist: true}
    - analysis_outputs/probe/extra: {persist: true}
    metrics:
    - analysis_outputs/probe/metrics.json: {cache: false, persist: true}
"""

HEAD = """
from pathlib import Path
import numpy as np
import pandas as pd
from analysis.contract import Artifacts, FindingKind, InputError, NothingToJudgeError, findings_of
from made.obtain.probe.parameters import ProbeParameters
def tables(n):
    cube = np.arange(n * 4, dtype=np.uint8).reshape(n, 2, 2)
    return {"doubled": pd.DataFrame({"x": range(n)}), "cube": cube}
"""

PARAMETERS = """
from analysis.contract import StageParameters
class ProbeParameters(StageParameters):
    factor: int
"""

PLAIN = """
def probe(rows, parameters: ProbeParameters, seed, extra: Path, inputs):
    (extra / "note.txt").write_text(f"{seed} {sorted(inputs)}")
    kind = FindingKind(name="odd", title="Odd", severity="low", why="why", action="what")
    found = findings_of(kind, item_id=[1, 0], score=[0.2, 0.9])
    return Artifacts(
        "3 rows", {"n": np.int64(3), "nothing": float("nan")}, tables(len(rows) * parameters.factor),
        findings=found, kinds=[kind], notes=["a note"],
    )
"""


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    (tmp_path / ".dvc").mkdir()
    (tmp_path / ".dvc" / "config").write_text("[core]\n    no_scm = True\n")
    (tmp_path / "dvc.yaml").write_text(DAG)
    (tmp_path / "params.yaml").write_text("seed: 7\nprobe: {factor: 2}\n")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "rows.csv").write_text("a\n1\n2\n3\n")
    folder = tmp_path / "src" / "made" / "obtain" / "probe"
    folder.mkdir(parents=True)
    (folder / "parameters.py").write_text(PARAMETERS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path / "src")
    monkeypatch.setattr(sys, "argv", ["probe"])
    return tmp_path


def run(workspace, body):
    """Run the stage with this source."""
    (workspace / "src" / "made" / "obtain" / "probe" / "stage.py").write_text(HEAD + body)
    for name in [name for name in sys.modules if name.split(".")[0] == "made"]:
        del sys.modules[name]
    importlib.invalidate_caches()
    run_stage(importlib.import_module("made.obtain.probe.stage").probe)


def contents(workspace):
    files = [file for top in ("data", "analysis_outputs") for file in (workspace / top).rglob("*")]
    return {str(file.relative_to(workspace)): file.read_bytes() for file in files if file.is_file()}


def test_every_declared_output_is_written(workspace, capsys):
    run(workspace, PLAIN)
    folder = workspace / "analysis_outputs" / "probe"
    assert capsys.readouterr().out.startswith("probe: 3 rows, ")
    assert list(pd.read_parquet("data/doubled.parquet")["x"]) == [0, 1, 2, 3, 4, 5]
    assert np.load("data/cube.npy").shape == (6, 2, 2)
    assert json.loads((folder / "metrics.json").read_text()) == {"n": 3, "nothing": None}
    assert json.loads((folder / "section.json").read_text())["notes"] == ["a note"]
    assert (folder / "extra" / "note.txt").read_text() == "7 ['rows']"
    findings = pd.read_parquet(folder / "findings.parquet")
    assert list(findings["item_id"]) == [0, 1]  # worst first
    assert set(findings["stage"]) == {"probe"}
    assert not list(workspace.rglob(".partial"))


def test_folder_without_files_says_so_in_a_file_because_dvc_warns_of_empty_ones(workspace):
    run(workspace, PLAIN.replace('(extra / "note.txt").write_text(f"{seed} {sorted(inputs)}")', ""))
    folder = workspace / "analysis_outputs" / "probe" / "extra"
    assert [file.name for file in folder.iterdir()] == ["empty.txt"]
    assert (folder / "empty.txt").read_text() == "probe had nothing to put here.\n"
    run(workspace, PLAIN)
    assert [file.name for file in folder.iterdir()] == ["note.txt"]


def test_stage_that_fails_with_results_writes_them_first(workspace, capsys):
    with pytest.raises(SystemExit) as error:
        run(workspace, PLAIN.replace('notes=["a note"]', 'notes=["a note"], failure="the gate is shut"'))
    assert error.value.code == "probe: the gate is shut"
    assert capsys.readouterr().out.startswith("probe: 3 rows, ")
    assert json.loads((workspace / "analysis_outputs" / "probe" / "metrics.json").read_text())["n"] == 3
    assert not list(workspace.rglob(".partial"))


UNJUDGED = """
def probe(rows, extra: Path):
    (extra / "begun.txt").write_text("begun")
    yield {"cube": np.zeros((2, 2, 2))}
    raise NothingToJudgeError("all rows are one")
"""
AFTER = """
  after:
    cmd: python -m made.obtain.after
    deps:
    - data/doubled.parquet
    - data/rows.csv
    outs:
    - data/after.csv
"""
AFTER_STAGE = """
from analysis.contract import Artifacts
import pandas as pd
def after(rows, doubled%s):
    return Artifacts(tables={"after": pd.DataFrame({"doubled_is_there": [doubled is not None]})})
"""


def test_stage_with_nothing_to_judge_writes_the_reason_into_each_output(workspace, capsys):
    run(workspace, UNJUDGED)
    folder = workspace / "analysis_outputs" / "probe"
    assert capsys.readouterr().out.startswith("probe: nothing to judge, since all rows are one, ")
    assert pd.read_parquet("data/doubled.parquet").to_numpy().tolist() == [["all rows are one"]]
    assert str(np.load("data/cube.npy")) == "unjudged: all rows are one"
    assert [file.read_text() for file in (folder / "extra").iterdir()] == ["all rows are one\n"]
    assert json.loads((folder / "metrics.json").read_text()) == {}
    section = json.loads((folder / "section.json").read_text())
    assert (section["unjudged"], section["notes"]) == ("all rows are one", [])
    assert pd.read_parquet(folder / "findings.parquet").empty
    assert not list(workspace.rglob(".partial"))
    run(workspace, PLAIN)
    assert "unjudged" not in json.loads((folder / "section.json").read_text())


@pytest.mark.parametrize(
    ("default", "expected"),
    [("", ["unjudged", "all rows are one"]), ("=None", ["doubled_is_there", "False"])],
    ids=["needed", "not needed"],
)
def test_stage_after_one_that_judged_nothing(workspace, monkeypatch, default, expected):
    run(workspace, UNJUDGED)
    (workspace / "dvc.yaml").write_text(DAG.rstrip() + "\n" + AFTER)
    folder = workspace / "src" / "made" / "obtain" / "after"
    folder.mkdir()
    (folder / "stage.py").write_text(AFTER_STAGE % default)
    monkeypatch.setattr(sys, "argv", ["after"])
    run_stage(importlib.import_module("made.obtain.after.stage").after)
    assert (workspace / "data" / "after.csv").read_text().splitlines() == expected


def test_stage_may_write_its_tables_and_say_that_it_judged_nothing(workspace, capsys):
    run(workspace, PLAIN.replace('notes=["a note"]', 'notes=["a note"], unjudged="there are two rows"'))
    assert capsys.readouterr().out.startswith("probe: 3 rows, since there are two rows, ")
    section = json.loads((workspace / "analysis_outputs" / "probe" / "section.json").read_text())
    assert section["unjudged"] == "there are two rows"
    assert len(pd.read_parquet("data/doubled.parquet")) == 6


def test_two_runs_give_the_same_bytes_even_after_a_comment(workspace):
    run(workspace, PLAIN)
    before = contents(workspace)
    run(workspace, PLAIN + "\n# a remark\n")
    assert contents(workspace) == before


def test_parts_of_a_generator_are_the_whole(workspace):
    run(workspace, "\ndef probe(extra: Path): return Artifacts(tables=tables(5))\n")
    expected = contents(workspace)
    parts = """
def probe(extra: Path):
    for start, end in [(0, 1), (1, 4), (4, 5)]:
        yield {name: table[start:end] for name, table in tables(5).items()}
    return Artifacts()
"""
    run(workspace, parts)
    pd.testing.assert_frame_equal(pd.read_parquet("data/doubled.parquet"), pd.DataFrame({"x": range(5)}))
    assert np.array_equal(np.load("data/cube.npy"), np.arange(20, dtype=np.uint8).reshape(5, 2, 2))
    assert set(contents(workspace)) == set(expected)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            "def probe(rowz, extra: Path): pass",
            "asks for 'rowz', which its block in dvc.yaml does not declare",
        ),
        (
            "def probe(extra: Path): return Artifacts(tables=tables(1) | {'more': 1})",
            "dvc.yaml does not declare",
        ),
        ("def probe(extra: Path): raise InputError('mend this')", "probe: mend this"),
        ("def probe(extra: Path): Path('/proc/none').write_text('')", "cannot read or write /proc/none"),
    ],
)
def test_failure_is_one_sentence_and_leaves_earlier_outputs(workspace, body, message):
    run(workspace, PLAIN)
    before = contents(workspace)
    with pytest.raises(SystemExit) as stopped:
        run(workspace, f"\n{body}\n")
    assert message in stopped.value.code
    after = contents(workspace)
    assert {name: after[name] for name in before} == before


def test_parameters_of_every_stage_are_checked_before_any_work(workspace):
    (workspace / "params.yaml").write_text("seed: 7\nprobe: {factr: 2}\n")
    with pytest.raises(SystemExit, match=r"unknown key 'probe.factr', did you mean 'factor'"):
        run(workspace, PLAIN)
    assert set(contents(workspace)) == {"data/rows.csv"}


REUSING = """
def probe(extra: Path, previous_doubled=None, previous_cube=None):
    given = {"doubled": previous_doubled, "cube": previous_cube}
    known = [name for name, value in given.items() if value is not None]
    return Artifacts(" and ".join(known) or "none", {}, tables(2))
"""


def known_before(workspace, capsys, body=REUSING):
    run(workspace, body)
    return capsys.readouterr().out.removeprefix("probe: ").split(",")[0]


def test_previous_outputs_are_given_to_the_same_code_alone(workspace, capsys):
    assert known_before(workspace, capsys) == "none"
    assert known_before(workspace, capsys) == "doubled and cube"
    assert known_before(workspace, capsys, REUSING + "\n# changed\n") == "none"


def test_previous_outputs_are_given_under_the_same_parameters_alone(workspace, capsys):
    known_before(workspace, capsys)
    (workspace / "params.yaml").write_text("seed: 8\nprobe: {factor: 2}\n")
    assert known_before(workspace, capsys) == "none"


def test_previous_output_that_is_not_what_was_written_is_not_given(workspace, capsys):
    known_before(workspace, capsys)
    pd.DataFrame({"x": [1]}).to_parquet("data/doubled.parquet")
    assert known_before(workspace, capsys) == "none"  # nor the other, which goes with it row by row
    (workspace / "data" / "cube.npy").write_bytes(b"half")
    assert known_before(workspace, capsys) == "none"
    assert known_before(workspace, capsys) == "doubled and cube"


def test_run_is_remembered_outside_the_outputs(workspace):
    run(workspace, PLAIN)
    record = read_run_records()["probe"]
    assert record["summary"] == "3 rows"
    assert record["seconds"] >= 0


def test_call_that_is_in_no_stage_names_those_there_are(workspace, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["probe", "again"])
    with pytest.raises(SystemExit, match=r"no stage in dvc.yaml runs 'python -m made.obtain.probe again'"):
        run(workspace, PLAIN)


def test_files_of_one_stem_are_told_apart_by_their_folders(workspace):
    inputs = "    - data/rows.csv\n    - more/rows.csv\n    - data/probe\n"
    (workspace / "dvc.yaml").write_text(DAG.replace("    - data/rows.csv\n", inputs))
    (workspace / "more").mkdir()
    (workspace / "more" / "rows.csv").write_text("a\n1\n")
    (workspace / "data" / "probe").mkdir()
    run(workspace, PLAIN.replace("probe(rows", "probe(data_rows, more_rows").replace("(rows)", "(more_rows)"))
    note = workspace / "analysis_outputs" / "probe" / "extra" / "note.txt"
    assert note.read_text() == "7 ['data_rows', 'more_rows', 'probe']"
    assert len(pd.read_parquet("data/doubled.parquet")) == 2

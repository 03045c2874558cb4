from pathlib import Path

import pytest

from analysis.contract import InputError
from analysis.pipeline.dag import and_after, load_stages, producers, user_data

DAG = """
vars:
- folder: data
stages:
  last:
    cmd: python -m toy.report.last
    deps:
    - ${folder}/a
    - out/train_deep-net
    - src/toy/report/last.py
    - photos
    params: [last]
    outs: [site]
  train:
    matrix:
      net: [deep-net, flat]
    desc: How good is ${item.net}?
    cmd: python -m toy.model.train ${item.net}
    deps: [data/a/b.csv]
    params: [train, seed]
    outs:
    - out/train_${item.net}/model.pt
    metrics:
    - out/train_${item.net}/metrics.json: {cache: false}
  first:
    cmd: python -m toy.obtain.first
    deps: [photos]
    outs: [data/a/b.csv]
"""


@pytest.fixture
def workspace(tmp_path):
    (tmp_path / ".dvc").mkdir()
    (tmp_path / ".dvc" / "config").write_text("[core]\n    no_scm = True\n")
    (tmp_path / "dvc.yaml").write_text(DAG)
    (tmp_path / "params.yaml").write_text("seed: 1\ntrain: {epochs: 2}\nlast: {title: x}\n")
    return tmp_path


@pytest.fixture
def stages(workspace):
    return load_stages(workspace)


def test_stages_come_upstream_first_and_else_as_written(stages):
    assert list(stages) == ["first", "train@deep-net", "last", "train@flat"]


def test_templates_and_matrices_are_resolved(stages):
    train = stages["train@deep-net"]
    assert train.command == "python -m toy.model.train deep-net"
    assert train.description == "How good is deep-net?"
    assert train.outs == (Path("out/train_deep-net/model.pt"), Path("out/train_deep-net/metrics.json"))
    assert train.metrics == (Path("out/train_deep-net/metrics.json"),)
    assert train.parameters == {"train": {"epochs": 2}, "seed": 1}
    assert stages["last"].deps[0] == Path("data/a")


def test_names_and_chapters_follow_from_the_command(stages):
    assert stages["train@deep-net"].module_name == "toy.model.train"
    assert stages["train@deep-net"].chapter == "Model"
    assert stages["train@deep-net"].rule_name == "train_deep_net"
    assert stages["first"].chapter == "Obtain"


def test_producers_are_found_for_a_folder_above_a_file_below_and_the_output_itself(stages):
    assert producers(stages, Path("data/a")) == ["first"]
    assert producers(stages, Path("data/a/b.csv")) == ["first"]
    assert producers(stages, Path("site/index.html")) == ["last"]
    assert set(producers(stages, Path("out"))) == {"train@deep-net", "train@flat"}
    assert producers(stages, Path("photos")) == []
    assert producers(stages, Path("data/ab")) == []


def test_user_data_is_neither_made_nor_code(stages):
    assert user_data(stages, stages["last"]) == [Path("photos")]
    assert user_data(stages, stages["train@flat"]) == []


def test_and_after_follows_every_path_downstream(stages):
    assert and_after(stages, ["first"]) == set(stages)
    assert and_after(stages, ["train@deep-net"]) == {"train@deep-net", "last"}
    assert and_after(stages, ["train@flat"]) == {"train@flat"}
    assert and_after(stages, []) == set()


def test_stages_are_named_alike_from_any_folder(workspace, stages, monkeypatch):
    monkeypatch.chdir(workspace)
    assert load_stages() == stages


# ---- what DVC resolved is remembered ---------------------------------------------------------------------
PLAIN_DAG = DAG.replace("vars:\n- folder: data\n", "").replace("${folder}", "data")


def test_remembered_stages_are_those_that_dvc_resolves(workspace, monkeypatch):
    (workspace / "dvc.yaml").write_text(PLAIN_DAG)
    first = load_stages(workspace)
    monkeypatch.setattr("analysis.pipeline.dag._resolved", lambda workspace: pytest.fail("resolved again"))
    assert load_stages(workspace) == first
    assert list(load_stages(workspace)) == list(first)


@pytest.mark.parametrize("file", ["dvc.yaml", "params.yaml"])
def test_stages_are_resolved_anew_when_a_source_changes(workspace, file):
    (workspace / "dvc.yaml").write_text(PLAIN_DAG)
    load_stages(workspace)
    changed = (workspace / file).read_text().replace("deep-net", "wide-net").replace("epochs: 2", "epochs: 3")
    (workspace / file).write_text(changed)
    stages = load_stages(workspace)
    assert ("train@wide-net" in stages) == (file == "dvc.yaml")
    assert stages["train@flat"].parameters["train"]["epochs"] == (3 if file == "params.yaml" else 2)


def test_variables_from_elsewhere_are_not_remembered(workspace):
    load_stages(workspace)
    assert not (workspace / ".deepsight").exists()


def test_broken_parameters_are_one_sentence_with_the_line(workspace):
    (workspace / "params.yaml").write_text("train: [\n")
    with pytest.raises(InputError, match=r"params\.yaml.*line 2"):
        load_stages(workspace)


def test_folder_that_is_no_workspace_is_named(tmp_path):
    with pytest.raises(InputError, match="not inside of a DVC repository"):
        load_stages(tmp_path)


# ---- dvc.lock in the middle of being written -------------------------------------------------------------
def test_stages_wait_for_a_lock_file_that_is_being_written(workspace, monkeypatch):
    lock = workspace / "dvc.lock"
    lock.write_text("stages:\n  first:\n    cmd: pyth")
    monkeypatch.setattr(
        "analysis.pipeline.dag.time.sleep", lambda _: lock.write_text("schema: '2.0'\nstages: {}\n")
    )
    assert "first" in load_stages(workspace)


def test_lock_file_that_stays_broken_is_named(workspace, monkeypatch):
    (workspace / "dvc.lock").write_text("stages:\n  first:\n    cmd: pyth")
    monkeypatch.setattr("analysis.pipeline.dag.SECONDS_BETWEEN_READS", 0)
    with pytest.raises(InputError, match=r"dvc\.lock"):
        load_stages(workspace)

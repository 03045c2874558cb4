"""Run on one engine, continue on the other: what one has done, the other takes as done."""

import shutil

import pytest
import yaml

pytestmark = pytest.mark.slow

CLEAN = "Data and pipelines are up to date."
OTHER = {"dvc": "snakemake", "snakemake": "dvc"}


def test_the_other_engine_has_nothing_to_do(engine, workspace):
    assert workspace.plan() == []
    assert workspace.status() == CLEAN
    assert workspace.run(OTHER[engine]).stages == []


def test_a_change_made_under_one_engine_is_done_for_the_other(engine, workspace):
    workspace.replace("params.yaml", "at_least: 0", "at_least: 4")
    workspace.run(engine)
    workspace.replace("params.yaml", "at_least: 4", "at_least: 5")
    workspace.run(OTHER[engine])
    assert workspace.plan() == []
    workspace.replace("params.yaml", "at_least: 5", "at_least: 4")  # as this engine left it, not as it is now
    assert workspace.plan() == ["measure@letters", "measure@vowels-only", "report"]
    workspace.run(engine)
    assert workspace.plan() == []
    assert workspace.status() == CLEAN


def test_outputs_that_dvc_restores_are_as_good_as_run(workspace):
    shutil.rmtree(workspace.root / "analysis_outputs" / "report")
    (workspace.root / "data" / "items.parquet").unlink()
    workspace.call("dvc", "checkout")
    assert workspace.plan() == []


def test_both_engines_make_the_same_outputs_and_record_them_alike(fresh, tmp_path):
    other = type(fresh)(shutil.copytree(fresh.root, tmp_path / "other", symlinks=True))
    fresh.run("dvc")
    other.run("snakemake")
    assert fresh.outputs() == other.outputs()
    locks = [yaml.safe_load((w.root / "dvc.lock").read_text(encoding="utf-8")) for w in (fresh, other)]
    assert locks[0] == locks[1]


def test_without_dvc_commit_the_cache_waits_for_it(fresh):
    later = ["--config", "dvc_commit=false"]
    fresh.run("snakemake", *later)
    assert not (fresh.root / ".dvc" / "cache" / "files").exists()
    assert fresh.run("snakemake", *later).stages == []
    fresh.call("dvc", "commit", "--force")
    assert fresh.status() == CLEAN
    assert (fresh.root / ".dvc" / "cache" / "files").exists()


def test_forced_stages_run_although_nothing_changed(fresh):
    fresh.run("snakemake")
    assert fresh.run("snakemake", "--forcerun", "measure_letters").stages == ["measure@letters", "report"]

"""Datasets that DVC cannot hash run under Snakemake, which then looks after them itself."""

import os

import pytest

pytestmark = pytest.mark.slow


@pytest.fixture
def dangling(fresh):
    (fresh.root / "texts" / "gone.txt").symlink_to("/nowhere/gone.txt")
    return fresh


def test_snakemake_runs_what_dvc_cannot_hash(dangling):
    first = dangling.run("snakemake")
    assert first.code == 0, first.output
    assert "texts/gone.txt is a link that leads nowhere" in first.output
    assert first.stages == ["collect", "measure@letters", "measure@vowels-only", "report"]
    assert dangling.plan() == []


def test_change_in_the_dataset_is_seen_all_the_same(dangling):
    dangling.run("snakemake")
    dangling.replace("texts/deep/b.txt", "three", "fourteen")
    assert dangling.run("snakemake").stages == ["collect", "measure@letters", "measure@vowels-only", "report"]
    assert dangling.plan() == []


def test_changed_parameter_of_the_stage_is_seen_all_the_same(dangling):
    dangling.run("snakemake")
    (dangling.root / "texts" / "deep").rename(dangling.root / "deep")
    dangling.replace("params.yaml", "path: texts", "path: deep")
    (dangling.root / "deep" / "loop").symlink_to("loop")
    assert dangling.run("snakemake").stages == ["collect", "measure@letters", "measure@vowels-only", "report"]


def test_same_result_stops_there(dangling):
    dangling.run("snakemake")
    os.utime(dangling.root / "texts" / "a.txt")
    assert dangling.run("snakemake").stages == ["collect"]

from __future__ import annotations

import subprocess
from importlib import metadata
from pathlib import Path

import pytest

from analysis.report.report import provenance
from analysis.report.report.provenance import code_version, flatten, stage_times, versions


def test_flatten_writes_dotted_keys_and_values_as_yaml_does() -> None:
    nested = {"dataset": {"path": "a b", "max": None, "sizes": [1, 2]}, "seed": 0, "fast": True}
    assert flatten(nested) == {
        "dataset.path": "a b",
        "dataset.max": "null",
        "dataset.sizes": "[1, 2]",
        "seed": "0",
        "fast": "true",
    }


def test_stage_times_are_shares_of_the_longest_and_never_invented() -> None:
    records = {"exam": {"seconds": 30.0, "finished": "2026-01-01 00:00:00", "summary": "done"}}
    first, second = stage_times(["intake", "exam"], records)
    assert (first.duration, first.share, first.finished) == ("–", 0, "")
    assert (second.duration, second.share) == ("30 s", 1.0)


def test_stage_times_of_instant_stages_are_no_division_by_nothing() -> None:
    records = {"exam": {"seconds": 0.0, "finished": "", "summary": ""}}
    assert stage_times(["exam"], records)[0].share == 0


def test_versions_are_those_of_the_libraries_we_ask_for() -> None:
    found = versions()
    assert found["pandas"] == metadata.version("pandas")
    assert "torch" in found
    assert "pytest" not in found  # asked for by developers only


def test_code_version_is_the_commit_and_says_if_files_were_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def git(*arguments: str) -> str:
        command = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    source = tmp_path / "src" / "provenance.py"
    source.parent.mkdir()
    source.touch()
    monkeypatch.setattr(provenance, "__file__", str(source))
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert code_version() == "not under version control"
    git("init", "-q")
    git("add", ".")
    git("commit", "-q", "-m", "first")
    commit = git("rev-parse", "HEAD")
    assert code_version() == commit[:12]
    source.write_text("changed")
    assert code_version() == f"{commit[:12]}, with local changes"


def test_code_version_needs_no_git(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert code_version() == "not under version control"

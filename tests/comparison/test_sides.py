"""A commit's files come from git or DVC's cache, and what is in neither is an error that says what to do."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from analysis.comparison.sides import commit_side, folder_side
from analysis.contract import InputError
from analysis.pipeline.dvc_repo import init_repo

MD5 = "0123456789abcdef0123456789abcdef"
METRICS = "analysis_outputs/predict/metrics.json"


def git(*words: str) -> None:
    identity = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
    subprocess.run(["git", *identity, *words], check=True, capture_output=True)


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a commit in which a stage ran, and another accuracy in the workspace since."""
    monkeypatch.chdir(tmp_path)
    git("init", "-q")
    init_repo(tmp_path)
    outs = [{"path": "data/predictions.parquet", "md5": MD5}, {"path": METRICS, "md5": "x"}]
    Path("dvc.yaml").write_text(yaml.safe_dump({"stages": {"predict": {"cmd": "true"}}}))
    Path("dvc.lock").write_text(
        yaml.safe_dump({"stages": {"predict": {"outs": outs}, "gone": {"outs": outs}}})
    )
    Path(METRICS).parent.mkdir(parents=True)
    Path(METRICS).write_text('{"accuracy": 0.5}')
    git("add", "dvc.yaml", "dvc.lock", METRICS)
    git("commit", "-qm", "a run")
    Path(METRICS).write_text('{"accuracy": 0.6}')
    return tmp_path


def test_a_commits_files_are_those_of_git_and_of_the_cache(checkout: Path) -> None:
    cached = checkout / ".dvc" / "cache" / "files" / "md5" / MD5[:2] / MD5[2:]
    cached.parent.mkdir(parents=True)
    cached.write_bytes(b"judged")
    before, after = commit_side("HEAD"), folder_side(Path())
    assert before.metrics(METRICS) == {"accuracy": 0.5}
    assert after.metrics(METRICS) == {"accuracy": 0.6}
    assert before.read("data/predictions.parquet") == b"judged"
    assert before.read("data/nothing.parquet") is None
    assert list(before.stages) == ["predict"]


def test_what_is_in_no_cache_is_named_with_what_to_do(checkout: Path) -> None:
    with pytest.raises(InputError, match=r"predictions.parquet of HEAD is not in DVC's cache.*dvc fetch"):
        commit_side("HEAD").read("data/predictions.parquet")


@pytest.mark.parametrize("revision", ["no-such-branch", "--output=x", "HEAD~9"])
def test_a_commit_that_there_is_not_is_an_input_error(checkout: Path, revision: str) -> None:
    with pytest.raises(InputError, match="no commit"):
        commit_side(revision)


def test_the_program_says_by_its_exit_code_that_it_could_not_compare(checkout: Path) -> None:
    words = [sys.executable, "-m", "analysis.comparison", "no-such-branch"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "has no commit 'no-such-branch'" in done.stderr


def test_a_folder_without_an_audit_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no audit"):
        folder_side(tmp_path)

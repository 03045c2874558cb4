import os
from pathlib import Path

import dvc.dirs
import pytest

from analysis.pipeline.dvc_repo import SHARED_PLACE, init_repo, open_repo


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """This user's folder of caches."""
    monkeypatch.setenv(SHARED_PLACE, "")  # so that what is set in a test ends with it
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "own"))
    return tmp_path / "own" / "deepsight"


def test_shared_folder_that_cannot_be_written_to_gives_way_to_the_user_s(
    tmp_path: Path, own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "taken").write_text("by a file, as even root cannot make a folder in it")
    monkeypatch.setattr(
        dvc.dirs, "site_cache_dir", lambda *_: os.environ[SHARED_PLACE] or f"{tmp_path}/taken"
    )
    (tmp_path / "workspace").mkdir()
    init_repo(tmp_path / "workspace")
    assert open_repo(tmp_path / "workspace").site_cache_dir.startswith(str(own))


def test_shared_folder_is_used_where_it_can_be(
    tmp_path: Path, own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        dvc.dirs, "site_cache_dir", lambda *_: os.environ[SHARED_PLACE] or f"{tmp_path}/shared"
    )
    init_repo(tmp_path)
    assert open_repo(tmp_path).site_cache_dir.startswith(f"{tmp_path}/shared")
    assert not own.exists()

"""The made-up workspace and sites of `made_up_site`, as fixtures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from made_up_site import (
    EXAM,
    INTAKE,
    MAPPER,
    REPORT,
    artifacts,
    make_manifest,
    make_map,
    odd_findings,
    pair_findings,
    render,
    write_outputs,
    write_outputs_with_map,
)


@pytest.fixture
def manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pd.DataFrame:
    """The images of a fresh workspace, which is also the working directory."""
    monkeypatch.chdir(tmp_path)
    return make_manifest(Path("photos/birds"))


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of the made-up workspace, rendered once; tests only read it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("workspace"))
        manifest = make_manifest(Path("photos/birds"))
        write_outputs(artifacts(odd_findings()))
        return render(manifest)


@pytest.fixture(scope="session")
def map_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of the made-up workspace with a map."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("mapped"))
        manifest = make_manifest(Path("photos/birds"))
        write_outputs_with_map(make_map())
        return render(manifest, stages=(INTAKE, MAPPER, EXAM, REPORT))


@pytest.fixture(scope="session")
def pair_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a made-up workspace whose findings each name two images; 7 leads out of the dataset."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("paired"))
        manifest = make_manifest(Path("photos/birds"))
        manifest.loc[7, "status"] = "outside_root"
        write_outputs(artifacts(pair_findings()))
        return render(manifest, thumbnails_per_kind=10, root="photos/birds")


@pytest.fixture
def page(site: Path) -> Callable[[str], str]:
    """Page of the report -> its HTML."""
    return lambda name: (site / f"{name}.html").read_text(encoding="utf-8")

"""A toy pipeline in a workspace of its own, run by the real engines through the real runner and Snakefile."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from analysis.pipeline.workspace import prepare_workspace

HOME = Path(__file__).resolve().parents[2]
TOY = Path(__file__).parent / "toy"

COMMANDS = {"dvc": ["dvc", "repro"], "snakemake": ["snakemake", "--cores", "2"]}
RAN = re.compile(r"^(\S+): .*, \d+\.\d s$", re.MULTILINE)  # the line with which the runner ends a stage
PLANNED = re.compile(r"^Job [1-9]\d*: (\S+): ", re.MULTILINE)  # a job in the output of snakemake -n


@dataclass(frozen=True)
class Run:
    code: int
    output: str

    @property
    def stages(self) -> list[str]:
        """The stages that ran, sorted: those that do not depend on each other may end in any order."""
        return sorted(RAN.findall(self.output))


@dataclass(frozen=True)
class Workspace:
    root: Path

    def start(self, *words: str, **environment: str) -> subprocess.Popen:
        paths = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        sources = f"{self.root / 'src'}{os.pathsep}{HOME / 'src'}"
        return subprocess.Popen(
            [sys.executable, "-m", *words],
            cwd=self.root,
            env=os.environ | {"PYTHONPATH": sources, "PATH": paths} | environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # so that a test can kill all of it
        )

    def call(self, *words: str, **environment: str) -> Run:
        process = self.start(*words, **environment)
        output, _ = process.communicate(timeout=120)
        return Run(process.returncode, output)

    def run(self, engine: str, *options: str, **environment: str) -> Run:
        return self.call(*COMMANDS[engine], *options, **environment)

    def plan(self) -> list[str]:
        """What `snakemake -n` says would run."""
        run = self.call("snakemake", "-n")
        assert run.code == 0, run.output
        return sorted(PLANNED.findall(run.output))

    def status(self) -> str:
        return self.call("dvc", "status").output.strip()

    def replace(self, file: str, old: str, new: str) -> None:
        path = self.root / file
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")

    def run_and_kill(self, engine: str) -> None:
        """SIGKILL for the engine and all that it has started, while `measure` is at work."""
        for trace in self.root.glob("measuring-*"):
            trace.unlink()
        process = self.start(*COMMANDS[engine], TOY_SECONDS="60")
        deadline = time.monotonic() + 60
        while not list(self.root.glob("measuring-*")) and time.monotonic() < deadline:
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        _wait_until_gone(process.pid, deadline)
        assert list(self.root.glob("measuring-*"))

    def outputs(self) -> dict[str, bytes]:
        files = [file for folder in ("data", "analysis_outputs") for file in (self.root / folder).rglob("*")]
        visible = [file for file in files if file.is_file() and not file.name.startswith(".")]
        return {str(file.relative_to(self.root)): file.read_bytes() for file in visible}


def _wait_until_gone(group: int, deadline: float) -> None:
    """Processes that were killed are known to the system until init has heard of it."""
    while time.monotonic() < deadline:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)


def make_workspace(root: Path) -> Workspace:
    shutil.copytree(TOY, root)
    prepare_workspace(root, HOME)
    return Workspace(root)


@pytest.fixture
def fresh(tmp_path: Path) -> Workspace:
    """A toy workspace in which nothing has run."""
    return make_workspace(tmp_path / "toy")


@pytest.fixture(scope="module", params=COMMANDS)
def engine(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def workspace(engine: str, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace in which the engine has run everything. Every test that uses it leaves it up to date."""
    workspace = make_workspace(tmp_path_factory.mktemp("engine") / "toy")
    run = workspace.run(engine)
    assert run.stages == ["collect", "measure@letters", "measure@vowels-only", "report"], run.output
    return workspace

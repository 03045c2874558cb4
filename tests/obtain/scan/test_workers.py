import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import psutil
import pytest
from dying import die, measure_or_die
from PIL import Image

from analysis.contract import InputError
from analysis.obtain.scan import workers
from analysis.obtain.scan.measures import FileMeasures
from analysis.obtain.scan.workers import CRASHED, Workers


def pictures(folder: Path, names: Sequence[str]) -> list[str]:
    for i, name in enumerate(names):
        Image.new("L", (8, 8), i).save(folder / name)
    return [str(folder / name) for name in names]


def test_results_come_in_the_order_of_the_batches(tmp_path: Path) -> None:
    paths = pictures(tmp_path, [f"{i}.png" for i in range(30)])
    batches = [paths[:1], paths[1:20], [], paths[20:21], paths[21:]]
    with Workers() as measuring:
        results = list(measuring.measure(batches, {}))
    assert [len(result.measures) for result in results] == [1, 19, 0, 1, 9]
    levels = [level for result in results for level in result.measures["brightness_mean"] * 255]
    assert levels == pytest.approx(range(30))


def test_no_more_batches_are_taken_than_the_workers_need(tmp_path: Path) -> None:
    taken = []
    batches = (taken.append(i) or pictures(tmp_path, [f"{i}.png"]) for i in range(50))
    with Workers() as measuring:
        next(measuring.measure(batches, {}))
    assert len(taken) <= workers.BATCHES_AHEAD * measuring.n + 1


def test_crash_costs_no_image_but_the_one_that_caused_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "measure_files", measure_or_die)
    names = [f"{i}.png" for i in range(40)]
    names[3], names[4], names[20], names[33] = "segfault.png", "memory.png", "huge.png", "segfault 2.png"
    paths = pictures(tmp_path, names)
    with Workers() as measuring:
        results = list(measuring.measure((paths[i : i + 8] for i in range(0, 40, 8)), {}))
    found = FileMeasures.joined(results)
    crashed = [i for i, error in enumerate(found.columns["error"]) if error == CRASHED]
    assert crashed == [3, 4, 20, 33]
    assert [found.columns["status"][i] for i in crashed] == ["unreadable"] * 4
    levels = found.measures["brightness_mean"] * 255
    assert levels == pytest.approx([0 if i in crashed else i for i in range(40)])


def test_file_tried_alone_is_not_blamed_for_another_that_dies_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "measure_files", measure_or_die)
    os.mkfifo(tmp_path / "go")
    dies, outlives, dies_later = pictures(tmp_path, ["segfault.png", "outlives.png", "dies later.png"])

    def batches() -> Iterator[list[str]]:
        yield [outlives, dies]
        with pytest.raises(BrokenProcessPool):  # the next batch begins in a pool that is sound
            measuring.executor.submit(signal.pause).result()
        yield [dies_later]

    with Workers() as measuring:
        first, second = measuring.measure(batches(), {})
    assert list(first.columns["error"]) == [None, CRASHED]
    assert list(second.columns["error"]) == [CRASHED]


def test_every_worker_runs_before_there_is_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "available_cores", lambda: 3)
    with Workers() as measuring:
        next(measuring.measure([["gone.png"]], {}))
        assert len(grandchildren()) == 3


def test_workers_that_cannot_start_are_no_fault_of_the_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "measure_files", die)
    with Workers() as measuring, pytest.raises(InputError, match="die as they start"):
        next(measuring.measure([["a.png"]], {}))


def test_no_process_starts_without_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "_started", lambda n: pytest.fail("started"))
    with Workers() as measuring:
        assert list(measuring.measure([], {})) == []


PARENT = """
import time
from analysis.obtain.scan.workers import Workers
with Workers() as measuring:
    next(measuring.measure([["gone.png"]] * 9, {}))
    print("ready", flush=True)
    time.sleep(200)
"""


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGINT], ids=["killed", "Ctrl-C"])
def test_workers_end_with_their_parent(ending: signal.Signals) -> None:
    command = [sys.executable, "-c", PARENT]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, start_new_session=True) as parent:
        assert parent.stdout.readline() == b"ready\n"
        family = psutil.Process(parent.pid).children(recursive=True)
        assert len(family) >= 2
        if ending == signal.SIGINT:
            os.killpg(parent.pid, ending)  # as a terminal does, to every process
        else:
            parent.send_signal(ending)
        _, alive = psutil.wait_procs(family, timeout=120)  # a loaded machine takes its time
        assert alive == []
        assert b"Process ForkServer" not in parent.stderr.read()  # no traceback from a worker


def test_abandoned_results_leave_no_worker() -> None:
    with Workers() as measuring:
        next(measuring.measure([["gone.png"]] * 9, {}))
        assert grandchildren()
    assert grandchildren() == []


def grandchildren() -> list[psutil.Process]:
    """The workers; our one child, the fork server, stays for the next ones."""
    return [child for child in psutil.Process().children(recursive=True) if child.ppid() != os.getpid()]

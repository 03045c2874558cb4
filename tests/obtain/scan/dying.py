"""Decoders that take their process down; worker processes import them by name."""

import contextlib
import os
import signal
from collections.abc import Sequence
from pathlib import Path

import psutil

from analysis.dataset.value_range import Ranges
from analysis.obtain.scan.measures import FileMeasures, measure_files


def measure_or_die(paths: Sequence[str], ranges: Ranges) -> FileMeasures:
    """Stands for a decoder that takes its process down: with a bad memory access, or killed for memory."""
    for path in paths:
        if "segfault" in path:
            os.kill(os.getpid(), signal.SIGSEGV)
        if "memory" in path:
            os.kill(os.getpid(), signal.SIGKILL)
        if "huge" in path:
            raise MemoryError
        if "dies later" in path:
            _die_when_told(Path(path).with_name("go"))
        if "outlives" in path and len(paths) == 1:
            _outlive(Path(path).with_name("go"))
    return measure_files(paths, ranges)


def _die_when_told(go: Path) -> None:
    with contextlib.suppress(FileExistsError):
        go.with_name("pid").symlink_to(str(os.getpid()))
        go.read_bytes()
    os._exit(1)


def _outlive(go: Path) -> None:
    """Tell the other to die, and go on when it has."""
    go.write_bytes(b"")
    with contextlib.suppress(psutil.NoSuchProcess):
        psutil.Process(int(str(go.with_name("pid").readlink()))).wait()


def die(paths: Sequence[str], ranges: Ranges) -> FileMeasures:
    os._exit(1)

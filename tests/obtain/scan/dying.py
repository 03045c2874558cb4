"""Decoders that take their process down; worker processes import them by name."""

import os
import signal
from collections.abc import Sequence

from analysis.obtain.scan.measures import FileMeasures, measure_files


def measure_or_die(paths: Sequence[str]) -> FileMeasures:
    """Stands for a decoder that takes its process down: with a bad memory access, or killed for memory."""
    for path in paths:
        if "segfault" in path:
            os.kill(os.getpid(), signal.SIGSEGV)
        if "memory" in path:
            os.kill(os.getpid(), signal.SIGKILL)
        if "huge" in path:
            raise MemoryError
    return measure_files(paths)


def die(paths: Sequence[str]) -> FileMeasures:
    os._exit(1)

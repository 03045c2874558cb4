"""Measures files in worker processes, which a damaged file may take down without ending the run."""

from __future__ import annotations

import ctypes
import multiprocessing.forkserver
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.synchronize import Barrier
from types import TracebackType

import cv2

from analysis.contract import InputError
from analysis.cores import available_cores
from analysis.dataset.value_range import Ranges
from analysis.obtain.scan.measures import FileMeasures, measure_files, no_measures

CRASHED = "the decoder crashed, or memory ran out"
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h
KEPT_BYTES = 2**25  # in each worker
BATCHES_AHEAD = 4  # for each worker, so that none is idle while a part is written


class Workers:
    """One process for each core this one may use; they start when there is work.

    They come from a fork server. Forking this process itself could deadlock, as its libraries run threads;
    fresh interpreters would each import everything and share no memory.

    A worker that dies takes what every other of its pool is about with it, so whom to blame is found in a
    pool of one, which has one file at a time.
    """

    def __init__(self) -> None:
        self.n = available_cores()
        self.executor: ProcessPoolExecutor | None = None
        self.alone: ProcessPoolExecutor | None = None

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for executor in (self.executor, self.alone):
            _end(executor)

    def measure(self, batches: Iterable[Sequence[str]], ranges: Ranges) -> Iterator[FileMeasures]:
        """What `measure_files` makes of each batch of paths, in their order; few are held at a time.

        `ranges` may change meanwhile: each batch gets them as they are when it is handed out.
        """
        waiting: deque[tuple[Sequence[str], Future]] = deque()
        for batch in batches:
            waiting.append((batch, self._submit(batch, ranges)))
            if len(waiting) > BATCHES_AHEAD * self.n:
                yield self._result(*waiting.popleft(), ranges)
        while waiting:
            yield self._result(*waiting.popleft(), ranges)

    def _result(self, batch: Sequence[str], future: Future, ranges: Ranges) -> FileMeasures:
        """What came of a batch. If a worker died, over this one or another, each file is tried by itself."""
        try:
            return future.result()
        except (BrokenProcessPool, MemoryError):
            return FileMeasures.joined([self._measure_alone(path, ranges) for path in batch])

    def _measure_alone(self, path: str, ranges: Ranges) -> FileMeasures:
        if self.alone is None:
            self.alone = _started(1)
        try:
            return self.alone.submit(measure_files, [path], dict(ranges)).result()
        except MemoryError:
            return no_measures(["unreadable"], CRASHED)
        except BrokenProcessPool:
            _end(self.alone)
            self.alone = None
            return no_measures(["unreadable"], CRASHED)

    def _submit(self, paths: Sequence[str], ranges: Ranges) -> Future:
        if self.executor is None:
            self.executor = _started(self.n)
        try:
            return self.executor.submit(measure_files, paths, dict(ranges))
        except BrokenProcessPool:
            _end(self.executor)
            self.executor = _started(self.n)
            return self.executor.submit(measure_files, paths, dict(ranges))


def _started(n: int) -> ProcessPoolExecutor:
    """A pool whose workers all run before there is work.

    CPython 3.11 starts them as work comes in, and waits for ever for one that starts while another dies.
    """
    start_fork_server()
    context = multiprocessing.get_context("forkserver")
    all_run = context.Barrier(n)  # so that none is idle, and each task but the last starts one
    executor = ProcessPoolExecutor(n, context, initializer=_prepare_worker, initargs=(all_run,))
    try:
        for future in [executor.submit(measure_files, [], {}) for _ in range(n + 1)]:
            future.result()
    except BrokenProcessPool as error:  # without any file, so it is no file's fault
        raise InputError("worker processes die as they start: is there enough memory?") from error
    return executor


def _end(executor: ProcessPoolExecutor | None) -> None:
    if executor is not None:
        executor.shutdown(cancel_futures=True)


def start_fork_server() -> None:
    """Have the fork server import what the workers need, while this process goes on with something else."""
    # Workers import the main module again, which is `scan` when the stage runs: here it is done once for all.
    multiprocessing.set_forkserver_preload(["analysis.obtain.scan.measures", "scipy.fft"])
    multiprocessing.forkserver.ensure_running()


def _prepare_worker(all_run: Barrier) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches every process; the parent ends the workers
    # Decoders written in C print their complaints there. The table says what is wrong with which file.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
    cv2.setNumThreads(1)  # one process a core is parallel enough
    _keep_freed_memory()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    all_run.wait()


def _keep_freed_memory() -> None:
    """Have glibc keep what one picture frees for the next: asking the system each time costs a fifth."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)
        libc.mallopt(M_MMAP_THRESHOLD, KEPT_BYTES)


def _end_with_parent() -> None:
    """A parent that is killed cannot end its workers, which would wait for more work for ever."""
    multiprocessing.parent_process().join()
    os._exit(1)

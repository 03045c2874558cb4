"""Sizes and content hashes of files, remembered from run to run so that no unchanged file is read again."""

# Paths are strings here: a Path object per file would double the time on large datasets.
# ruff: noqa: PTH100, PTH116, PTH123

from __future__ import annotations

import errno
import hashlib
import os
import stat
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from analysis.progress import progress

DIGEST_BYTES = 16  # BLAKE2b, 128 bits: two different files among 10^12 agree with a probability of 10^-15
CHUNK_BYTES = 1 << 20
N_THREADS = 8  # they overlap the waiting for disks and networks; there is little to compute
BATCH_FILES = 128  # handed to a thread at once: handing over small files one by one costs more than reading
# A file that changes twice within one tick of the file system's clock keeps its times. What changed less
# than this before we read it is therefore read again next time (git calls such entries "racy").
SETTLED_NS = 2_000_000_000
STAMP = {"path": object, "bytes": "Int64", "mtime_ns": "Int64", "ctime_ns": "Int64"}


def examine_files(paths: Sequence[str], *, memo: Path) -> pd.DataFrame:
    """Size, content hash and status of each file.

    Parameters
    ----------
    paths
        Files as they open from here; symbolic links are followed.
    memo
        Parquet file with the hashes that the last call found. A file whose path, size and times are in it is
        not read. It is replaced; a missing or damaged one costs time only.

    Returns
    -------
    DataFrame
        One row per path, in the given order, with the columns

        - `bytes`: Int64, null where there is no regular file;
        - `content_hash`: BLAKE2b-128 in hexadecimal; null where nothing could be read and where the file is
          empty, so that empty files do not pass for copies of one another;
        - `status`: "ok", "empty", "missing", "symlink_loop", "not_a_file" (a folder, pipe, socket or device;
          these are never opened) or "unreadable" (it is there, but may not be read).
    """
    found = pd.DataFrame([_stamp(path) for path in paths], columns=[*STAMP, "status"]).astype(STAMP)
    known = found.merge(_read_memo(memo), on=[*STAMP], how="left", validate="m:1")
    found["content_hash"] = known["content_hash"].astype(object)

    started_ns = time.time_ns()
    unknown = np.flatnonzero((found["status"] == "ok") & found["content_hash"].isna())
    results = _hash_all(found["path"].iloc[unknown].tolist())
    found.loc[unknown, ["content_hash", "status"]] = np.array(results, dtype=object).reshape(-1, 2)
    _write_memo(memo, found[found["ctime_ns"] < started_ns - SETTLED_NS])
    return found[["bytes", "content_hash", "status"]]


def content_hash(path: str) -> str:
    """BLAKE2b-128 of a file's bytes, in hexadecimal."""
    digest = hashlib.blake2b(digest_size=DIGEST_BYTES)
    with open(path, "rb", buffering=0) as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def status_of(error: OSError) -> str:
    """The status of a file of which the system says this."""
    match error.errno:
        case errno.ENOENT | errno.ENOTDIR:
            return "missing"
        case errno.ELOOP:
            return "symlink_loop"
        case _:
            return "unreadable"


def _stamp(path: str) -> tuple[str, int | None, int | None, int | None, str]:
    """What tells that a file is unchanged, and whether it is a file at all. Nothing is opened here.

    The change time is there because copying tools set the modification time back to that of the original.
    """
    absolute = os.path.abspath(path)
    try:
        found = os.stat(path)
    except OSError as error:
        return absolute, None, None, None, status_of(error)
    if not stat.S_ISREG(found.st_mode):
        return absolute, None, None, None, "not_a_file"
    return absolute, found.st_size, found.st_mtime_ns, found.st_ctime_ns, "ok" if found.st_size else "empty"


def _hash_all(paths: Sequence[str]) -> list[tuple[str | None, str]]:
    """Hash and status of each file, read by threads, in the given order."""
    with ThreadPoolExecutor(max_workers=N_THREADS) as pool:
        batches = [paths[start : start + BATCH_FILES] for start in range(0, len(paths), BATCH_FILES)]
        return list(_with_progress(pool.map(_hash_batch, batches), total=len(paths)))


def _with_progress(
    batches: Iterator[list[tuple[str | None, str]]], *, total: int
) -> Iterator[tuple[str | None, str]]:
    with progress(description="reading files", unit="files", total=total) as bar:
        for batch in batches:
            yield from batch
            bar.update(len(batch))


def _hash_batch(paths: Sequence[str]) -> list[tuple[str | None, str]]:
    return [_hash_or_status(path) for path in paths]


def _hash_or_status(path: str) -> tuple[str | None, str]:
    try:
        return content_hash(path), "ok"
    except OSError as error:
        return None, status_of(error)


def _read_memo(memo: Path) -> pd.DataFrame:
    columns = {**STAMP, "content_hash": object}
    try:
        return pd.read_parquet(memo, columns=[*columns]).astype(columns).drop_duplicates([*STAMP])
    except (OSError, pa.ArrowException, ValueError):  # none yet, or damaged: everything is read again
        return pd.DataFrame({column: [] for column in columns}).astype(columns)


def _write_memo(memo: Path, found: pd.DataFrame) -> None:
    """Only the files of this call are remembered, so the memo grows no larger than the dataset."""
    memo.parent.mkdir(parents=True, exist_ok=True)
    rows = found.loc[found["content_hash"].notna(), [*STAMP, "content_hash"]].drop_duplicates([*STAMP])
    partial = memo.with_suffix(".partial")
    rows.to_parquet(partial, index=False)
    partial.replace(memo)

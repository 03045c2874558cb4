"""Sizes and content hashes of files, remembered from run to run so that unchanged files are not read again."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from tqdm import tqdm

DIGEST_BYTES = 16  # BLAKE2b, 128 bits: two different files among 10^12 collide with probability 10^-15
CHUNK_BYTES = 1 << 20
# A file that changes twice within one tick of the file system's clock can keep its times. What changed less
# than this before we read it is therefore hashed again next time (git calls such entries "racy").
SETTLED_NS = 2_000_000_000
STAMP = ["path", "bytes", "mtime_ns", "ctime_ns"]


def examine_files(paths: Sequence[str], *, memo: Path) -> pd.DataFrame:
    """Size, content hash and state of each file, in the order of `paths`.

    Parameters
    ----------
    paths
        Files as they open from here; symbolic links are followed.
    memo
        Parquet file with what the last call found. It is read if it is whole, and replaced; a missing or
        damaged one costs only time.

    Returns
    -------
    DataFrame with one row a path and the columns

    - `bytes`: Int64, null where there is no regular file;
    - `content_hash`: BLAKE2b-128 in hexadecimal, null where nothing could be read or the file is empty, so
      that empty files do not pass for copies of one another;
    - `status`: "ok", "empty", "missing", "symlink_loop", "not_a_file" (a folder, pipe, socket or device:
      never opened) or "unreadable" (there, but we may not read it).
    """
    stamps = pd.DataFrame([_stamp(path) for path in paths], columns=[*STAMP, "status"])
    stamps = stamps.astype({"bytes": "Int64", "mtime_ns": "Int64", "ctime_ns": "Int64"})
    known = stamps.merge(_read_memo(memo), on=STAMP, how="left", validate="m:1")["content_hash"]
    found = stamps.assign(content_hash=known.astype(object))

    started_ns = time.time_ns()
    unknown = np.flatnonzero((found["status"] == "ok") & found["content_hash"].isna())
    results = _hash_all([paths[i] for i in unknown])
    found.loc[unknown, "content_hash"] = pd.Series([r[0] for r in results], index=unknown, dtype=object)
    found.loc[unknown, "status"] = pd.Series([r[1] for r in results], index=unknown, dtype=object)
    _write_memo(memo, found[found["ctime_ns"] < started_ns - SETTLED_NS])
    return found[["bytes", "content_hash", "status"]]


def content_hash(path: str) -> str:
    """BLAKE2b-128 of a file's bytes, in hexadecimal."""
    digest = hashlib.blake2b(digest_size=DIGEST_BYTES)
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - half the cost of Path.open, per file
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def _stamp(path: str) -> tuple[str, int | None, int | None, int | None, str]:
    """What tells that a file is unchanged, and whether there is a file at all. Nothing is opened."""
    absolute = os.path.abspath(path)  # noqa: PTH100 - does not resolve links, as Path.absolute leaves ".."
    try:
        found = os.stat(path)  # noqa: PTH116
    except OSError as error:
        return absolute, None, None, None, _status_of(error)
    if not stat.S_ISREG(found.st_mode):
        return absolute, None, None, None, "not_a_file"
    status = "ok" if found.st_size else "empty"
    return absolute, found.st_size, found.st_mtime_ns, found.st_ctime_ns, status


def _status_of(error: OSError) -> str:
    match error.errno:
        case errno.ENOENT | errno.ENOTDIR:
            return "missing"
        case errno.ELOOP:
            return "symlink_loop"
        case _:
            return "unreadable"


def _hash_all(paths: Sequence[str]) -> list[tuple[str | None, str]]:
    """Hash and status of each file. Threads overlap the waiting for the disk; hashing releases the lock."""
    with ThreadPoolExecutor(max_workers=min(8, 2 * (os.cpu_count() or 1))) as pool:
        hashes = pool.map(_hash_or_status, paths)
        return list(tqdm(hashes, total=len(paths), desc="reading files", unit="file", delay=2))


def _hash_or_status(path: str) -> tuple[str | None, str]:
    try:
        return content_hash(path), "ok"
    except OSError as error:
        return None, _status_of(error)


def _read_memo(memo: Path) -> pd.DataFrame:
    try:
        known = pd.read_parquet(memo, columns=[*STAMP, "content_hash"])
    except (OSError, pa.ArrowException, ValueError):  # none yet, or damaged: everything is read again
        known = pd.DataFrame({column: [] for column in [*STAMP, "content_hash"]})
    types = {
        "path": object,
        "bytes": "Int64",
        "mtime_ns": "Int64",
        "ctime_ns": "Int64",
        "content_hash": object,
    }
    return known.astype(types).drop_duplicates(STAMP)


def _write_memo(memo: Path, found: pd.DataFrame) -> None:
    """Only the files of this call stay, so the memo grows no larger than the dataset."""
    memo.parent.mkdir(parents=True, exist_ok=True)
    partial = memo.with_name(f"{memo.name}.{os.getpid()}.partial")
    rows = found.loc[found["content_hash"].notna(), [*STAMP, "content_hash"]]
    rows.drop_duplicates(STAMP).to_parquet(partial, index=False)
    partial.replace(memo)

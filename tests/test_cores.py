import builtins
import io
import os
import subprocess
import sys

import pytest

from analysis.cores import available_cores


@pytest.mark.parametrize(
    ("granted", "expected"), [("1", 1), ("2,1", 2), ("999", 3), ("0", 3), ("many", 3), ("", 3)]
)
def test_engine_may_grant_fewer_cores_than_there_are(
    monkeypatch: pytest.MonkeyPatch, granted: str, expected: int
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 5}, raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", granted)
    assert available_cores() == expected


@pytest.mark.parametrize(
    ("quota", "expected"), [("150000 100000", 2), ("50000 100000", 1), ("max 100000", 8)]
)
def test_quota_of_a_container_is_heeded(monkeypatch: pytest.MonkeyPatch, quota: str, expected: int) -> None:
    exists, read = os.path.exists, builtins.open
    place = "/sys/fs/cgroup/cpu.max"
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    monkeypatch.setattr(os.path, "exists", lambda path: path == place or exists(path))
    monkeypatch.setattr(
        builtins,
        "open",
        lambda path, *rest, **more: io.StringIO(quota) if path == place else read(path, *rest, **more),
    )
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert available_cores() == expected


@pytest.mark.parametrize("granted", ["1", "3"])
def test_matrix_products_use_one_thread_whatever_an_engine_grants(granted: str) -> None:
    code = (
        "import analysis, numpy, threadpoolctl as t; "
        "print(*{p['num_threads'] for p in t.threadpool_info() if p['user_api'] == 'blas'})"
    )
    variables = {"OMP_NUM_THREADS": granted, "OPENBLAS_NUM_THREADS": granted}
    result = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | variables, capture_output=True, text=True, check=True
    )
    assert result.stdout.split() == ["1"]

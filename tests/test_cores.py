import os

import pytest

from analysis.cores import available_cores


@pytest.mark.parametrize(
    ("granted", "expected"), [("1", 1), ("2,1", 2), ("999", 3), ("0", 3), ("many", 3), ("", 3)]
)
def test_engine_may_grant_fewer_cores_than_there_are(
    monkeypatch: pytest.MonkeyPatch, granted: str, expected: int
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 5}, raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", granted)
    assert available_cores() == expected


def test_system_without_affinity_counts_its_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert available_cores() == 4

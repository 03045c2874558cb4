"""How many cores this process may use."""

from __future__ import annotations

import os

import joblib


def available_cores() -> int:
    """The cores this process may run on, or fewer where `OMP_NUM_THREADS` says so, as engines set it.

    A container's quota (cgroup) of 1.5 cores counts as 2: more workers than that would wait for one another.
    """
    granted = os.environ.get("OMP_NUM_THREADS", "").split(",")[0]
    cores: int = joblib.cpu_count()
    return min(cores, int(granted)) if granted.isdigit() and int(granted) > 0 else cores

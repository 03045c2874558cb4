"""How many cores this process may use."""

from __future__ import annotations

import os


def available_cores() -> int:
    """The cores this process may run on, or fewer where `OMP_NUM_THREADS` says so, as engines set it."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    granted = os.environ.get("OMP_NUM_THREADS", "").split(",")[0]
    return min(cores, int(granted)) if granted.isdigit() and int(granted) > 0 else cores

"""Where torch computes: which device, and on how many cores."""

from __future__ import annotations

import torch

from analysis.contract import InputError
from analysis.cores import available_cores


def prepare_device(wanted: str) -> torch.device:
    """The device of that name, or for `auto` the first there is of CUDA, MPS and CPU.

    On the CPU torch then keeps to the cores that are ours.

    Raises
    ------
    InputError
        If this machine has no such device.
    """
    torch.set_num_threads(available_cores())
    is_available = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    present = [name for name, available in is_available.items() if available]
    if wanted == "auto":
        return torch.device(present[0])
    if wanted not in present:
        raise InputError(
            f"device is '{wanted}', but torch sees only {' and '.join(present)} here; 'auto' takes what "
            "there is."
        )
    return torch.device(wanted)

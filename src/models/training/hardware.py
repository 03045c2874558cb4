"""What computes, and in which precision."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from models.training.devices import prepare_device
from models.training.parameters import TrainingParameters

FIRST_BFLOAT_CAPABILITY = (8, 0)  # of CUDA devices that compute in bfloat16: Ampere


def hardware_for(parameters: TrainingParameters) -> Hardware:
    """The device asked for, with the precision that suits it."""
    device = prepare_device(parameters.device)
    trainer = parameters.trainer
    precision = _suited_precision(device) if trainer.precision == "auto" else trainer.precision
    return Hardware(device, trainer.devices, trainer.num_nodes, precision, trainer.compile)


def _suited_precision(device: torch.device) -> str:
    """Mixed where there are units for it; on a CPU half precision is mostly emulated, and slower."""
    if device.type != "cuda":
        return "32-true"
    has_bfloat = torch.cuda.get_device_capability(device) >= FIRST_BFLOAT_CAPABILITY
    return "bf16-mixed" if has_bfloat else "16-mixed"


@dataclass(frozen=True)
class Hardware:
    """What computes.

    Attributes
    ----------
    n_devices, n_nodes
        Devices a machine, and machines, that share each batch.
    precision
        Of Lightning: `32-true`, `bf16-mixed`, `16-mixed`.
    is_compiled
        Whether torch.compile makes kernels for this network first.
    """

    device: torch.device
    n_devices: int = 1
    n_nodes: int = 1
    precision: str = "32-true"
    is_compiled: bool = False

    @property
    def strategy(self) -> str:
        """How processes are started: here from this one, on several machines by whoever started this one."""
        if self.n_nodes > 1:
            return "ddp"
        return "ddp_spawn" if self.n_devices > 1 else "auto"

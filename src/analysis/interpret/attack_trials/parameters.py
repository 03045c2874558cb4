from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from analysis.contract import Device, StageParameters

ATTACKS = ("noise", "fgsm", "pgd")  # from the weakest to the strongest
LEVELS = 255  # steps of an 8-bit picture, in which L∞ sizes are given
MAX_EXAMPLES = 20  # kept to be shown: images under attack, and right and wrong ones covered by patches


def _ascending(values: tuple[float, ...]) -> tuple[float, ...]:
    if any(b <= a for a, b in zip((0.0, *values), values, strict=False)):
        raise ValueError("sizes must be above 0 and ascend")
    return values


Sizes = Annotated[tuple[float, ...], Field(min_length=1), AfterValidator(_ascending)]


class AttackTrialsParameters(StageParameters):
    """Sample and sizes; see params.yaml."""

    n_images: Annotated[int, Field(ge=1)]
    n_attacked: Annotated[int, Field(ge=1)]
    linf_epsilons: Sizes
    l2_epsilons: Sizes
    n_steps: Annotated[int, Field(ge=1)]
    n_restarts: Annotated[int, Field(ge=1)]
    wave_rms: Annotated[float, Field(gt=0, le=1)]
    n_wave_steps: Annotated[int, Field(ge=1)]
    patch_fraction: Annotated[float, Field(gt=0, le=1)]
    batch_images: Annotated[int, Field(ge=1)]
    device: Device

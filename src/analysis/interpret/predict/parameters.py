from __future__ import annotations

from typing import Annotated

from pydantic import Field

from analysis.contract import Device, StageParameters

# of the judged split's mistakes, the surest are kept as pictures: so many, and of so many pairs so many each
MAX_MISTAKES = 200
MAX_PAIRS = 20
PICTURES_PER_PAIR = 7


class PredictParameters(StageParameters):
    """How the work is done; see params.yaml."""

    batch_images: Annotated[int, Field(ge=1)]
    device: Device

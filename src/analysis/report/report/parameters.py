from __future__ import annotations

from typing import Annotated

from pydantic import Field

from analysis.contract import StageParameters


class ReportParameters(StageParameters):
    thumbnails_per_kind: Annotated[int, Field(ge=0, le=200)]
    rows_per_table: Annotated[int, Field(ge=1, le=10_000)]
    map_images: Annotated[int, Field(ge=1)]

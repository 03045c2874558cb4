from __future__ import annotations

from pydantic import Field

from analysis.contract import StageParameters


class ReportParameters(StageParameters):
    thumbnails_per_kind: int = Field(ge=0, le=200)
    rows_per_table: int = Field(ge=1, le=10_000)
    map_images: int = Field(ge=1)

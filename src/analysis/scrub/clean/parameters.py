from __future__ import annotations

from analysis.contract import StageParameters


class CleanParameters(StageParameters):
    """What of the decisions and proposals is applied; see params.yaml."""

    apply: bool
    repair_splits: bool

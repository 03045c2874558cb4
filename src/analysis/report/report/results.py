"""What each stage left in its folder, read without knowing any stage."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pandas as pd

from analysis.contract import FindingKind, no_findings
from analysis.pipeline.dag import Stage
from analysis.report.report.site import stage_file
from analysis.report.report.wording import title_of


@dataclass(frozen=True)
class StageResult:
    """One stage as the report tells of it; see `analysis.contract.Artifacts` for what the fields hold."""

    stage: Stage
    folder: Path
    summary: str
    parameters: dict[str, Any]
    metrics: dict[str, float | str | None]
    figures: list[dict[str, Any]]
    captions: dict[str, str]
    kinds: list[FindingKind]
    notes: list[str]
    findings: pd.DataFrame
    unjudged: str = ""  # why this dataset gave the stage nothing to judge

    @property
    def name(self) -> str:
        return self.stage.name

    @property
    def title(self) -> str:
        return title_of(self.stage.name)

    @property
    def file(self) -> str:
        return stage_file(self.stage.name)

    @property
    def href(self) -> str:
        """Where the report tells of it."""
        return quote(self.file)

    @property
    def method(self) -> str:
        """What the stage's words say after the question that they open with."""
        return self.stage.words.partition("\n\n")[2]


def read_results(stages: Mapping[str, Stage], folders: Iterable[Path]) -> list[StageResult]:
    """The stages whose `section.json` lies in one of `folders`, in the order of the DAG."""
    declared = set(folders)
    sections = {
        stage.name: out.parent
        for stage in stages.values()
        for out in stage.outs
        if out.name == "section.json" and declared & {out.parent, *out.parent.parents}
    }
    return [_read_result(stages[name], folder) for name, folder in sections.items()]


def _read_result(stage: Stage, folder: Path) -> StageResult:
    section = json.loads((folder / "section.json").read_text(encoding="utf-8"))
    kinds = [FindingKind(**kind) for kind in section.pop("kinds")]
    metrics = folder / "metrics.json"
    findings = folder / "findings.parquet"
    return StageResult(
        stage=stage,
        folder=folder,
        metrics=json.loads(metrics.read_text(encoding="utf-8")) if metrics in stage.outs else {},
        findings=pd.read_parquet(findings) if findings in stage.outs else no_findings(),
        kinds=kinds,
        **section,
    )


def stages_by_reason(results: Sequence[StageResult]) -> dict[str, list[StageResult]]:
    """The stages to which this dataset gave nothing to judge, by the reason why."""
    unjudged = [result for result in results if result.unjudged]
    return {
        reason: [result for result in unjudged if result.unjudged == reason]
        for reason in dict.fromkeys(result.unjudged for result in unjudged)
    }


def failure_of(unjudged: Mapping[str, Sequence[StageResult]], n_stages: int) -> str:
    """In a sentence, what the report lacks; "" if all stages judged."""
    n = sum(map(len, unjudged.values()))
    reasons = "; ".join(
        f"{', '.join(result.name for result in results)}: {reason}" for reason, results in unjudged.items()
    )
    return f"the report is made, but {n} of {n_stages} stages had nothing to judge. {reasons}." if n else ""

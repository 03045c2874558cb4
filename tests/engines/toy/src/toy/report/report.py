"""What should a person do first?"""

from pathlib import Path

from analysis.runner import run_stage
from analysis.stage import Artifacts, StageParameters


class ReportParameters(StageParameters):
    title: str


def report(parameters: ReportParameters, report: Path) -> Artifacts:
    (report / "index.html").write_text(parameters.title, encoding="utf-8")
    return Artifacts(summary="1 page")


if __name__ == "__main__":
    run_stage(report)

from pathlib import Path

from analysis.contract import Artifacts
from toy.report.report.parameters import ReportParameters


def report(parameters: ReportParameters, report: Path) -> Artifacts:
    (report / "index.html").write_text(parameters.title, encoding="utf-8")
    return Artifacts(summary="1 page")

import json
from collections.abc import Mapping
from pathlib import Path

from analysis.contract import Artifacts
from toy.report.report.parameters import ReportParameters


def report(parameters: ReportParameters, inputs: Mapping[str, Path], report: Path) -> Artifacts:
    sections = [json.loads((folder / "section.json").read_text("utf-8")) for folder in inputs.values()]
    unjudged = [section["unjudged"] for section in sections if "unjudged" in section]
    (report / "index.html").write_text(parameters.title, encoding="utf-8")
    return Artifacts(summary="1 page", failure=f"{len(unjudged)} not judged" if unjudged else "")

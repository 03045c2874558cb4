"""The chapters and the page per stage, made of what the stage left and nothing else."""

from __future__ import annotations

import importlib
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from analysis.contract import FindingKind
from analysis.pipeline.dag import CHAPTERS
from analysis.report.report.ledger import SEVERITIES, FindingGroup, clean_kinds
from analysis.report.report.provenance import flatten
from analysis.report.report.results import StageResult
from analysis.report.report.site import chapter_file
from analysis.report.report.tables import ReportTable, make_table, read_as_text, write_spreadsheet
from analysis.report.report.wording import title_of, write_number

FIGURE_DPI, SCREEN_DPI = (
    150,
    96,
)  # of `analysis.drawing.style`; of CSS: type keeps its drawn size


@dataclass(frozen=True)
class Chart:
    anchor: str
    title: str
    caption: str
    file: str  # paths are from the report's folder
    download: str
    width: int
    height: int


@dataclass(frozen=True)
class TitledTable:
    anchor: str
    title: str
    table: ReportTable


@dataclass(frozen=True)
class Metric:
    name: str
    title: str
    text: str

    @property
    def anchor(self) -> str:
        return f"metric.{self.name}"  # no anchor of a figure or table has a dot


@dataclass(frozen=True)
class StagePage:
    result: StageResult
    metrics: list[Metric]
    figures: list[Chart]
    tables: list[TitledTable]
    data_files: dict[str, str]  # tables for programs: path in the workspace -> what one row is
    groups: list[FindingGroup]
    clean: list[FindingKind]
    parameters: dict[str, str]

    @property
    def found(self) -> list[tuple[str, int, list[FindingGroup]]]:
        """Of each severity that the stage found: how many open findings, and the kinds, most first."""
        of_severity = [(s, [g for g in self.groups if g.n and g.kind.severity == s]) for s in SEVERITIES]
        return [(s, sum(g.n for g in groups), groups) for s, groups in of_severity if groups]


@dataclass(frozen=True)
class Chapter:
    title: str
    file: str
    question: str
    stages: list[StagePage]


def make_chapters(
    results: Sequence[StageResult], groups: Sequence[FindingGroup], *, site: Path, max_rows: int
) -> list[Chapter]:
    """The chapters that have a stage, in order; figures and tables are copied into `site`."""
    chapters: list[Chapter] = []
    for title in CHAPTERS.values():
        members = [result for result in results if result.stage.chapter == title]
        if members:
            package = members[0].stage.module_name.rpartition(".")[0]
            question = (importlib.import_module(package).__doc__ or "").partition("\n\n")[0]
            pages = [make_stage_page(result, groups, site=site, max_rows=max_rows) for result in members]
            chapters.append(Chapter(title, chapter_file(title), question, pages))
    return chapters


def make_stage_page(
    result: StageResult, groups: Sequence[FindingGroup], *, site: Path, max_rows: int
) -> StagePage:
    own = [group for group in groups if group.result.name == result.name]
    captioned = [out for out in result.stage.outs if out.stem in result.captions]
    return StagePage(
        result=result,
        metrics=[Metric(name, title_of(name), write_number(name, n)) for name, n in result.metrics.items()],
        figures=[_copy_chart(result, figure, site) for figure in result.figures],
        tables=[_copy_table(result, out, site, max_rows) for out in captioned if out.suffix == ".csv"],
        data_files=_data_files(result, captioned),
        groups=own,
        clean=clean_kinds(own, [result]),
        parameters=flatten(result.parameters),
    )


def _data_files(result: StageResult, captioned: Sequence[Path]) -> dict[str, str]:
    shown = {out.stem for out in captioned if out.suffix == ".csv"}
    return {
        str(out): "The same table for programs." if out.stem in shown else result.captions[out.stem]
        for out in captioned
        if out.suffix != ".csv"
    }


def _copy_chart(result: StageResult, figure: dict[str, Any], site: Path) -> Chart:
    folder = Path("figures", result.name)
    (site / folder).mkdir(parents=True, exist_ok=True)
    picture = folder / f"{figure['name']}.png"
    shutil.copyfile(result.folder / "figures" / picture.name, site / picture)
    with Image.open(site / picture) as image:
        width, height = (round(side * SCREEN_DPI / FIGURE_DPI) for side in image.size)
    numbers = picture.with_suffix(".csv")
    if figure["has_table"]:
        write_spreadsheet(read_as_text(result.folder / "figures" / numbers.name), site / numbers)
    return Chart(
        anchor=f"{result.name}-{figure['name']}",
        title=figure["title"],
        caption=figure["caption"],
        file=picture.as_posix(),
        download=numbers.as_posix() if figure["has_table"] else "",
        width=width,
        height=height,
    )


def _copy_table(result: StageResult, source: Path, site: Path, max_rows: int) -> TitledTable:
    download = Path("tables", result.name, source.name)
    (site / download).parent.mkdir(parents=True, exist_ok=True)
    frame = read_as_text(source)
    write_spreadsheet(frame, site / download)
    caption = result.captions[source.stem]
    table = make_table(frame, caption=caption, download=download.as_posix(), max_rows=max_rows)
    return TitledTable(f"{result.name}-table-{source.stem}", title_of(source.stem), table)

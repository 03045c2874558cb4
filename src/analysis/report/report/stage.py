from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from analysis.contract import Artifacts
from analysis.dataset.decisions import read_decisions
from analysis.pipeline.dag import Stage
from analysis.report.report.ledger import clean_kinds, group_findings, make_ledger
from analysis.report.report.pages.findings_page import make_cards, make_decided, verdict
from analysis.report.report.pages.map_page import write_map
from analysis.report.report.pages.overview import overview_of
from analysis.report.report.pages.search import write_search
from analysis.report.report.pages.stage_pages import Chapter, make_chapters
from analysis.report.report.parameters import ReportParameters
from analysis.report.report.provenance import provenance_of
from analysis.report.report.reliability import read_reliability
from analysis.report.report.results import failure_of, read_results, stages_by_reason
from analysis.report.report.site import (
    INDEX,
    MAP,
    PROVENANCE,
    STAGE_TEMPLATE,
    Page,
    copy_assets,
    menu_of,
    write_pages,
)
from analysis.report.report.tables import as_text, write_spreadsheet
from analysis.report.report.wording import count_of

ASSETS = ("report.css", "report.js", "navigation.js", "logo.svg")


def report(
    manifest: pd.DataFrame,
    scan: pd.DataFrame,
    thumbnails: np.ndarray,
    *,
    inputs: Mapping[str, Path],
    root: str,
    stages: Mapping[str, Stage],
    run_records: Mapping[str, Mapping[str, Any]],
    parameters: ReportParameters,
    report: Path,
) -> Artifacts:
    """Write the site into the folder `report`: of all `stages`, those whose folders this one declares."""
    own, home = _own_stage(stages, report)
    results = read_results(stages, own.deps)
    ledger = make_ledger(results, manifest, read_decisions(inputs["decisions"]), root=root)
    groups = group_findings(ledger, results, manifest)
    open_groups = [group for group in groups if group.n]
    is_open = ledger["decision"] == ""
    overview = overview_of(manifest, scan, ledger[is_open], results, run_records)
    chapters = make_chapters(results, groups, site=report, max_rows=parameters.rows_per_table)
    page_of_map = write_map(
        results, open_groups, manifest, thumbnails, home=home, site=report, max_images=parameters.map_images
    )
    unjudged = stages_by_reason(results)
    first_page = {
        "unjudged": unjudged,
        "cards": make_cards(open_groups, manifest, scan, home=home, site=report, parameters=parameters),
        "clean": clean_kinds(groups, results),
        "decided": make_decided(ledger[~is_open], groups, max_rows=parameters.rows_per_table),
        "classes": list(manifest["label"].cat.categories),
        "verdict": verdict(open_groups, overview, n_decided=int((~is_open).sum())),
    }
    provenance = {
        "provenance": provenance_of(own, stages, results, run_records),
        "stages": stages,
        "href_of": {result.name: result.href for result in results},
    }
    pages = [
        Page(INDEX, "What to do first", INDEX, first_page),
        *_pages_of(chapters),
        *([Page(MAP, "Map", MAP, {})] if page_of_map else []),
        Page(PROVENANCE, "Provenance", PROVENANCE, provenance),
    ]
    write_spreadsheet(as_text(ledger), report / "findings.csv")
    write_search(menu_of(pages), chapters, report)
    copy_assets(ASSETS, report)
    reliability = read_reliability(results)
    shared = {"overview": overview, "chapters": chapters, "map": page_of_map, "reliability": reliability}
    write_pages(pages, report, shared=shared)
    kinds = f" of {count_of(len(open_groups), 'kind')}" if open_groups else ""
    found = f"{count_of(int(is_open.sum()), 'open finding')}{kinds}, {int((~is_open).sum()):,} decided"
    return Artifacts(
        summary=f"{found}, {count_of(len(pages), 'page')}", failure=failure_of(unjudged, len(results))
    )


def _pages_of(chapters: Sequence[Chapter]) -> Iterator[Page]:
    """Each chapter's page, and after it those of its stages."""
    for chapter in chapters:
        yield Page(chapter.file, chapter.title, "chapter.html", {"chapter": chapter})
        for page in chapter.stages:
            content = {"chapter": chapter, "page": page}
            yield Page(page.result.file, page.result.title, STAGE_TEMPLATE, content)


def _own_stage(stages: Mapping[str, Stage], site: Path) -> tuple[Stage, Path]:
    """This stage, and where the site will lie once the runner has moved it into place."""
    return next((stage, out) for stage in stages.values() for out in stage.outs if out.name == site.name)

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jinja2
import numpy as np
import pandas as pd

from analysis.contract import Artifacts
from analysis.dataset.decisions import read_decisions
from analysis.pipeline.dag import Stage
from analysis.report.report.ledger import FindingGroup, clean_kinds, group_findings, make_ledger
from analysis.report.report.pages.findings_page import FindingCard, make_card, make_decided, pictured, verdict
from analysis.report.report.pages.map_page import MAP_FILE, MapPage, write_map
from analysis.report.report.pages.overview import Overview, overview_of
from analysis.report.report.pages.sections import Chapter, make_chapters
from analysis.report.report.parameters import ReportParameters
from analysis.report.report.prose import breakable, inline, prose
from analysis.report.report.provenance import provenance_of
from analysis.report.report.reliability import read_reliability
from analysis.report.report.results import read_results
from analysis.report.report.tables import as_text, write_spreadsheet
from analysis.report.report.thumbnails import make_thumbnails
from analysis.report.report.wording import count_of, write_percent

TEMPLATES = Path(__file__).parent / "templates"
ASSETS = ("report.css", "report.js", "logo.svg")


def report(
    manifest: pd.DataFrame,
    scan: pd.DataFrame,
    thumbnails: np.ndarray,
    *,
    inputs: Mapping[str, Path],
    stages: Mapping[str, Stage],
    run_records: Mapping[str, Mapping[str, Any]],
    parameters: ReportParameters,
    report: Path,
) -> Artifacts:
    """Write the site into the folder `report`: of all `stages`, those whose folders this one declares."""
    own, home = _own_stage(stages, report)
    results = read_results(stages, own.deps)
    ledger = make_ledger(results, manifest, read_decisions(inputs["decisions"]))
    groups = group_findings(ledger, results, manifest)
    open_groups = [group for group in groups if group.n]
    is_open = ledger["decision"] == ""
    overview = overview_of(manifest, scan, ledger[is_open], results)
    reliability = read_reliability(results)
    chapters = make_chapters(results, groups, site=report, max_rows=parameters.rows_per_table)
    cards = _make_cards(open_groups, manifest, home=home, site=report, parameters=parameters)
    page_of_map = write_map(
        results, open_groups, manifest, thumbnails, home=home, site=report, max_images=parameters.map_images
    )
    write_spreadsheet(as_text(ledger), report / "findings.csv")
    pages = {
        "index.html": {
            "cards": cards,
            "clean": clean_kinds(groups, results),
            "reliability": reliability,
            "decided": make_decided(ledger[~is_open], groups, max_rows=parameters.rows_per_table),
            "classes": list(manifest["label"].cat.categories),
            "verdict": verdict(open_groups, overview, n_decided=int((~is_open).sum())),
        },
        **{chapter.file: {"chapter": chapter, "reliability": reliability} for chapter in chapters},
        **({MAP_FILE: {}} if page_of_map else {}),
        "provenance.html": {"provenance": provenance_of(own, stages, results, run_records), "stages": stages},
    }
    _write_pages(pages, report, overview=overview, chapters=chapters, page_of_map=page_of_map)
    kinds = f" of {count_of(len(open_groups), 'kind')}" if open_groups else ""
    found = f"{count_of(int(is_open.sum()), 'open finding')}{kinds}, {int((~is_open).sum()):,} decided"
    return Artifacts(summary=f"{found}, {count_of(len(pages), 'page')}")


def _own_stage(stages: Mapping[str, Stage], site: Path) -> tuple[Stage, Path]:
    """This stage, and where the site will lie once the runner has moved it into place."""
    return next((stage, out) for stage in stages.values() for out in stage.outs if out.name == site.name)


def _make_cards(
    groups: Sequence[FindingGroup],
    manifest: pd.DataFrame,
    *,
    home: Path,
    site: Path,
    parameters: ReportParameters,
) -> list[FindingCard]:
    n_tiles = parameters.thumbnails_per_kind
    wanted = {item_id for group in groups for item_id in pictured(group, n_tiles)["item_id"]}
    images = manifest[manifest["item_id"].isin(wanted)]
    thumbnails = make_thumbnails(images, site / "assets" / "thumbnails")
    there = manifest[manifest["status"] == "ok"]
    listed = there[there["item_id"].isin({i for group in groups for i in group.rows["item_id"].dropna()})]
    originals = {
        int(item_id): _address(path, home)
        for item_id, path in zip(listed["item_id"], listed["path"], strict=True)
    }
    return [
        make_card(
            group,
            thumbnails=thumbnails,
            originals=originals,
            n_tiles=n_tiles,
            max_rows=parameters.rows_per_table,
        )
        for group in groups
    ]


def _address(path: str, home: Path) -> str:
    """The address of a file of the dataset, as seen from the site in `home`."""
    return Path(path).as_uri() if Path(path).is_absolute() else quote(os.path.relpath(path, home))


def _write_pages(
    pages: Mapping[str, Mapping[str, Any]],
    site: Path,
    *,
    overview: Overview,
    chapters: Sequence[Chapter],
    page_of_map: MapPage | None,
) -> None:
    environment = _environment()
    menu = [
        ("index.html", "What to do first"),
        *((chapter.file, chapter.title) for chapter in chapters),
        *([(MAP_FILE, "Map")] if page_of_map else []),
        ("provenance.html", "Provenance"),
    ]
    for file, content in pages.items():
        template = file if file in ("index.html", MAP_FILE, "provenance.html") else "chapter.html"
        html = environment.get_template(f"{template}.jinja").render(
            content, overview=overview, menu=menu, this_file=file, map=page_of_map
        )
        (site / file).write_text(html, encoding="utf-8")
    for asset in ASSETS:
        shutil.copyfile(TEMPLATES / asset, site / "assets" / asset)


def _environment() -> jinja2.Environment:
    """Everything is escaped unless it was made as markup, and an unknown name is an error."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "breakable": breakable,
        "inline": inline,
        "prose": prose,
        "percent": write_percent,
        "count_of": count_of,
    }
    return environment

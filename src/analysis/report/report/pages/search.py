"""What the search knows: an entry per page, stage, figure, table, metric and kind of finding.

A page that is opened from the file system may not fetch files, so the entries come as a script.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from analysis.report.report.pages.stage_pages import Chapter, StagePage
from analysis.report.report.site import INDEX, Page
from analysis.report.report.wording import count_of

FILE = "search-index.js"


class Entry(NamedTuple):
    """One thing that can be found; `words` are looked through like the title, but not shown."""

    sort: str
    title: str
    place: str
    href: str
    words: str = ""


def write_search(menu: Sequence[Page], chapters: Sequence[Chapter], site: Path) -> None:
    """Write the entries of the pages in `menu` and of what stands on the stages' pages."""
    entries = [Entry("Page", page.title, "", page.file) for page in menu]
    for chapter in chapters:
        for page in chapter.stages:
            entries += [*_of_stage(chapter, page), *_of_findings(page)]
    script = f'"use strict";\nglobalThis.deepsightSearch = {json.dumps(entries)};\n'
    (site / "assets" / FILE).write_text(script, encoding="ascii")


def _of_stage(chapter: Chapter, page: StagePage) -> Iterator[Entry]:
    result = page.result
    question = f"{result.name} {result.stage.description} {result.summary}"
    yield Entry("Stage", result.title, chapter.title, result.href, question)
    for figure in page.figures:
        yield Entry("Figure", figure.title, result.title, _at(page, figure.anchor), figure.caption)
    for table in page.tables:
        columns = " ".join(column.title for column in table.table.columns)
        words = f"{table.table.caption} {columns}"
        yield Entry("Table", table.title, result.title, _at(page, table.anchor), words)
    for metric in page.metrics:
        place = f"{result.title}: {metric.text}"
        yield Entry("Metric", metric.title, place, _at(page, metric.anchor), metric.name)


def _of_findings(page: StagePage) -> Iterator[Entry]:
    """Open ones lead to their card on the first page, the others to what the stage says of them."""
    for group in page.groups:
        kind, found = group.kind, count_of(group.n, group.noun) if group.n else "decided"
        href = f"{INDEX}#{quote(group.anchor)}" if group.n else _at(page, "findings")
        yield Entry("Finding", kind.title, f"{page.result.title}: {found}", href, f"{kind.name} {kind.why}")
    for kind in page.clean:
        place = f"{page.result.title}: none found"
        yield Entry("Finding", kind.title, place, _at(page, "findings"), f"{kind.name} {kind.why}")


def _at(page: StagePage, anchor: str) -> str:
    return f"{page.result.href}#{quote(anchor)}"

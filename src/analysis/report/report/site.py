"""The site as files: where its templates lie, how its pages are called, and how they are written."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jinja2

from analysis.pipeline.dag import CHAPTERS
from analysis.report.report.prose import breakable, inline, prose
from analysis.report.report.wording import count_of, list_of, write_percent

TEMPLATES = Path(__file__).parent / "templates"
INDEX, MAP, PROVENANCE = "index.html", "map.html", "provenance.html"
STAGE_TEMPLATE = "stage.html"


@dataclass(frozen=True)
class Page:
    """A page to write: `content` is what its template asks for beyond what all pages are given."""

    file: str
    title: str
    template: str
    content: Mapping[str, Any]


def menu_of(pages: Sequence[Page]) -> list[Page]:
    """The pages that the menu at the head of each page names: a chapter stands for its stages."""
    return [page for page in pages if page.template != STAGE_TEMPLATE]


def chapter_file(chapter: str) -> str:
    return f"{chapter.lower()}.html"


def stage_file(name: str) -> str:
    """The page of a stage; one that is named like another page gets a longer name.

    What foreach adds to a name may hold any character; the file's name does not.
    """
    file = f"{quote(name, safe='@')}.html"
    taken = {INDEX, MAP, PROVENANCE, *map(chapter_file, CHAPTERS.values())}
    return file if file.lower() not in taken else f"{name}.stage.html"  # no stage's name has a dot


def address_of(path: str, home: Path) -> str:
    """The address of a file of the dataset, as seen from the site in `home`."""
    return Path(path).as_uri() if Path(path).is_absolute() else quote(os.path.relpath(path, home))


def write_pages(pages: Sequence[Page], site: Path, *, shared: Mapping[str, Any]) -> None:
    """Write the pages, which stand in the order in which they are read; all are given `shared`."""
    environment = _environment()
    for i, page in enumerate(pages):
        before = [other for other in pages[:i] if other.template == STAGE_TEMPLATE]
        after = [other for other in pages[i + 1 :] if other.template == STAGE_TEMPLATE]
        html = environment.get_template(f"{page.template}.jinja").render(
            page.content,
            this=page,
            menu=menu_of(pages),
            stage_before=before[-1] if before else None,
            stage_after=after[0] if after else None,
            **shared,
        )
        (site / page.file).write_text(html, encoding="utf-8")


def copy_assets(names: Iterable[str], site: Path) -> None:
    """Copy what pages load as it stands among the templates."""
    for name in names:
        shutil.copyfile(TEMPLATES / name, site / "assets" / name)


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
        "list_of": list_of,
    }
    return environment

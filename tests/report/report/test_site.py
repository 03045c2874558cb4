"""The site as files: what is shown, in which order, what is escaped, and that everything linked is there."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import numpy as np
import pandas as pd
import pytest
from made_up_site import (
    EXAM,
    FORMULA_LABEL,
    HOSTILE_LABEL,
    HOSTILE_NAME,
    INTAKE,
    LOW,
    MEDIUM,
    ODD_CHECKS,
    REPORT,
    artifacts,
    make_stage,
    odd_findings,
    render,
    write_outputs,
)
from PIL import Image

from analysis.contract import Artifacts, findings_of
from analysis.report.report.tables import read_csv

VOID = {"meta", "link", "img", "input", "br", "wbr"}
SELF_CLOSING_IN_SVG = {"path", "rect", "circle"}
PAGES = ["index", "obtain", "scrub", "interpret", "provenance"]


class Reader(HTMLParser):
    """Collects a page's elements and text, and fails on a tag that is not closed where it should be."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.open: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in SELF_CLOSING_IN_SVG
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def attributes(self, tag: str, name: str) -> list[str]:
        return [attrs[name] or "" for element, attrs in self.elements if element == tag and name in attrs]


def text_of(html: str) -> str:
    return " ".join(" ".join(Reader(html).text).split())


def headings(html: str) -> list[str]:
    return re.findall(r"<h2[^>]*>(.*?)</h2>", html)


# ---- what is shown ---------------------------------------------------------------------------------------


def test_site_has_a_page_for_each_chapter_with_stages(site: Path) -> None:
    assert {file.stem for file in site.glob("*.html")} == set(PAGES)


def test_site_gives_a_stage_it_has_never_heard_of_its_section(page: Callable[[str], str]) -> None:
    text = text_of(page("scrub"))
    for expected in (
        "What is odd?",  # the chapter's question, from the package
        "Odd checks",
        "What does odd_checks ask?",
        "9 images odd.",
        "Odd 9",
        "Heights of all",
        "Taller is more .",
        "One row per class.",
        "Compares each image with all others",
        "what is odd <here> may be usual elsewhere",
        "odd_checks.above 0.5",
        "Looked for, not found: Images upside down.",
    ):
        assert expected in text


def test_chapter_of_one_stage_needs_no_summary_of_its_own(page: Callable[[str], str]) -> None:
    assert "in-brief" not in page("obtain")


def test_site_shows_notes_as_written(page: Callable[[str], str]) -> None:
    assert "Nothing was weighed , because there are no scales <here>." in text_of(page("obtain"))


def test_site_names_tables_for_programs_without_showing_them(page: Callable[[str], str]) -> None:
    assert "data/manifest.parquet One row per image." in text_of(page("obtain"))


def test_site_leaves_out_stages_that_the_report_does_not_declare(manifest: pd.DataFrame) -> None:
    write_outputs(artifacts(odd_findings()))
    narrow = replace(REPORT, deps=(Path("analysis_outputs/intake"),))
    site = render(manifest, stages=(INTAKE, ODD_CHECKS, EXAM, narrow))
    assert {file.stem for file in site.glob("*.html")} == {"index", "obtain", "provenance"}
    assert len(read_csv(site / "findings.csv")) == 0


def test_site_shows_stages_of_a_foreach_that_share_a_folder(manifest: pd.DataFrame) -> None:
    stages = [
        replace(
            make_stage("made_up.interpret.exam", ["section.json", "metrics.json"]),
            name=f"exam@{name}",
            outs=tuple(
                Path(f"analysis_outputs/exam/{name}/{file}") for file in ("section.json", "metrics.json")
            ),
            metrics=(),
        )
        for name in ("easy", "hard")
    ]
    write_outputs({stage.name: Artifacts(summary=stage.name) for stage in stages}, stages=stages)
    site = render(manifest, stages=(*stages, REPORT))
    html = (site / "interpret.html").read_text(encoding="utf-8")
    assert headings(html) == ["Exam: easy", "Exam: hard"]
    brief = html[html.index("in-brief") : html.index("</dl>")]
    assert re.findall(r"<dd>(.*?)</dd>", brief) == ["Exam@easy.", "Exam@hard."]


def test_index_orders_findings_by_severity_then_by_how_many_are_concerned(page: Callable[[str], str]) -> None:
    # rare and torn are both high; torn concerns two images, rare one class
    assert headings(page("index")) == [
        "At a glance",
        "Torn images",
        "Rare classes",
        "Pale images",
        "Small images",
        "Looked for, not found",
    ]


def test_index_counts_findings_against_the_whole_they_are_of(page: Callable[[str], str]) -> None:
    text = text_of(page("index"))
    assert "2 images , 20.0% of all images" in text
    assert "1 class , 33.3% of all classes" in text
    assert "4 kinds of fault on 9 images, 90.0% of all. Start with what is of high severity" in text


def test_index_shows_the_headline_numbers(page: Callable[[str], str]) -> None:
    text = text_of(page("index"))
    for expected in ("Audit of birds", "Images 10", "Classes 3", "8 × 8 px, PNG", "train 6 60.0%", "97.5%"):
        assert expected in text


def test_index_counts_an_image_named_twice_by_one_kind_once(manifest: pd.DataFrame) -> None:
    write_outputs(artifacts(findings_of(LOW, item_id=[5, 5, 6], score=[0.9, 0.8, 0.7])))
    html = (render(manifest, thumbnails_per_kind=5) / "index.html").read_text(encoding="utf-8")
    assert "2 images , 20.0% of all" in text_of(html)
    assert html.count('<figure class="tile">') == 2


def test_index_without_findings_says_what_was_looked_for(manifest: pd.DataFrame) -> None:
    write_outputs(artifacts(None))
    site = render(manifest)
    text = text_of((site / "index.html").read_text(encoding="utf-8"))
    assert "Nothing was found" in text
    assert "5 kinds of faults were looked for" in text
    assert "Images upside down" in text
    assert list(read_csv(site / "findings.csv").columns)[:2] == ["item_id", "path"]


def test_index_without_an_evaluated_model_shows_no_accuracy(manifest: pd.DataFrame) -> None:
    made = artifacts(odd_findings())
    made["exam"] = Artifacts(metrics={"test_accuracy": float("nan")})
    write_outputs(made)
    assert "Test accuracy" not in (render(manifest) / "index.html").read_text(encoding="utf-8")


def test_index_says_when_no_image_could_be_read_and_none_is_labelled(manifest: pd.DataFrame) -> None:
    write_outputs(artifacts(None))
    scan = pd.DataFrame({"item_id": [0], "format": [None], "width_px": [None], "height_px": [None]})
    bare = manifest.assign(label=pd.Categorical([None] * 10, []))
    text = text_of((render(bare, scan=scan) / "index.html").read_text(encoding="utf-8"))
    assert "none readable" in text
    assert "no labels" in text


def test_long_lists_are_cut_and_say_so(manifest: pd.DataFrame) -> None:
    write_outputs(artifacts(odd_findings()))
    site = render(manifest, rows_per_table=3)
    html = (site / "index.html").read_text(encoding="utf-8")
    small = html[html.index(f'id="finding-odd_checks-{LOW.name}"') : html.index('id="clean"')]
    assert len(re.findall("<tr[ >]", small)) == 1 + 3
    assert re.search(r"The first 3 of 4 rows; all of them are in\s+<a href=\"findings.csv\">", small)
    assert len(read_csv(site / "findings.csv")) == 10


def test_provenance_tells_dataset_parameters_times_and_versions(manifest: pd.DataFrame) -> None:
    write_outputs(artifacts(odd_findings()))
    records = {
        "report": {"seconds": 1e6, "finished": "", "summary": "the run before this one"},
        "odd_checks": {"seconds": 83.2, "finished": "2026-01-02 03:04:05", "summary": "9 images odd"},
    }
    text = text_of((render(manifest, run_records=records) / "provenance.html").read_text(encoding="utf-8"))
    for expected in (
        "Dataset hash 0123abcd",
        "Finished Result intake – odd_checks 1 min 23 s 2026-01-02",  # no time is made up for intake
        "dataset.path photos/birds",
        "dataset.max_per_class null",
        "numpy " + np.__version__,
    ):
        assert expected in text
    assert "the run before this one" not in text


# ---- what is escaped -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PAGES)
def test_page_holds_nothing_of_hostile_names_as_markup(page: Callable[[str], str], name: str) -> None:
    html = page(name)
    assert html.count("<script") == html.count('<script src="assets/report.js"></script>') == 1
    assert "<b> &" not in html
    assert "<i>" not in html
    assert "style=" not in html
    assert not re.search(r"\son\w+=", html)


def test_hostile_names_are_shown_as_text(page: Callable[[str], str]) -> None:
    text = "".join(Reader(page("index")).text)
    assert HOSTILE_LABEL in text
    assert f"photos/birds/{HOSTILE_NAME}" in text


def test_files_of_the_site_are_not_named_by_the_dataset(site: Path) -> None:
    names = {file.name for file in (site / "assets" / "thumbnails").iterdir()}
    assert names == {"0.png", "3.jpg", "6.png", "8.png"}  # two of each kind; 1 and 2 have no picture


@pytest.mark.parametrize("file", ["findings.csv", "figures/odd_checks/heights.csv"])
def test_csv_holds_no_formula(site: Path, file: str) -> None:
    cells = read_csv(site / file).stack()
    assert not cells.str.match(r"[=+@]|-\D").any()
    assert f"'{FORMULA_LABEL}" in set(cells)


def test_csv_of_findings_holds_every_finding_worst_first(site: Path) -> None:
    ledger = read_csv(site / "findings.csv")
    assert ledger["item_id"].tolist() == ["1", "2", "", "0", "3", "9", "6", "8", "7", "5"]
    assert ledger.loc[2, "label"] == HOSTILE_LABEL
    assert ledger.loc[3, "path"] == f"photos/birds/{HOSTILE_NAME}"
    assert set(ledger["stage"]) == {"odd_checks"}


# ---- what is linked --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PAGES)
def test_every_link_and_picture_leads_somewhere(site: Path, name: str) -> None:
    reader = Reader((site / f"{name}.html").read_text(encoding="utf-8"))
    addresses = {*reader.attributes("a", "href"), *reader.attributes("link", "href")}
    addresses |= {*reader.attributes("img", "src"), *reader.attributes("script", "src")}
    for address in addresses:
        parts = urlsplit(address)
        target = site / unquote(parts.path) if parts.path else site / f"{name}.html"
        assert target.is_file(), address
        if parts.fragment:
            linked = Reader(target.read_text(encoding="utf-8"))
            ids = [attrs["id"] for _, attrs in linked.elements if "id" in attrs]
            assert ids.count(unquote(parts.fragment)) == 1, address


def test_findings_link_to_the_file_itself_except_where_there_is_none(site: Path) -> None:
    hrefs = [unquote(a) for a in Reader((site / "index.html").read_text("utf-8")).attributes("a", "href")]
    assert f"../../photos/birds/{HOSTILE_NAME}" in hrefs
    assert not any("birds/01.png" in href for href in hrefs)


def test_findings_link_to_files_with_absolute_paths(manifest: pd.DataFrame) -> None:
    write_outputs(artifacts(findings_of(MEDIUM, item_id=[0])))
    absolute = manifest.assign(path=[Path(path).absolute().as_posix() for path in manifest["path"]])
    html = (render(absolute) / "index.html").read_text(encoding="utf-8")
    assert Path(absolute["path"][0]).as_uri() in html


def test_site_asks_nothing_of_a_network(site: Path) -> None:
    for file in site.rglob("*"):
        if file.suffix in (".html", ".css", ".js", ".svg"):
            text = file.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
            text = text.replace("HYPERLINK(&#34;http://example.com&#34;", "")
            assert not re.search(r"https?:|//[a-z]|@import|url\((?!#)", re.sub(r"// .*", "", text)), file.name


@pytest.mark.parametrize("name", PAGES)
def test_every_picture_has_a_description_and_a_size(page: Callable[[str], str], name: str) -> None:
    images = [attrs for tag, attrs in Reader(page(name)).elements if tag == "img"]
    assert all(image["alt"] and int(image["width"]) > 0 and int(image["height"]) > 0 for image in images)


def test_figures_are_shown_at_the_size_they_are_drawn_for(site: Path) -> None:
    images = [a for t, a in Reader((site / "scrub.html").read_text("utf-8")).elements if t == "img"]
    with Image.open(site / images[0]["src"]) as picture:
        assert picture.size == (600, 300)  # 4 × 2 inches at 150 dpi
    assert (images[0]["width"], images[0]["height"]) == ("384", "192")  # at the 96 dpi of CSS


def test_two_runs_give_the_same_bytes(manifest: pd.DataFrame) -> None:
    def contents() -> dict[str, bytes]:
        site = render(manifest)
        return {str(file.relative_to(site)): file.read_bytes() for file in site.rglob("*") if file.is_file()}

    write_outputs(artifacts(odd_findings()))
    assert contents() == contents()


# ---- how it looks ----------------------------------------------------------------------------------------


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2 defines it."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("light", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(
    ("text", "ground"),
    [
        *[(text, ground) for text in ("ink", "muted", "accent") for ground in ("paper", "surface", "sunken")],
        *[(severity, f"{severity}-soft") for severity in ("high", "medium", "low")],
        ("ink", "medium-soft"),
    ],
)
def test_colours_have_the_contrast_that_wcag_aa_asks_for(
    site: Path, text: str, ground: str, light: int
) -> None:
    css = (site / "assets" / "report.css").read_text(encoding="utf-8")
    colours = {name: pair for name, *pair in re.findall(r"--([\w-]+): light-dark\((#\w{6}), (#\w{6})\)", css)}
    first, second = sorted((luminance(colours[text][light]), luminance(colours[ground][light])), reverse=True)
    assert (first + 0.05) / (second + 0.05) >= 4.5


# ---- decisions -------------------------------------------------------------------------------------------


def test_decided_findings_leave_the_first_page_but_not_the_ledger(manifest: pd.DataFrame) -> None:
    write_outputs(artifacts(odd_findings()))
    decisions = "".join(f"{i:032x},,small,ignore,,thumbnails <b>\n" for i in (5, 6, 7, 8))
    site = render(manifest, decisions=decisions)
    html = (site / "index.html").read_text(encoding="utf-8")
    assert "finding-odd_checks-small" not in html
    assert "4 findings decided" in text_of(html)
    assert "thumbnails <b>" in text_of(html)
    assert "Looked for, not found Images upside down" in text_of(html)
    assert "Small images: 4 decided" in text_of((site / "scrub.html").read_text(encoding="utf-8"))
    ledger = read_csv(site / "findings.csv")
    assert ledger.loc[ledger["kind"] == "small", "decision"].tolist() == ["ignore"] * 4
    assert (ledger["decision"] == "").sum() == 6


def test_index_says_when_all_findings_are_decided(manifest: pd.DataFrame) -> None:
    write_outputs(artifacts(findings_of(LOW, item_id=[5])))
    site = render(manifest, decisions=f"{5:032x},,,keep,,\n")
    text = text_of((site / "index.html").read_text(encoding="utf-8"))
    assert "Nothing is open: 1 finding decided." in text
    assert "Nothing was found" not in text


def test_rows_of_findings_name_what_a_decision_would_be_about(page: Callable[[str], str]) -> None:
    rows = [attrs for tag, attrs in Reader(page("index")).elements if tag == "tr" and "data-kind" in attrs]
    assert {
        "data-hash": f"{0:032x}",
        "data-path": f"photos/birds/{HOSTILE_NAME}",
        "data-label": "",
    }.items() <= rows[[row["data-kind"] for row in rows].index("pale")].items()
    (of_class,) = [row for row in rows if row["data-kind"] == "rare"]
    assert (of_class["data-hash"], of_class["data-path"], of_class["data-label"]) == ("", "", HOSTILE_LABEL)

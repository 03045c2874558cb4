"""The site as files: what is shown, in which order, what is escaped, and that everything linked is there."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

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
    STAGES,
    artifacts,
    make_stage,
    odd_findings,
    pair_findings,
    render,
    write_outputs,
)
from PIL import Image

from analysis.contract import Artifacts, findings_of
from analysis.pipeline.outputs import OutputWriter
from analysis.report.report.results import failure_of, read_results, stages_by_reason
from analysis.report.report.tables import read_as_text

VOID = {"meta", "link", "img", "input", "br", "wbr"}
SELF_CLOSING_IN_SVG = {"path", "rect", "circle"}
PAGES = ["index", "obtain", "intake", "scrub", "odd_checks", "interpret", "exam", "provenance"]
SCRIPTS = ["assets/report.js", "assets/search-index.js", "assets/navigation.js"]


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


def main_of(html: str) -> str:
    return html[html.index("<main") : html.index("</main>") + len("</main>")]


def headings(html: str) -> list[str]:
    return re.findall(r"<h2[^>]*>(.*?)</h2>", main_of(html))


def searched(site: Path) -> list[list[str]]:
    """What the search of the site knows: sort, title, place, address and further words."""
    script = (site / "assets" / "search-index.js").read_text(encoding="ascii")
    return json.loads(script.partition("globalThis.deepsightSearch = ")[2].rstrip(";\n"))


def addresses_in(site: Path) -> Iterator[tuple[Path, str]]:
    """Every page with each address that it names, and the first page with those that the search leads to."""
    for page in site.glob("*.html"):
        reader = Reader(page.read_text(encoding="utf-8"))
        for tag, name in (("a", "href"), ("link", "href"), ("img", "src"), ("script", "src")):
            yield from ((page, address) for address in reader.attributes(tag, name))
    yield from ((site / "index.html", href) for _, _, _, href, _ in searched(site))


def assert_all_lead_somewhere(site: Path) -> None:
    ids = {
        page: [attrs["id"] for _, attrs in Reader(page.read_text("utf-8")).elements if "id" in attrs]
        for page in site.glob("*.html")
    }
    for page, address in addresses_in(site):
        parts = urlsplit(address)
        target = site / unquote(parts.path) if parts.path else page
        assert target.is_file(), f"{page.name}: {address}"
        if parts.fragment:
            assert ids[target].count(unquote(parts.fragment)) == 1, f"{page.name}: {address}"


# ---- what is shown ---------------------------------------------------------------------------------------


def test_site_has_a_page_for_each_chapter_with_stages_and_for_each_stage(site: Path) -> None:
    assert {file.stem for file in site.glob("*.html")} == set(PAGES)


def test_site_gives_a_stage_it_has_never_heard_of_its_page(page: Callable[[str], str]) -> None:
    text = text_of(page("odd_checks"))
    for expected in (
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


def test_chapter_lists_its_stages_with_what_each_came_to(page: Callable[[str], str]) -> None:
    main = main_of(page("scrub"))
    assert text_of(main) == (
        "Audit of birds Scrub What is odd? Odd checks What does odd_checks ask? 9 images odd. "
        "3 high Torn images , Rare classes 3 medium Pale images 4 low Small images"
    )
    images = Reader(main).attributes("img", "src")
    assert images == ["figures/odd_checks/heights.png"]
    assert 'id="stage-odd_checks"' in main  # where links led when the stage stood on this page
    assert "Open findings: none" not in page("obtain")  # of a stage that looks for none


def test_chapter_says_of_a_stage_that_all_is_well(manifest: pd.DataFrame) -> None:
    write_outputs(artifacts(None))
    assert "Open findings: none." in text_of((render(manifest) / "scrub.html").read_text(encoding="utf-8"))


def test_pages_lead_from_stage_to_stage_across_chapters(page: Callable[[str], str]) -> None:
    def turned(name: str) -> list[str]:
        links = [attrs for tag, attrs in Reader(page(name)).elements if tag == "link"]
        return [f"{link['rel']} {link['href']}" for link in links if link["rel"] in ("prev", "next")]

    assert turned("index") == turned("obtain") == ["next intake.html"]
    assert turned("intake") == ["next odd_checks.html"]
    assert turned("odd_checks") == ["prev intake.html", "next exam.html"]
    assert turned("interpret") == ["prev odd_checks.html", "next exam.html"]
    assert turned("provenance") == ["prev exam.html"]


@pytest.mark.parametrize("name", PAGES)
def test_every_page_lists_all_stages_by_chapter(page: Callable[[str], str], name: str) -> None:
    html = page(name)
    menu = html[html.index('class="all-stages"') : html.index("</aside>")]
    links = re.findall(r'<summary>(\w+)</summary>|<a href="(\w+\.html)"', menu)
    assert ["".join(link) for link in links] == [
        *("Obtain", "intake.html", "Scrub", "odd_checks.html", "Interpret", "exam.html")
    ]


def test_search_knows_stages_figures_tables_metrics_and_kinds_of_findings(site: Path) -> None:
    places = {(sort, title): (place, href) for sort, title, place, href, _ in searched(site)}
    assert places[("Page", "Scrub")] == ("", "scrub.html")
    assert places[("Stage", "Odd checks")] == ("Scrub", "odd_checks.html")
    assert places[("Figure", "Heights of all")] == ("Odd checks", "odd_checks.html#odd_checks-heights")
    assert places[("Table", "Per class")] == ("Odd checks", "odd_checks.html#odd_checks-table-per_class")
    assert places[("Metric", "Test accuracy")] == ("Exam: 0.975", "exam.html#metric.test_accuracy")
    torn = ("Odd checks: 2 images", "index.html#finding-odd_checks-torn")
    assert places[("Finding", "Torn images")] == torn
    unseen = ("Odd checks: none found", "odd_checks.html#findings")
    assert places[("Finding", "Images upside down")] == unseen


def test_site_shows_notes_as_written(page: Callable[[str], str]) -> None:
    assert "Nothing was weighed , because there are no scales <here>." in text_of(page("intake"))


def test_index_and_page_say_why_a_stage_judged_nothing(manifest: pd.DataFrame) -> None:
    made = artifacts(odd_findings())
    write_outputs(made)
    OutputWriter(EXAM, root="images").write_reason("all labels are <b>owl</b>")
    odd = {"odd_checks": replace(made["odd_checks"], unjudged="no image is sharp", findings=None)}
    write_outputs(odd)
    results = read_results({stage.name: stage for stage in STAGES}, [Path("analysis_outputs")])
    assert failure_of(stages_by_reason(results), 3) == (
        "the report is made, but 2 of 3 stages had nothing to judge. odd_checks: no image is sharp; exam: "
        "all labels are <b>owl</b>."
    )
    assert failure_of({}, 3) == ""
    index = (render(manifest) / "index.html").read_text(encoding="utf-8")
    assert (
        "Not judged No image is sharp. So there is nothing from Odd checks . All labels are <b>owl</b>."
        in (text_of(index))
    )
    assert "Images upside down" not in text_of(index)  # as a fault that was looked for and not found
    page = Path("analysis_outputs/report/exam.html").read_text(encoding="utf-8")
    assert "Not judged: all labels are <b>owl</b>." in text_of(page)


def test_site_names_tables_for_programs_without_showing_them(page: Callable[[str], str]) -> None:
    assert "data/manifest.parquet One row per image." in text_of(page("intake"))


def test_site_leaves_out_stages_that_the_report_does_not_declare(manifest: pd.DataFrame) -> None:
    write_outputs(artifacts(odd_findings()))
    narrow = replace(REPORT, deps=(Path("analysis_outputs/intake"),))
    site = render(manifest, stages=(INTAKE, ODD_CHECKS, EXAM, narrow))
    assert {file.stem for file in site.glob("*.html")} == {"index", "obtain", "intake", "provenance"}
    assert len(read_as_text(site / "findings.csv")) == 0


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
    assert [text_of(heading) for heading in headings(html)] == ["Exam: easy", "Exam: hard"]
    assert re.findall(r'<p class="summary">(.*?)</p>', html) == ["Exam@easy.", "Exam@hard."]
    assert_all_lead_somewhere(site)


@pytest.mark.parametrize("name", ["index", "map", "provenance", "report", "Scrub", "exam@a/b #1?"])
def test_stage_s_page_clashes_with_no_other(manifest: pd.DataFrame, name: str) -> None:
    stage = make_stage("made_up.scrub.odd_checks", ["section.json"])
    stage = replace(stage, name=name, outs=(Path("analysis_outputs/clash/section.json"),))
    deps = (Path("analysis_outputs/clash"), Path("analysis_outputs/intake"))
    narrow = replace(REPORT, name="publish", deps=deps)
    write_outputs(
        {**artifacts(None), name: Artifacts(summary="a stage of an odd name")}, stages=(INTAKE, stage)
    )
    site = render(manifest, stages=(INTAKE, stage, narrow))
    pages = {file.name.lower() for file in site.rglob("*.html")}  # some file systems know no capitals
    assert len(pages) == 6
    assert {"index.html", "obtain.html", "intake.html", "scrub.html", "provenance.html"} < pages
    assert "a stage of an odd name" in (site / "scrub.html").read_text(encoding="utf-8").lower()
    assert "<h1>What to do first</h1>" in (site / "index.html").read_text(encoding="utf-8")
    assert_all_lead_somewhere(site)


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
    assert list(read_as_text(site / "findings.csv").columns)[:2] == ["item_id", "path"]


def test_index_without_an_evaluated_model_shows_no_accuracy(manifest: pd.DataFrame) -> None:
    made = artifacts(odd_findings())
    made["exam"] = Artifacts(metrics={"test_accuracy": float("nan")})
    write_outputs(made)
    assert "Test accuracy" not in (render(manifest) / "index.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("backbone", "records", "expected"),
    [
        (
            "efficientnet_lite0",
            {"linear_probe": {"seconds": 4.96, "finished": "today", "summary": "sure"}},
            "Test accuracy 97.5% see Exam linear probe on pretrained features 91.2% [87.3, 94.0], in 5.0 s",
        ),
        ("patches", {}, "linear probe on features learnt without labels 91.2% [87.3, 94.0] Splits"),
    ],
)
def test_index_shows_the_probe_beside_the_network(manifest, backbone, records, expected) -> None:
    probe = make_stage(
        "analysis.model.linear_probe",
        ["section.json", "metrics.json"],
        deps=["data/manifest.parquet"],
        **{"embed.backbone": backbone},
    )
    reached = {"": 0.9118, "_low": 0.8734, "_high": 0.9399}
    metrics = {f"probe_test_accuracy{end}": value for end, value in reached.items()}
    own = replace(REPORT, deps=(*REPORT.deps, Path("analysis_outputs/linear_probe")))
    stages = (INTAKE, ODD_CHECKS, EXAM, probe, own)
    write_outputs({**artifacts(None), "linear_probe": Artifacts(metrics=metrics)}, stages=stages)
    site = render(manifest, stages=stages, run_records=records)
    text = " ".join(text_of((site / "index.html").read_text(encoding="utf-8")).split())
    assert expected in text


def test_index_without_test_images_for_the_probe_does_not_name_it(manifest: pd.DataFrame) -> None:
    made = artifacts(None)
    made["exam"] = Artifacts(metrics={"test_accuracy": 0.975, "probe_test_accuracy": float("nan")})
    write_outputs(made)
    assert "linear probe" not in (render(manifest) / "index.html").read_text(encoding="utf-8")


def test_index_says_when_no_image_could_be_read_and_none_is_labelled(manifest: pd.DataFrame) -> None:
    write_outputs(artifacts(None))
    columns = ("format", "width_px", "height_px", "value_range")
    scan = pd.DataFrame({"item_id": [0], **{name: [None] for name in columns}})
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
    assert len(read_as_text(site / "findings.csv")) == 10


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


# ---- two pictures side by side ---------------------------------------------------------------------------


def pairs_in(site: Path) -> list[str]:
    html = (site / "index.html").read_text(encoding="utf-8")
    return re.findall(r'<figure class="tile pair">.*?</figure>', html, flags=re.DOTALL)


def test_pair_shows_both_pictures_and_marks_what_differs(pair_site: Path) -> None:
    first, second, third = pairs_in(pair_site)
    size, other_size = "8 × 8 px, 104 B", "900 × 600 px, 103 B"
    assert text_of(first) == (
        f"{HOSTILE_LABEL} train · {size} 04.png "
        f"owl train · {other_size} 03.png "
        "resized 0.90 The two differ in label and size."
    )
    assert re.findall(r"<mark><bdi>(.*?)</bdi></mark>", second) == [
        *("train", "8 × 8 px, 105 B", "validation", "8 × 8 px, 106 B")
    ]
    assert "&lt;i&gt;near&lt;/i&gt;" in second
    assert Reader(first).attributes("img", "src") == ["assets/thumbnails/4.png", "assets/thumbnails/3.jpg"]
    assert "far 0.70" in text_of(third)


def test_pair_named_from_both_sides_is_shown_once(pair_site: Path) -> None:
    assert sum("04.png" in pair and "03.png" in pair for pair in pairs_in(pair_site)) == 1
    html = (pair_site / "index.html").read_text(encoding="utf-8")
    assert "4 images , 40.0% of all" in text_of(html)  # it is counted, and listed, from both


def test_pairs_are_as_many_as_make_the_pictures_asked_for(manifest: pd.DataFrame) -> None:
    write_outputs(artifacts(pair_findings()))
    assert len(pairs_in(render(manifest, thumbnails_per_kind=3))) == 2
    assert pairs_in(render(manifest, thumbnails_per_kind=0)) == []


def test_pair_with_a_file_that_must_not_be_opened_shows_why(pair_site: Path) -> None:
    third = pairs_in(pair_site)[2]
    assert "outside root" in text_of(third)
    assert Reader(third).attributes("a", "href") == 2 * [f"../../photos/birds/{quote(HOSTILE_NAME)}"]
    assert not (pair_site / "assets" / "thumbnails" / "7.png").exists()


def test_pair_s_table_links_to_both_files_and_its_csv_names_them(pair_site: Path) -> None:
    html = (pair_site / "index.html").read_text(encoding="utf-8")
    (row,) = [row for row in re.findall(r"<tr .*?</tr>", html) if "0.90" in row]
    assert Reader(row).attributes("a", "href") == ["../../photos/birds/04.png", "../../photos/birds/03.png"]
    ledger = read_as_text(pair_site / "findings.csv").set_index("score")
    assert ledger.loc["0.9", ["other_item_id", "other_path", "other_label", "other_split"]].tolist() == [
        *("3", "03.png", "owl", "train")
    ]
    assert ledger.loc["0.9", "detail"] == "resized: 03.png"  # in full


# ---- what is escaped -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PAGES)
def test_page_holds_nothing_of_hostile_names_as_markup(page: Callable[[str], str], name: str) -> None:
    html = page(name)
    assert Reader(html).attributes("script", "src") == SCRIPTS
    assert html.count("<script") == len(SCRIPTS)
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
    cells = read_as_text(site / file).stack()
    assert not cells.str.match(r"[=+@]|-\D").any()
    assert f"'{FORMULA_LABEL}" in set(cells)


def test_csv_of_findings_holds_every_finding_worst_first(site: Path) -> None:
    ledger = read_as_text(site / "findings.csv")
    assert ledger["item_id"].tolist() == ["1", "2", "", "0", "3", "9", "6", "8", "7", "5"]
    assert ledger.loc[2, "label"] == HOSTILE_LABEL
    assert ledger.loc[3, "path"] == f"photos/birds/{HOSTILE_NAME}"
    assert set(ledger["stage"]) == {"odd_checks"}


# ---- what is linked --------------------------------------------------------------------------------------


def test_every_link_picture_and_search_entry_leads_somewhere(
    site: Path, map_site: Path, pair_site: Path
) -> None:
    for each in (site, map_site, pair_site):
        assert_all_lead_somewhere(each)


def test_stages_and_findings_link_to_each_other(page: Callable[[str], str]) -> None:
    def links(name: str) -> list[str]:
        return Reader(main_of(page(name))).attributes("a", "href")

    assert links("index").count("odd_checks.html") == 4  # from each card
    assert "exam.html" in links("index")  # from the accuracy
    torn = "index.html#finding-odd_checks-torn"
    assert torn in links("odd_checks")
    assert torn in links("scrub")
    assert links("provenance") == 2 * ["intake.html", "odd_checks.html", "exam.html"]  # drawing and times


def test_stage_keeps_the_anchors_of_its_figures_and_tables(page: Callable[[str], str]) -> None:
    ids = [attrs.get("id") for _, attrs in Reader(page("odd_checks")).elements]
    assert {"odd_checks-heights", "odd_checks-table-per_class", "metric.n_odd", "findings"} <= set(ids)


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
    images = [a for t, a in Reader((site / "odd_checks.html").read_text("utf-8")).elements if t == "img"]
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
    assert "Small images: 4 decided" in text_of((site / "odd_checks.html").read_text(encoding="utf-8"))
    assert "Small images" not in text_of((site / "scrub.html").read_text(encoding="utf-8"))
    ledger = read_as_text(site / "findings.csv")
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

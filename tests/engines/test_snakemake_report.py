"""`snakemake --report` needs no network and shows figures and tables under their chapters, with captions."""

import pytest

pytestmark = pytest.mark.slow


def test_report_holds_figures_and_tables_with_their_captions(fresh):
    fresh.run("snakemake")
    run = fresh.call("snakemake", "--report", "report.html")
    assert run.code == 0, run.output
    page = (fresh.root / "report.html").read_text(encoding="utf-8")
    assert "Explore" in page
    assert "square.png" in page
    assert "A `black` square_." in page  # marks of reStructuredText in a caption are plain text
    assert "One row per text_ of *any* length." in page
    assert "lengths.csv" in page


def test_jobs_show_what_the_stage_answers(fresh):
    assert "measure@letters: How long is each text in letters?" in fresh.call("snakemake", "-n").output

"""A stage with nothing to judge takes neither the others nor the report with it, and the exit code tells."""

import pandas as pd
import pytest

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("engine", ["dvc", "snakemake"])
def test_report_is_made_of_what_could_be_judged_and_the_exit_code_says_what_not(fresh, engine):
    fresh.replace("params.yaml", "at_least: 0", "at_least: 1000")
    run = fresh.run(engine)
    assert run.code != 0
    assert run.stages == ["collect", "measure@letters", "measure@vowels-only", "report"]
    assert "measure@letters: nothing to judge, since no text is long enough" in run.output
    assert "report: 2 not judged" in run.output
    assert "Traceback" not in run.output
    assert (fresh.root / "analysis_outputs" / "report" / "index.html").exists()
    lengths = pd.read_csv(fresh.root / "analysis_outputs" / "measure_letters" / "lengths.csv")
    assert lengths["unjudged"].tolist() == ["no text is long enough"]
    again = fresh.run(engine)
    assert again.code != 0
    assert again.stages == ["report"]
    fresh.replace("params.yaml", "at_least: 1000", "at_least: 0")
    mended = fresh.run(engine)
    assert mended.code == 0
    assert mended.stages == ["measure@letters", "measure@vowels-only", "report"]

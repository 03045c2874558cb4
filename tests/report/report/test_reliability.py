from pathlib import Path

import pytest

from analysis.report.report.reliability import Reliability, read_reliability

HEADER = "stage,kind,fault,n_planted,n_found,n_reported,n_right\n"


class Result:
    """What `read_reliability` asks of a stage's result."""

    href = "self_test.html"
    unjudged = ""

    def __init__(self, *outs: Path) -> None:
        self.stage = type("Stage", (), {"outs": outs})()


def test_read_reliability_adds_the_faults_of_one_kind(tmp_path: Path) -> None:
    file = tmp_path / "self_test.csv"
    file.write_text(HEADER + "q,near,cropped,10,9,9,9\nq,near,rotated,10,5,7,6\nq,dark,dim,4,0,0,0\n")
    found = read_reliability([Result(tmp_path / "other.csv"), Result(file)])
    assert found["near"] == Reliability("self_test.html", 20, 14, 16, 15, "q")
    assert found["near"].recall == "70.0%"
    assert found["near"].text.startswith("of 20 such faults planted in this dataset 70.0% were found")
    assert "48.1% to 85.5%" in found["near"].text  # Wilson's interval of 14 of 20
    assert "93.8% of what was reported" in found["near"].text  # 15 of 16
    assert "reported" not in found["dark"].text  # nothing was, of which a share could be right


def test_what_planted_copies_show_is_not_said_of_the_datasets_own_pairs(tmp_path: Path) -> None:
    file = tmp_path / "self_test.csv"
    file.write_text(HEADER + "duplicates,near,cropped,10,9,10,9\n")
    text = read_reliability([Result(file)])["near"].text
    assert "of what was reported of them 90.0% was right, the rest look-alikes" in text
    assert "Of the dataset's own pairs this says nothing" in text


@pytest.mark.parametrize("rows", ["", "q,near,cropped,0,0,0,0\n"])
def test_read_reliability_without_trials_is_empty(tmp_path: Path, rows: str) -> None:
    file = tmp_path / "self_test.csv"
    file.write_text(HEADER + rows)
    assert read_reliability([Result(file)]) == {}
    assert read_reliability([Result()]) == {}


def test_a_self_test_that_tested_nothing_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "self_test.csv").write_text("unjudged\n20 images are too few\n")
    result = Result(tmp_path / "self_test.csv")
    result.unjudged = "20 images are too few"
    assert read_reliability([result]) == {}

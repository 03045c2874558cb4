import ast
import sys
from pathlib import Path

import pytest
from tqdm import tqdm

from analysis import progress as module
from analysis.progress import ProgressLines, progress

SOURCE = Path(__file__).parents[1] / "src"


class Clock:
    """Shows the time that it is set to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def lines_of(clock: Clock, **given) -> ProgressLines:
    return ProgressLines(**{"description": "scan", "unit": "images", "total": 60_000, **given}, clock=clock)


def test_a_line_says_how_many_how_fast_and_how_long_still(capsys):
    clock = Clock()
    lines = lines_of(clock)
    clock.now += 10
    lines.update(12_000)  # 1,200 per second: 48,000 are left, which take 40 seconds
    assert capsys.readouterr().err == "scan: 12,000 of 60,000 images, 1,200/s, 40 s left\n"


def test_lines_are_ten_seconds_apart_however_often_something_is_done(capsys):
    clock = Clock()
    lines = lines_of(clock)
    for second in range(1, 36):
        clock.now = 100 + second
        lines.update(100)
    done = [line.split()[1] for line in capsys.readouterr().err.splitlines()]
    assert done == ["1,000", "2,000", "3,000"]


def test_what_takes_less_than_ten_seconds_prints_nothing(capsys):
    clock = Clock()
    with lines_of(clock) as lines:
        for second in (3.0, 6.0, 9.9):
            clock.now = 100 + second
            lines.update(20_000)
    captured = capsys.readouterr()
    assert (captured.err, captured.out) == ("", "")


def test_what_an_earlier_run_has_done_counts_for_the_whole_but_not_for_the_speed(capsys):
    clock = Clock()
    lines = lines_of(clock, n_before=50_000)
    clock.now += 20
    lines.update(2_000)  # 100 per second: 8,000 are left
    assert capsys.readouterr().err == "scan: 52,000 of 60,000 images, 100/s, 80 s left\n"


def test_items_pass_through_in_order_and_each_counts_once_it_is_done(capsys):
    clock = Clock()
    seen = []
    for item in lines_of(clock, items="abc", total=3, description="folds", unit="folds"):
        seen.append(item)
        clock.now += 40
    assert seen == ["a", "b", "c"]
    assert capsys.readouterr().err.splitlines() == [
        "folds: 1 of 3 folds, 1.5/min, 80 s left",
        "folds: 2 of 3 folds, 1.5/min, 40 s left",
        "folds: 3 of 3 folds, 1.5/min, 0 s left",
    ]


def test_scores_stand_at_the_end_and_an_unknown_total_is_left_out(capsys):
    clock = Clock()
    lines = lines_of(clock, total=None)
    lines.set_postfix({"epoch": 3, "loss": "0.120"})
    clock.now += 10
    lines.update(5)
    assert capsys.readouterr().err == "scan: 5 images, 0.5/s, epoch 3, loss 0.120\n"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(89, "89 s"), (90, "2 min"), (3600, "60 min"), (5400, "1.5 h"), (36_000, "10.0 h")],
)
def test_time_is_given_in_the_unit_that_fits(seconds, words):
    assert module._time_of(seconds) == words


def test_a_terminal_gets_a_bar_and_a_pipe_gets_lines(monkeypatch):
    given = {"description": "scan", "unit": "images"}
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False, raising=False)
    assert isinstance(progress([1, 2], **given), ProgressLines)
    assert progress([1, 2], **given).total == 2
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    bar = progress([1, 2], **given, n_before=1)
    assert isinstance(bar, tqdm)
    assert (bar.total, bar.n, bar.leave) == (2, 1, False)
    assert list(bar) == [1, 2]


def test_no_other_module_asks_tqdm_for_a_bar():
    asking = [
        file.relative_to(SOURCE).as_posix()
        for file in SOURCE.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if (isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "tqdm")
        or (isinstance(node, ast.Import) and any(alias.name.split(".")[0] == "tqdm" for alias in node.names))
    ]
    assert asking == ["analysis/progress.py"]

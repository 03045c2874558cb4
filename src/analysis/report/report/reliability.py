"""How far each check is to be trusted on this dataset: what the self-test found of faults that it planted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from analysis.report.report.results import StageResult
from analysis.report.report.tables import read_as_text
from analysis.report.report.wording import write_percent
from analysis.statistics.proportions import wilson_interval

FILE = "self_test.csv"
COPIES = "duplicates"  # the stage whose findings are judged by planted copies


@dataclass(frozen=True)
class Reliability:
    """Of faults that should be found as one kind: how many were planted and found, reported and right."""

    href: str
    n_planted: int
    n_found: int
    n_reported: int
    n_right: int
    stage: str

    @property
    def recall(self) -> str:
        return write_percent(self.n_found / self.n_planted)

    @property
    def text(self) -> str:
        low, high = (write_percent(end) for end in wilson_interval(self.n_found, self.n_planted))
        planted = f"of {self.n_planted:,} such faults planted in this dataset"
        found = f"{planted} {self.recall} were found (95% interval {low} to {high})"
        if not self.n_reported:
            return f"{found}."
        right = write_percent(self.n_right / self.n_reported)
        if self.stage != COPIES:
            return f"{found}; {right} of what was reported was planted."
        return (
            f"{found}; of what was reported of them {right} was right, the rest look-alikes. Of the "
            "dataset's own pairs this says nothing: each one's score is the probability that it is a copy."
        )


def read_reliability(results: Sequence[StageResult]) -> dict[str, Reliability]:
    """By the name of the kind of finding; empty where the self-test has not run."""
    for result in results:
        (file,) = [out for out in result.stage.outs if out.name == FILE] or [None]
        if file is not None and not result.unjudged:
            counts = ["n_planted", "n_found", "n_reported", "n_right"]
            table = read_as_text(file).astype(dict.fromkeys(counts, int))
            numbers = table.groupby(["kind", "stage"])[counts].sum()
            return {
                str(kind): Reliability(result.href, *(int(n) for n in row), str(stage))
                for (kind, stage), row in zip(numbers.index, numbers.to_numpy(), strict=True)
                if row[0]
            }
    return {}

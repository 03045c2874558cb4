"""How far long work has come: a bar on a terminal; into a file or a pipe, a line every ten seconds."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Self

from tqdm import tqdm

SECONDS_PER_LINE = 10
SECONDS_TO_BAR = 1  # what is done sooner needs none


class ProgressLines:
    """Prints lines such as "scan: 12,000 of 60,000 images, 9,300/s, 5 s left"; none for short work.

    It takes of a bar's methods those that we use. A line is printed when something has been done, so that
    steps of a minute print a line per minute.
    """

    def __init__(
        self,
        items: Iterable[Any] | None = None,
        *,
        description: str,
        unit: str,
        total: int | None = None,
        n_before: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.items = items
        self.description = description
        self.unit = unit
        self.total = total
        self.n = self.n_before = n_before
        self.clock = clock
        self.started = self.printed = clock()
        self.scores = ""

    def __iter__(self) -> Iterator[Any]:
        for item in self.items:
            yield item
            self.update()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Nothing is left to take away, as a bar would be."""

    def set_postfix(self, scores: dict[str, Any]) -> None:
        self.scores = "".join(f", {name} {value}" for name, value in scores.items())

    def update(self, n: int = 1) -> None:
        self.n += n
        now = self.clock()
        if now - self.printed >= SECONDS_PER_LINE:
            self.printed = now
            print(self._line(now - self.started), file=sys.stderr, flush=True)

    def _line(self, seconds: float) -> str:
        per_second = (self.n - self.n_before) / seconds
        done = f"{self.n:,}" if self.total is None else f"{self.n:,} of {self.total:,}"
        left = "" if self.total is None else f", {_time_of((self.total - self.n) / per_second)} left"
        return f"{self.description}: {done} {self.unit}, {_speed_of(per_second)}{left}{self.scores}"


Progress = tqdm | ProgressLines


def progress(
    items: Iterable[Any] | None = None,
    *,
    description: str,
    unit: str,
    total: int | None = None,
    n_before: int = 0,
) -> Progress:
    """Go through `items`, or `update(n)` what is returned, and a person sees how far that has come.

    Parameters
    ----------
    unit
        What is counted, in the plural.
    total
        How many there will be; needed only where `items` has no length.
    n_before
        How many were done before, by an earlier run.
    """
    if total is None and hasattr(items, "__len__"):
        total = len(items)
    if not sys.stderr.isatty():
        return ProgressLines(items, description=description, unit=unit, total=total, n_before=n_before)
    return tqdm(
        items,
        desc=description,
        unit=f" {unit}",
        total=total,
        initial=n_before,
        delay=SECONDS_TO_BAR,
        leave=False,
    )


def _speed_of(per_second: float) -> str:
    """To two digits: "9,300/s", "0.43/s", "2.4/min"."""
    number, unit = (per_second, "s") if per_second >= 0.1 else (per_second * 60, "min")
    rounded = float(f"{number:.2g}")
    return f"{rounded:,.0f}/{unit}" if rounded >= 10 else f"{rounded:g}/{unit}"


def _time_of(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 90 * 60 else f"{seconds / 3600:.1f} h"

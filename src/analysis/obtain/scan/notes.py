from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import pandas as pd

from analysis.dataset.readable import READABLE

SCAN_CAPTION = "One row per image: whether it could be decoded, and what was measured of it."
N_REASONS = 3  # said; the table has all
N_DISTINCT = 1000  # reasons kept: damaged files may each have their own
STATUS_WORDS = {
    "missing": "there is no file at the path",
    "outside_root": "the path leads out of the dataset's folder",
    "symlink_loop": "the link leads back to itself",
    "bad_name": "the name is not valid UTF-8",
    "not_a_file": "a folder or a device stands there",
}


@dataclass
class Counts:
    """Of the rows of the scan, part by part."""

    n: int = 0
    of_status: Counter[str] = field(default_factory=Counter)
    of_reason: Counter[str] = field(default_factory=Counter)  # why there is no picture
    of_limit: Counter[str] = field(default_factory=Counter)
    n_several_pages: int = 0
    n_pages_unseen: int = 0

    @property
    def n_readable(self) -> int:
        return sum(self.of_status[status] for status in READABLE)

    def add(self, rows: pd.DataFrame) -> None:
        self.n += len(rows)
        self.of_status.update(rows["status"])
        without = rows[~rows["status"].isin(READABLE)]
        words = without["status"].map(STATUS_WORDS).fillna(without["status"])
        self._count(self.of_reason, without["error"].fillna(words))
        self._count(self.of_limit, without.loc[without["status"] == "too_large", "error"])
        several = rows.loc[rows["n_pages"].fillna(1) > 1, "n_pages"]
        self.n_several_pages += len(several)
        self.n_pages_unseen += int((several - 1).sum())

    @staticmethod
    def _count(counter: Counter[str], reasons: pd.Series) -> None:
        for reason in reasons:
            counter[reason if reason in counter or len(counter) < N_DISTINCT else "other reasons"] += 1


def notes_on(counts: Counts) -> list[str]:
    notes = []
    if counts.of_limit:
        notes.append(
            f"Not decoded for a limit that keeps hostile files from filling the memory: "
            f"{_listed(counts.of_limit)}. The files need not be damaged; scaled down or cut into tiles, "
            "they are read."
        )
    if counts.n_several_pages:
        notes.append(
            f"Files of several pages or frames: {counts.n_several_pages:,}. The first of each is the image; "
            f"{counts.n_pages_unseen:,} further ones were not seen. Save them as files of their own if "
            "they belong to the dataset."
        )
    return notes


def failure_of(counts: Counts) -> str:
    """Why nothing can be made of the dataset; empty if there is an image to be had."""
    if not counts.n or counts.n_readable:
        return ""
    return (
        f"none of the dataset's {counts.n:,} images can be read: {_listed(counts.of_reason)}. Mend or "
        "replace the files, or correct dataset.path, then run again."
    )


def _listed(reasons: Counter[str]) -> str:
    said = [f"{n:,} × {reason.rstrip('.')}" for reason, n in reasons.most_common(N_REASONS)]
    n_others = sum(reasons.values()) - sum(n for _, n in reasons.most_common(N_REASONS))
    return "; ".join(said + [f"{n_others:,} for other reasons"] * bool(n_others))

"""Finds the range of values of the dataset's pictures of more than 8 bits, while they are decoded."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from analysis.dataset.value_range import FLOATS, INTEGERS, ValueRange, kind_of_mode

FEW = 0.05  # of the images; where so few alone stretch the range, that is said


class FoundRanges(dict[str, ValueRange]):
    """By kind of value, the range that holds all that have been seen so far.

    Workers get it as it is when a batch goes to them, so that few pictures are measured by a narrower range
    than the dataset turns out to have. These are decoded again in the end, no others twice.
    """

    def __init__(self) -> None:
        self.of_images: dict[tuple[str, ValueRange], int] = {}  # how many images alone need which range
        self.extremes: dict[str, ValueRange] = {}

    def add(self, modes: Iterable[str], extremes: Iterable[str]) -> None:
        """Take in images by the scan's columns `mode` and `value_extremes`, those of 8 bits having none."""
        for mode, text in zip(modes, extremes, strict=True):
            own = ValueRange.read(text)
            if own is None:
                continue
            kind = kind_of_mode(mode)
            known = self.extremes.get(kind, own)
            self.extremes[kind] = ValueRange(min(known.black, own.black), max(known.white, own.white))
            self[kind] = ValueRange.holding(*self.extremes[kind], kind)
            need = kind, ValueRange.holding(*own, kind)
            self.of_images[need] = self.of_images.get(need, 0) + 1

    def of_rows(self, rows: pd.DataFrame) -> pd.Series:
        """The text of each row's range, as it is in the end; missing for pictures of 8 bits."""
        texts = {kind: str(value_range) for kind, value_range in self.items()}
        kinds = rows["mode"].map(kind_of_mode, na_action="ignore")
        return kinds.map(texts).where(rows["value_extremes"].notna()).astype("string")

    def notes(self) -> list[str]:
        return [self._note(kind) for kind in (INTEGERS, FLOATS) if kind in self]

    def _note(self, kind: str) -> str:
        needs = {need: n for (of, need), n in self.of_images.items() if of == kind}
        n, whole, extremes = sum(needs.values()), self[kind], self.extremes[kind]
        note = (
            f"Images of more than 8 bits: {n:,}, with {kind} from {extremes.black:,.6g} to "
            f"{extremes.white:,.6g}. In all of them {whole.black:,.6g} is black and "
            f"{whole.white:,.6g} white, in every stage."
        )
        n_widest = sum(n_of for need, n_of in needs.items() if need.white >= whole.white)
        others = [need.white for need in needs if need.white < whole.white]
        if others and n_widest <= FEW * n:
            note += (
                f" {n_widest:,} alone exceed {max(others):,.6g}: if they are faulty, dataset.exclude or "
                "decisions.csv leaves them out, and the others become brighter."
            )
        return note

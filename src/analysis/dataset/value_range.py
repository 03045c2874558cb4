"""What is black and what is white in pictures of more than 8 bits, which no file says of itself.

A file of 16 bits may hold 10, 12 or 14 (cameras, X-rays, microscopes), signed numbers (CT) or any others, so
its own type tells nothing, and its own extremes tell of one picture only: scaled by them, a dark picture
looks like a bright one. The range is therefore that of the dataset, the least of a few that holds every
value of every such picture: its ends are powers of two, so that a dataset which grows seldom gets another
one. `scan` finds it while it decodes, and hands it on in its table, one cell per picture concerned.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

BITS = (8, 10, 12, 14, 16)  # of sensors and of the files that hold what they measure
INTEGERS, FLOATS = "integers", "floats"  # kinds of values, each with a range of its own


class ValueRange(NamedTuple):
    """The values that are shown black and white; others are the nearer of the two. As text: "0..4095"."""

    black: float
    white: float

    def __str__(self) -> str:
        return "..".join(f"{end:.17g}" for end in self)

    @classmethod
    def read(cls, text: object) -> ValueRange | None:
        """Of a cell of the scan's column `value_range`; None where there is none, as for 8 bits."""
        return cls(*map(float, text.split(".."))) if isinstance(text, str) else None

    @classmethod
    def holding(cls, least: float, greatest: float, kind: str) -> ValueRange:
        """The least range of those in use that holds all values from `least` to `greatest`."""
        if kind == INTEGERS:
            black = -_power_of_two(-least) if least < 0 else 0
            n_bits = max(1, math.ceil(math.log2(max(greatest, 0) + 1)))
            if least >= 0:
                n_bits = next((bits for bits in BITS if n_bits <= bits), n_bits)
            return cls(black, 2**n_bits - 1)
        if least >= 0:
            return cls(0, 1 if greatest <= 1 else 255 if greatest <= 255 else _power_of_two(greatest))
        return cls(-_power_of_two(-least), _power_of_two(greatest) if greatest > 0 else 0)


Ranges = Mapping[str, ValueRange]  # by kind of value


def kind_of_mode(mode: str) -> str:
    """Of the values of a picture, by Pillow's name for how they are stored."""
    return FLOATS if mode == "F" else INTEGERS


def extremes(values: np.ndarray) -> tuple[float, float]:
    """The least and the greatest finite value; 0 and 0 where there is none."""
    if values.dtype.kind == "f":
        values = values[np.isfinite(values)]
    return (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)


def in_8_bits(values: np.ndarray, value_range: ValueRange) -> np.ndarray:
    """Grey levels, uint8. Of integers each stands for equally many values: of 16 bits it is the high byte."""
    black, white = value_range
    if values.dtype.kind in "iu":
        scaled = np.floor((values - np.float32(black)) * np.float32(256 / (white - black + 1)))
    else:
        scaled = np.rint((values - np.float32(black)) * np.float32(255 / (white - black)))
    return np.nan_to_num(scaled, nan=0, posinf=255, neginf=0).clip(0, 255).astype(np.uint8)


def _power_of_two(value: float) -> float:
    """The least one that is not less than a positive `value`."""
    return 2.0 ** math.ceil(math.log2(value))

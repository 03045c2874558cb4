"""The names of the splits, and what people call them."""

from __future__ import annotations

SPLITS = ("train", "validation", "test")
SPLIT_NAMES = {
    "train": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
}


def split_named(name: str) -> str | None:
    """The split that a folder's name or a CSV's value means, in any case; None if it means none."""
    return SPLIT_NAMES.get(name.strip().casefold())

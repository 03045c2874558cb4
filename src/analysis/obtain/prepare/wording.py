"""Names and numbers in the sentences of this stage."""

from __future__ import annotations

from collections.abc import Iterable


def listed(names: Iterable[str], *, at_most: int = 10) -> str:
    """'a', 'b' and 3 more."""
    quoted = [f"'{name}'" for name in names]
    more = f" and {len(quoted) - at_most:,} more" if len(quoted) > at_most else ""
    return ", ".join(quoted[:at_most]) + more


def counted(n: int, one: str, many: str = "") -> str:
    """1 image, 2 images; 1 class, 2 classes."""
    return f"{n:,} {one if n == 1 else many or f'{one}s'}"

"""How names and numbers of the pipeline are written for a person.

Columns and metrics carry their unit in the name (`n_images`, `image_bytes`, `flagged_fraction`); the report
writes the unit where a reader expects it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

SPELLINGS = {
    "auc": "AUC",
    "auroc": "AUROC",
    "cramers": "Cramér’s",
    "csv": "CSV",
    "deepdive": "deep dive",
    "ece": "ECE",
    "exif": "EXIF",
    "f1": "F1",
    "fgsm": "FGSM",
    "gradcam": "Grad-CAM",
    "id": "ID",
    "item": "image",  # of a dataset of images
    "items": "images",
    "l2": "L2",
    "linf": "L∞",
    "p01": "1st percentile",
    "p05": "5th percentile",
    "p25": "25th percentile",
    "p50": "median",
    "p75": "75th percentile",
    "p95": "95th percentile",
    "p99": "99th percentile",
    "pca": "PCA",
    "pgd": "PGD",
    "psnr": "PSNR",
    "resnet": "ResNet",
    "rgb": "RGB",
    "rms": "RMS",
    "sha256": "SHA-256",
    "ssim": "SSIM",
    "std": "standard deviation",
}
UNIT_ENDINGS = {"bits": "(bits)", "fraction": "share", "px": "(px)", "seconds": "(s)"}
ABSENT = "–"


def title_of(name: str) -> str:
    """A name of the pipeline as a heading: `n_images` is "Images", `train@focal` is "Train: focal"."""
    words = name.replace("@", "_:_").split("_")
    if (
        len(words) > 1 and words[0] in ("n", "is") and len(words[1]) > 1
    ):  # but not in `n_a`, of splits a and b
        words = words[1:]
    if len(words) > 1 and words[-1] in UNIT_ENDINGS:
        words[-1] = UNIT_ENDINGS[words[-1]]
    elif len(words) > 1 and words[-1] == "bytes":
        words = words[:-1]  # the number carries its own unit: "1.2 MB"
    text = " ".join(SPELLINGS.get(word, word) for word in words).replace(" : ", ": ")
    return text[:1].upper() + text[1:]


def write_number(name: str, value: float | str | None) -> str:
    """One number with the unit that its name tells, rounded as `decimals_of` says; a text as it is."""
    if isinstance(value, str):
        return value
    if value is None or not math.isfinite(value):
        return ABSENT
    if name.endswith("_fraction"):
        return write_percent(value)
    if name.endswith("_bytes"):
        return write_bytes(value)
    return _plain(value, decimals_of([value]))


def write_numbers(name: str, values: Sequence[float | None]) -> list[str]:
    """A column of numbers, all with the same number of decimals so that they can be compared at a glance."""
    present = [value for value in values if value is not None and math.isfinite(value)]
    if name.endswith(("_fraction", "_bytes")):
        return [write_number(name, value) for value in values]
    if name.endswith("_id"):
        return [ABSENT if value is None else f"{value:.0f}" for value in values]
    decimals = 2 if name.endswith("score") else decimals_of(present)
    return [
        ABSENT if value is None or not math.isfinite(value) else _plain(value, decimals) for value in values
    ]


def decimals_of(values: Sequence[float]) -> int:
    """None for whole numbers; else three if all are below 10, two below 100, one below 1,000, then none."""
    if all(float(value).is_integer() for value in values):
        return 0
    largest = max(abs(value) for value in values)
    return max(0, 3 - max(0, math.floor(math.log10(largest))))


def _plain(value: float, decimals: int) -> str:
    if value != 0 and abs(value) < 10**-decimals / 2:
        return f"{value:.2g}"  # a p-value of 3e-12 is not 0.000
    return f"{value:,.{decimals}f}".replace("-", "−")


def write_percent(share: float) -> str:
    """A share in [0, 1] as a percentage that never rounds something to nothing or to all."""
    if 0 < share < 0.001:
        return "<0.1%"
    if 0.999 < share < 1:
        return ">99.9%"
    return f"{share:.0%}" if share in (0, 1) else f"{share:.1%}"


def write_bytes(n_bytes: float) -> str:
    """A size in decimal units, as file managers write it."""
    size, unit = float(n_bytes), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if size < 999.5:
            break
        size, unit = size / 1000, larger
    return f"{size:.0f} {unit}" if size >= 100 or unit == "B" else f"{size:.1f} {unit}"


def write_duration(seconds: float) -> str:
    """Seconds as a person says them: "0.4 s", "38 s", "4 min 05 s", "2 h 07 min"."""
    if seconds < 59.5:
        return f"{seconds:.1f} s" if seconds < 9.95 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def count_of(n: int, noun: str) -> str:
    """A counted noun: "1 image", "1,200 images", "2 classes"."""
    plural = noun + ("es" if noun.endswith("s") else "s")
    return f"{n:,} {noun if n == 1 else plural}"


def list_of(words: Sequence[str], *, at_most: int) -> str:
    """Words as a list in a sentence: "a", "a and b", "a, b and 3 others"."""
    named = list(words)
    if len(named) > at_most + 1:  # "and 1 other" would take the room of the one
        named = [*named[:at_most], f"{len(named) - at_most:,} others"]
    *first, last = named
    return f"{', '.join(first)} and {last}" if first else last

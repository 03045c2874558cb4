"""What do the checks of light and detail find, and what do they flag falsely, kind of image by kind?

    python benchmarks/quality.py [--clothing FOLDER] [--cifar10 FOLDER] [--kinds NAME ...] [--out FILE.json]

Of each kind of `quality_kinds` a clean dataset is drawn and judged, then the same with one fault in 1 of 20
images, with the thresholds of params.yaml. Two Markdown tables: what was flagged of the clean, and recall and
precision per fault. A fault of light counts as found under any of the kinds of `LIGHT`.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import cv2
import numpy as np
import pandas as pd
import yaml
from numpy.typing import NDArray
from PIL import Image
from quality_kinds import Picture, as_bytes, drawn, kinds_of

from analysis.obtain.scan.measures import NUMBERS, measure_files
from analysis.scrub.quality_checks.checks import run_checks
from analysis.scrub.quality_checks.parameters import QualityChecksParameters

N_CLEAN, N_PLANTED, PLANTED_SHARE = 200, 40, 0.05
LIGHT = ("low_information", "too_dark", "too_bright")
JUDGED = (*LIGHT, "blurry")
ROOT = Path(__file__).parents[1]


# ---- faults -----------------------------------------------------------------------------------------------


def black_frame(picture: Picture, rng: np.random.Generator) -> Picture:
    return as_bytes(picture * 0.0 + np.abs(rng.normal(0, rng.uniform(0, 1.5), picture.shape)))


def white_frame(picture: Picture, rng: np.random.Generator) -> Picture:
    return 255 - black_frame(picture, rng)


def one_colour(picture: Picture, rng: np.random.Generator) -> Picture:
    return as_bytes(rng.uniform(30, 225, 3) + rng.normal(0, rng.uniform(0, 2), picture.shape))


def defocused(picture: Picture, rng: np.random.Generator) -> Picture:
    """By a disc, as a lens does, of 2.5 to 5% of the shorter side in radius, at least 1.5 px."""
    radius = max(1.5, rng.uniform(0.025, 0.05) * min(picture.shape[:2]))
    reach = int(np.ceil(radius))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    return filtered(picture, np.clip(radius + 0.5 - np.hypot(x, y), 0, 1))


def motion(share: float) -> Callable[[Picture, np.random.Generator], Picture]:
    """Along a line in any direction, of this share of the longer side, at least 3 px."""

    def moved(picture: Picture, rng: np.random.Generator) -> Picture:
        length, angle = max(3.0, share * max(picture.shape[:2])), rng.uniform(0, np.pi)
        reach = int(np.ceil(length / 2)) + 1
        large = np.zeros((8 * (2 * reach + 1),) * 2)
        middle = np.array([len(large) / 2] * 2)
        half = 4 * length * np.array([np.cos(angle), np.sin(angle)])
        ends = [tuple(round(float(v)) for v in middle + side * half) for side in (-1, 1)]
        cv2.line(large, *ends, 1.0, 8)
        return filtered(picture, cv2.resize(large, (2 * reach + 1,) * 2, interpolation=cv2.INTER_AREA))

    return moved


def filtered(picture: Picture, kernel: NDArray) -> Picture:
    return as_bytes(
        cv2.filter2D(picture.astype(np.float32), -1, kernel / kernel.sum(), borderType=cv2.BORDER_REFLECT)
    )


def underexposed(picture: Picture, rng: np.random.Generator) -> Picture:
    """A twentieth to a fifth of the light, then a camera's noise."""
    return as_bytes(picture * rng.uniform(0.05, 0.2) + rng.normal(0, 1, picture.shape))


def overexposed(picture: Picture, rng: np.random.Generator) -> Picture:
    """Only the upper 5 to 20% of the scale are left."""
    return as_bytes(255 - (255.0 - picture) * rng.uniform(0.05, 0.2))


FAULTS = {
    "black frame": black_frame,
    "white frame": white_frame,
    "one colour": one_colour,
    "underexposed": underexposed,
    "overexposed": overexposed,
    "defocus": defocused,
    "motion 5%": motion(0.05),
    "motion 8%": motion(0.08),
    "motion 12%": motion(0.12),
}
NAMES = {
    **dict.fromkeys(("black frame", "white frame", "one colour", "underexposed", "overexposed"), LIGHT),
    **dict.fromkeys(("defocus", "motion 5%", "motion 8%", "motion 12%"), ("blurry",)),
}


# ---- datasets ---------------------------------------------------------------------------------------------


def measured(pictures: list[Picture], folder: Path, rng: np.random.Generator) -> pd.DataFrame:
    """Saved, half as PNG and half as JPEG (small ones all as PNG), and measured as `scan` does."""
    folder.mkdir(parents=True)
    paths = []
    for number, picture in enumerate(pictures):
        lossy = min(picture.shape[:2]) >= 32 and rng.random() < 0.5
        path = folder / f"{number:05d}{'.jpg' if lossy else '.png'}"
        Image.fromarray(picture).save(path, **({"quality": int(rng.integers(75, 96))} if lossy else {}))
        paths.append(path.as_posix())
    found = measure_files(paths, {})
    table = pd.DataFrame(found.columns).assign(path=paths, label="a", split="train")
    for name in (*NUMBERS, "is_greyscale"):
        table[name] = found.measures[name]
    return table.astype({"label": "category", "split": "category", "error": "string", "mode": "string"})


def flags_of(images: pd.DataFrame, parameters: QualityChecksParameters) -> pd.DataFrame:
    """Per image, whether each of `JUDGED` flags it."""
    images = images.reset_index(drop=True).rename_axis("item_id")
    found = {check.kind.name: check.is_flagged for check in run_checks(images, parameters)}
    return pd.DataFrame({name: found[name].astype(bool) for name in JUDGED})


def judge_planted(
    clean: pd.DataFrame, planted: pd.DataFrame, names: tuple[str, ...], parameters: QualityChecksParameters
) -> dict[str, int]:
    """Planted images by turns in place of 1 in 20 clean ones; found, planted, flagged in all."""
    n = max(1, round(PLANTED_SHARE * len(clean)))
    found = flagged = 0
    for start in range(0, len(planted), n):
        some = planted.iloc[start : start + n]
        flags = flags_of(pd.concat([clean.iloc[len(some) :], some]), parameters)[list(names)].any(axis=1)
        found, flagged = found + int(flags.iloc[-len(some) :].sum()), flagged + int(flags.sum())
    return {"n_planted": len(planted), "n_found": found, "n_flagged": flagged}


def try_kind(name: str, draw: Any, n_clean: int, folder: Path, parameters: QualityChecksParameters) -> dict:
    rng = np.random.default_rng(0)
    clean = measured(list(drawn(draw, n_clean, rng)), folder / "clean", rng)
    flags = flags_of(clean, parameters)
    result: dict[str, Any] = {"n_clean": n_clean, "clean": {k: int(v) for k, v in flags.sum().items()}}
    result["any"] = int(flags.any(axis=1).sum())
    result["faults"] = {}
    for fault, change in FAULTS.items():
        originals = drawn(draw, N_PLANTED if n_clean > 20 else 5, rng)
        pictures = [change(picture, rng) for picture in originals]
        planted = measured(pictures, folder / fault, rng)
        result["faults"][fault] = judge_planted(clean, planted, NAMES[fault], parameters)
    return result


# ---- tables -----------------------------------------------------------------------------------------------


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--clothing", type=Path)
    parser.add_argument("--cifar10", type=Path)
    parser.add_argument("--kinds", nargs="*")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--keep", type=Path, help="folder for the pictures, to look at")
    arguments = parser.parse_args()
    parameters = QualityChecksParameters.model_validate(
        yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))["quality_checks"]
    )
    kinds = kinds_of(arguments.clothing, arguments.cifar10)
    sizes = dict.fromkeys(kinds, N_CLEAN) | {"five photographs": 5}
    kinds["five photographs"] = kinds["photographs, scikit-image"]
    chosen = arguments.kinds or list(kinds)
    with TemporaryDirectory() as temporary:
        folder = arguments.keep or Path(temporary)
        results = {}
        for name in chosen:
            print(name, file=sys.stderr, flush=True)
            results[name] = try_kind(name, kinds[name], sizes[name], folder / name, parameters)
    if arguments.out:
        arguments.out.write_text(json.dumps(results, indent=1))
    print_tables(results)


def print_tables(results: dict[str, dict]) -> None:
    print("| flagged of the clean | n |", " | ".join(JUDGED), "| any |")
    print("|---|---:|" + "---:|" * (len(JUDGED) + 1))
    for name, result in results.items():
        counts = " | ".join(str(result["clean"][kind]) for kind in JUDGED)
        print(f"| {name} | {result['n_clean']} | {counts} | {result['any']} |")
    print("\n| recall, precision |", " | ".join(FAULTS), "|\n|---|" + "---|" * len(FAULTS))
    for name, result in results.items():
        cells = [cell_of(result["faults"][fault]) for fault in FAULTS]
        print(f"| {name} |", " | ".join(cells), "|")


def cell_of(counts: dict[str, int]) -> str:
    recall = counts["n_found"] / counts["n_planted"]
    precision = counts["n_found"] / counts["n_flagged"] if counts["n_flagged"] else float("nan")
    return f"{recall:.2f}, {precision:.2f}"


if __name__ == "__main__":
    main()

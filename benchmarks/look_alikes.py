"""Datasets of look-alikes, drawn from a seed, to try `duplicates.py` on: what is alike in them is no copy.

    python benchmarks/look_alikes.py FOLDER

writes five folders, each with `train` and `test`:

- `masks`: 200 two-level masks, each with one wavy edge at its own height and wave;
- `heads`: 40 heads in one pose, 14 neighbouring slices of each;
- `receipts`: 200 printed receipts of four shops, slightly turned;
- `exposures`: 150 pieces of a rough surface, each in three exposures (`N_0`, `N_1`, `N_2`): these are copies;
- `mixture`: 60 masks, 60 heads, 60 receipts and 30 pieces of the surface in two exposures each.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter

SIDE_PX = 256
RECEIPT_PX = (300, 500)
EXPOSURES = (0.7, 1.0, 1.5)
GOODS = (
    "MILK",
    "BREAD",
    "EGGS",
    "RICE",
    "SOAP",
    "TEA",
    "SUGAR",
    "OIL",
    "SALT",
    "FISH",
    "JAM",
    "CAKE",
    "WINE",
)
SHOPS = ("SHOP & CO", "MARKET", "KWIK STORE", "CAFE")
Picture = np.ndarray  # uint8 (height, width)


def smooth_noise(rng: np.random.Generator, shape: tuple[int, ...], sigma) -> np.ndarray:
    noise = gaussian_filter(rng.normal(size=shape), sigma, mode="wrap")
    return noise / noise.std()


def as_bytes(values: np.ndarray) -> Picture:
    return np.clip(values, 0, 255).astype(np.uint8)


def mask(rng: np.random.Generator) -> Picture:
    x = 2 * np.pi * np.arange(SIDE_PX) / SIDE_PX
    height, wave = SIDE_PX * rng.uniform(0.25, 0.75), SIDE_PX * rng.uniform(0.02, 0.1)
    turns, phase = rng.uniform(0.5, 4), rng.uniform(0, 2 * np.pi)
    edge = height + wave * (np.sin(turns * x + phase) + 0.3 * np.sin(2.3 * turns * x + 2 * phase))
    return np.where(np.arange(SIDE_PX)[:, None] > edge, 230, 25).astype(np.uint8)


def slices_of_head(rng: np.random.Generator, n: int) -> Iterator[Picture]:
    """Neighbouring slices share the skull and most of what is inside."""
    y, x = np.mgrid[:SIDE_PX, :SIDE_PX] / SIDE_PX - 0.5
    width, height, turn = rng.uniform(0.32, 0.4), rng.uniform(0.4, 0.46), rng.normal(0, 0.05)
    u, v = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    fine = smooth_noise(rng, (n + 8, SIDE_PX, SIDE_PX), (1.5, 3, 3))
    coarse = smooth_noise(rng, (n + 8, SIDE_PX // 4, SIDE_PX // 4), 2.5)
    for number in range(n):
        size = 1 - abs(number - n / 2) / n / 2
        radius = np.hypot(u / (width * size), v / (height * size))
        soft = cv2.resize(coarse[number + 4], (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_CUBIC)
        skull = 180 * np.exp(-(((radius - 1) / 0.035) ** 2))
        tissue = (90 + 18 * soft + 14 * fine[number + 4]) * (radius < 0.93)
        yield as_bytes(skull + tissue + rng.normal(0, 2.5, radius.shape) * (radius < 1.1))


def receipt(rng: np.random.Generator) -> Picture:
    width, height = RECEIPT_PX
    paper = as_bytes(245 - 4 * np.abs(smooth_noise(rng, (height, width), 60)))

    def write(text: str, x: int, y: int, size: float = 0.5) -> None:
        cv2.putText(paper, text, (x, y), cv2.FONT_HERSHEY_SIMPLEX, size, 35, 1 + (size > 0.6), cv2.LINE_AA)

    write(str(rng.choice(SHOPS)), 70, 30, 0.8)
    write("TAX INVOICE", 90, 60)
    n_lines = int(rng.integers(6, 16))
    for line in range(n_lines):
        write(f"{rng.integers(1, 4)} {rng.choice(GOODS)}", 20, 85 + 22 * line)
        write(f"{rng.uniform(1, 50):.2f}", 220, 85 + 22 * line)
    write(f"TOTAL {rng.uniform(10, 200):.2f}", 20, 95 + 22 * n_lines, 0.7)
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), rng.normal(0, 0.8), 1)
    return as_bytes(cv2.warpAffine(paper, turn, RECEIPT_PX, borderValue=240) + rng.normal(0, 2, paper.shape))


def exposures_of_surface(rng: np.random.Generator, n: int) -> Iterator[Picture]:
    relief = sum(
        weight * smooth_noise(rng, (SIDE_PX, SIDE_PX), s) for s, weight in ((1, 0.6), (3, 1), (8, 0.8))
    )
    for exposure in EXPOSURES[:n]:
        light = exposure * np.clip(0.3 + 0.07 * relief, 0, 1)
        yield as_bytes(255 * np.clip(light, 0, 1) ** (1 / 2.2) + rng.normal(0, 2.5, light.shape))


def pictures_of(kind: str, rng: np.random.Generator, n: int) -> Iterator[tuple[str, Picture]]:
    """`n` of a kind, or more, where they come in series; each with a name."""
    for number in range(n):
        if kind == "heads":
            series = slices_of_head(rng, 14 if n == 40 else 1)
        elif kind == "exposures":
            series = exposures_of_surface(rng, 3 if n == 150 else 2)
        else:
            series = iter([{"masks": mask, "receipts": receipt}[kind](rng)])
        for place, picture in enumerate(series):
            yield f"{kind}_{number:03d}_{place}", picture


DATASETS = {
    "masks": {"masks": 200},
    "heads": {"heads": 40},
    "receipts": {"receipts": 200},
    "exposures": {"exposures": 150},
    "mixture": {"masks": 60, "heads": 60, "receipts": 60, "exposures": 30},
}


def write_look_alikes(folder: Path, *, seed: int = 0) -> list[Path]:
    """All datasets below `folder`; their folders."""
    for dataset, kinds in DATASETS.items():
        rng = np.random.default_rng(seed)
        for kind, n in kinds.items():
            for name, picture in pictures_of(kind, rng, n):
                target = folder / dataset / ("test" if rng.random() < 0.3 else "train") / kind
                target.mkdir(parents=True, exist_ok=True)
                suffix = "png" if kind == "masks" else "jpg"
                Image.fromarray(picture).save(target / f"{name}.{suffix}", quality=90)
    return [folder / dataset for dataset in DATASETS]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    print(*write_look_alikes(parser.parse_args().folder), sep="\n")

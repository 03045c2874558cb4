"""Two datasets of kinds that are no photographs, drawn from a seed: figures in ink, and surfaces.

    python benchmarks/made_datasets.py FOLDER

writes `line_art` (12 classes, grey, 128 px) and `textures` (8 classes, colour, 160 px), 100 images of each
class, 70 for training and 30 for test. What sets classes apart is what is drawn; place, size, turn, stroke,
light and colour vary within each.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter

N_TRAINING, N_TEST = 70, 30  # of a class
INK_PX, SURFACE_PX = 128, 160

# ---- figures in ink: strokes as points in [-1, 1] ---------------------------------------------------------


def polygon(n: int, turns: int = 1) -> Callable[[], list[np.ndarray]]:
    angles = 2 * np.pi * turns * np.arange(n + 1) / n
    return lambda: [np.column_stack([np.sin(angles), -np.cos(angles)])]


def curve(radius: Callable[[np.ndarray], np.ndarray], turns: float = 1) -> Callable[[], list[np.ndarray]]:
    angles = np.linspace(0, 2 * np.pi * turns, 160)
    return lambda: [(radius(angles) * np.array([np.sin(angles), -np.cos(angles)])).T]


def strokes(*lines: list[tuple[float, float]]) -> Callable[[], list[np.ndarray]]:
    return lambda: [np.array(line, dtype=float) for line in lines]


FIGURES = {
    "triangle": polygon(3),
    "square": polygon(4),
    "hexagon": polygon(6),
    "star": polygon(5, turns=2),
    "circle": curve(np.ones_like),
    "spiral": curve(lambda angles: angles / angles.max(), turns=3),
    "flower": curve(lambda angles: 0.65 + 0.35 * np.cos(5 * angles)),
    "heart": strokes([(0, 1), (-1, -0.2), (-0.7, -0.9), (0, -0.4), (0.7, -0.9), (1, -0.2), (0, 1)]),
    "arrow": strokes([(-1, 0), (1, 0)], [(0.5, -0.5), (1, 0), (0.5, 0.5)]),
    "cross": strokes([(-1, 0), (1, 0)], [(0, -1), (0, 1)]),
    "house": strokes([(-0.8, 1), (-0.8, -0.1), (0, -1), (0.8, -0.1), (0.8, 1), (-0.8, 1)]),
    "ladder": strokes([(-0.4, -1), (-0.4, 1)], [(0.4, -1), (0.4, 1)], *[
        [(-0.4, y), (0.4, y)] for y in (-0.6, 0, 0.6)
    ]),
}  # fmt: skip


def draw_figure(label: str, rng: np.random.Generator) -> Image.Image:
    """A figure in ink on paper, by an unsteady hand."""
    large = 4 * INK_PX
    page = Image.new("L", (large, large), int(rng.integers(225, 256)))
    pen = ImageDraw.Draw(page)
    angle, ink = rng.normal(0, 0.35), int(rng.integers(0, 90))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    size = large * rng.uniform(0.22, 0.4) * rng.uniform(0.8, 1.2, 2)
    middle = large * rng.uniform(0.42, 0.58, 2)
    width = int(rng.integers(8, 28))
    for stroke in FIGURES[label]():
        points = _fine(stroke)
        wobble = gaussian_filter(rng.normal(size=points.shape), (12, 0)) * 0.25
        placed = ((points + wobble) @ turn.T) * size + middle
        pen.line([tuple(point) for point in placed], fill=ink, width=width, joint="curve")
    return page.resize((INK_PX, INK_PX), Image.Resampling.LANCZOS)


def _fine(stroke: np.ndarray) -> np.ndarray:
    at = np.linspace(0, len(stroke) - 1, 200)
    return np.column_stack([np.interp(at, np.arange(len(stroke)), stroke[:, k]) for k in (0, 1)])


# ---- surfaces: fields (px, px) of any range ---------------------------------------------------------------


def turned_grid(rng: np.random.Generator, bend: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    y, x = np.mgrid[:SURFACE_PX, :SURFACE_PX] / SURFACE_PX
    angle = rng.uniform(0, np.pi)
    u, v = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    shift = bend * smooth_noise(rng, 14) if bend else 0
    return u + shift, v + shift


def smooth_noise(rng: np.random.Generator, sigma: float) -> np.ndarray:
    noise = gaussian_filter(rng.normal(size=(SURFACE_PX, SURFACE_PX)), sigma, mode="wrap")
    return noise / noise.std()


def waves(at: np.ndarray, rng: np.random.Generator, low: float, high: float) -> np.ndarray:
    return np.sin(2 * np.pi * (rng.uniform(low, high) * at + rng.random()))


def stripes(rng: np.random.Generator) -> np.ndarray:
    return waves(turned_grid(rng)[0], rng, 7, 12)


def checks(rng: np.random.Generator) -> np.ndarray:
    u, v = turned_grid(rng)
    return np.sign(waves(u, rng, 4, 7) * waves(v, rng, 4, 7))


def dots(rng: np.random.Generator) -> np.ndarray:
    u, v = turned_grid(rng)
    return (waves(u, rng, 6, 9) + waves(v, rng, 6, 9) > 0.9).astype(float)


def wood(rng: np.random.Generator) -> np.ndarray:
    u, v = turned_grid(rng, bend=0.03)
    return waves(np.hypot(u + rng.uniform(0.5, 2), 0.25 * v), rng, 12, 20)


def marble(rng: np.random.Generator) -> np.ndarray:
    return -np.abs(waves(turned_grid(rng, bend=0.09)[0], rng, 2, 4))


def cells(rng: np.random.Generator) -> np.ndarray:
    seeds = rng.random((int(rng.integers(40, 90)), 2)) * SURFACE_PX
    y, x = np.mgrid[:SURFACE_PX, :SURFACE_PX]
    distances = np.hypot(x[..., None] - seeds[:, 0], y[..., None] - seeds[:, 1])
    nearest = np.partition(distances, 1, axis=-1)
    return np.minimum(nearest[..., 1] - nearest[..., 0], 6.0)


def bricks(rng: np.random.Generator) -> np.ndarray:
    u, v = turned_grid(rng)
    rows, columns = rng.uniform(7, 11), rng.uniform(3, 5)
    row = np.floor(v * rows)
    within = np.stack([(v * rows) % 1, (u * columns + 0.5 * (row % 2)) % 1])
    return (within > np.array([0.12, 0.05])[:, None, None]).all(axis=0).astype(float)


def clouds(rng: np.random.Generator) -> np.ndarray:
    return sum(smooth_noise(rng, sigma) * sigma for sigma in (2, 5, 12))


SURFACES = {f.__name__: f for f in (stripes, checks, dots, wood, marble, cells, bricks, clouds)}


def photograph_surface(label: str, rng: np.random.Generator) -> Image.Image:
    """A surface in two colours, under light from one side, with a camera's noise."""
    field = SURFACES[label](rng)
    share = ((field - field.min()) / np.ptp(field))[..., None]
    dark, light = rng.uniform(20, 120, 3), rng.uniform(130, 240, 3)
    u, _ = turned_grid(rng)
    shade = 1 + rng.uniform(0, 0.4) * (u - u.mean())[..., None]
    pixels = (dark + share * (light - dark)) * shade + rng.normal(0, 6, (*field.shape, 3))
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def write_datasets(folder: Path, *, seed: int = 0) -> list[Path]:
    """Both datasets below `folder`, by split and class; their folders."""
    kinds = {"line_art": (FIGURES, draw_figure), "textures": (SURFACES, photograph_surface)}
    for kind, (classes, draw) in kinds.items():
        rng = np.random.default_rng(seed)
        for label in classes:
            for split, n in (("train", N_TRAINING), ("test", N_TEST)):
                target = folder / kind / split / label
                target.mkdir(parents=True, exist_ok=True)
                for i in range(n):
                    draw(label, rng).save(target / f"{i:03d}.png")
    return [folder / kind for kind in kinds]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    print(*write_datasets(parser.parse_args().folder), sep="\n")

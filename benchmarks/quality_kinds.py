"""Kinds of images on which checks of quality are tried: photographs, and what is none.

Each function draws one clean picture, uint8 of shape (height, width) or (height, width, 3); what varies
within a kind (size, light, skew, noise) is what varies in life. `kinds_of` names them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from made_datasets import FIGURES, SURFACES, draw_figure, photograph_surface
from matplotlib import get_data_path
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy.ndimage import gaussian_filter
from skimage import data
from sklearn.datasets import load_digits

Picture = NDArray[np.uint8]
Draw = Callable[[np.random.Generator], Picture]
MONOSPACED = Path(get_data_path()) / "fonts/ttf/DejaVuSansMono.ttf"
PHOTOGRAPHS = ("astronaut", "camera", "cat", "coffee", "coins", "rocket", "brick", "gravel", "grass", "moon")
LETTERS = np.array(list("ABCDEFGHIJKLMNOPRSTUVWZ"))


def as_bytes(values: NDArray) -> Picture:
    return np.clip(np.round(values), 0, 255).astype(np.uint8)


# ---- documents --------------------------------------------------------------------------------------------


def page_of_text(rng: np.random.Generator, *, ink: int, paper: int, n_lines: int) -> Image.Image:
    """A receipt: centred heads, then items with their prices, 24 to 40 letters a line."""
    columns, size = int(rng.integers(24, 41)), int(rng.integers(11, 19))
    font = ImageFont.truetype(MONOSPACED, size)
    width = int(font.getlength("M" * columns)) + 2 * int(rng.integers(8, 50))
    page = Image.new("L", (width, int(1.35 * size * n_lines) + int(rng.integers(20, 160))), paper)
    pen = ImageDraw.Draw(page)
    for line in range(n_lines):
        name = "".join(rng.choice(LETTERS, int(rng.integers(3, 14))))
        price = f"{rng.uniform(0.5, 99):.2f}"
        text = name.center(columns) if line < 3 else name + price.rjust(columns - len(name))
        if rng.random() < 0.85:
            pen.text(((width - font.getlength(text)) / 2, 15 + 1.35 * size * line), text, ink, font)
    return page


def receipt(rng: np.random.Generator) -> Picture:
    """On white paper, scanned: many short, some long, some faint (thermal paper), a few degrees askew."""
    faint = rng.random() < 0.3
    ink = int(rng.integers(110, 175)) if faint else int(rng.integers(0, 90))
    page = page_of_text(rng, ink=ink, paper=int(rng.integers(244, 256)), n_lines=int(rng.integers(5, 45)))
    paper = page.getpixel((0, 0))
    turned = np.asarray(page.rotate(rng.normal(0, 1), Image.Resampling.BICUBIC, fillcolor=paper))
    noise = rng.normal(0, rng.uniform(0, 2), turned.shape)
    return as_bytes(gaussian_filter(turned.astype(float), rng.uniform(0, 0.7)) + noise)


def receipt_on_black(rng: np.random.Generator) -> Picture:
    """The same before the black lid of a scanner, or on a dark table, askew."""
    page = receipt(rng)
    around = (int(rng.integers(5, 90)), int(rng.integers(5, 90)))
    lid = float(rng.integers(0, 50))
    height, width = page.shape
    whole = cv2.copyMakeBorder(
        page, around[0], around[0], around[1], around[1], cv2.BORDER_CONSTANT, value=lid
    )
    turn = cv2.getRotationMatrix2D((width / 2 + around[1], height / 2 + around[0]), rng.normal(0, 2), 1)
    whole = cv2.warpAffine(whole, turn, whole.shape[::-1], flags=cv2.INTER_CUBIC, borderValue=lid)
    return as_bytes(whole + rng.normal(0, 2, whole.shape))


def dense_page(rng: np.random.Generator) -> Picture:
    """Pages that look all alike: dark ink on white, one form in many copies, text the only difference."""
    page = page_of_text(rng, ink=20, paper=255, n_lines=40).resize((420, 594), Image.Resampling.LANCZOS)
    return np.asarray(page)


def line_art(rng: np.random.Generator) -> Picture:
    return np.asarray(draw_figure(list(FIGURES)[rng.integers(len(FIGURES))], rng))


def pure_line_art(rng: np.random.Generator) -> Picture:
    """Thin black strokes on pure white, without a grey level but those of smoothing; some with little ink."""
    side = int(rng.integers(160, 500))
    page = Image.new("L", (side, side), 255)
    pen = ImageDraw.Draw(page)
    for _ in range(int(rng.integers(1, 12))):
        points = [tuple(point) for point in rng.uniform(0.1, 0.9, (int(rng.integers(2, 6)), 2)) * side]
        pen.line(points, fill=0, width=int(rng.integers(1, 4)))
    return np.asarray(page)


# ---- masks, X-rays, digits --------------------------------------------------------------------------------


def mask(rng: np.random.Generator) -> Picture:
    """Two levels: blobs of 0.2% to 60% of the area, white on black, at times black on white, or boxes."""
    height, width = rng.integers(96, 320, 2)
    if rng.random() < 0.3:
        picture = np.zeros((height, width), np.uint8)
        y, x = (int(rng.integers(0, 0.7 * side)) for side in (height, width))
        picture[y : y + max(6, height // 6), x : x + max(6, width // 5)] = 255
    else:
        field = gaussian_filter(rng.normal(size=(height, width)), rng.uniform(0.03, 0.12) * width)
        picture = np.where(field > np.quantile(field, 1 - 10 ** rng.uniform(-2.7, -0.2)), 255, 0)
    return as_bytes(255 - picture if rng.random() < 0.3 else picture)


def x_ray(rng: np.random.Generator) -> Picture:
    """Soft bodies and ribs in dark grey, low contrast, on black, with some grain; often letters beside."""
    side = int(rng.integers(224, 480))
    y, x = np.mgrid[:side, :side] / side - 0.5
    x, y = x + rng.normal(0, 0.04), y + rng.normal(0, 0.04)
    body = 1 / (1 + np.exp((np.hypot(x / rng.uniform(0.3, 0.5), y / rng.uniform(0.4, 0.6)) - 1) * 25))
    ribs = np.sin(2 * np.pi * (rng.uniform(5, 8) * (y + rng.uniform(0.5, 1.5) * x**2) + rng.random()))
    lungs = sum(np.exp(-((((x - c) / 0.13) ** 2 + (y / 0.25) ** 2) ** 2)) for c in (-0.2, 0.2))
    marks = gaussian_filter(rng.normal(size=(side, side)), 2.5) * 2.5
    field = body * (0.75 - 0.45 * lungs + 0.08 * ribs + 0.06 * marks)
    picture = rng.uniform(70, 200) * gaussian_filter(field, rng.uniform(0.6, 1.6))
    picture = as_bytes(picture + rng.normal(0, rng.uniform(0.5, 3), picture.shape))
    if rng.random() < 0.4:
        cv2.putText(picture, "L", (8, 30), cv2.FONT_HERSHEY_SIMPLEX, 1, int(rng.integers(120, 255)), 2)
    return picture


def digit_8(rng: np.random.Generator) -> Picture:
    return as_bytes(load_digits_once()[rng.integers(len(load_digits_once()))] * 255 / 16)


def digit_28(rng: np.random.Generator) -> Picture:
    """As MNIST's: strokes that are smoothed, 20 px of 28."""
    small = digit_8(rng)
    large = Image.fromarray(small).resize((20, 20), Image.Resampling.BICUBIC)
    strokes = np.clip((np.asarray(large, float) - 70) * 2.2, 0, 255)
    return np.pad(as_bytes(strokes), 4)


@cache
def load_digits_once() -> NDArray:
    return load_digits().images


# ---- photographs ------------------------------------------------------------------------------------------


@cache
def whole_photographs() -> list[Picture]:
    return [getattr(data, name)() for name in PHOTOGRAPHS]


def piece_of_photograph(rng: np.random.Generator) -> Picture:
    """A half to all of one of scikit-image's pictures, at a size and light of its own."""
    whole = whole_photographs()[rng.integers(len(PHOTOGRAPHS))]
    sides = (np.array(whole.shape[:2]) * rng.uniform(0.5, 1, 2)).astype(int)
    y, x = (int(rng.integers(0, whole.shape[k] - sides[k] + 1)) for k in (0, 1))
    piece = whole[y : y + sides[0], x : x + sides[1]] * rng.uniform(0.6, 1.1)
    return as_bytes(piece + rng.normal(0, rng.uniform(0, 3), piece.shape))


def night(rng: np.random.Generator) -> Picture:
    """A photograph at a twentieth to a third of its light, with lamps in most, and a camera's noise."""
    picture = piece_of_photograph(rng) * rng.uniform(0.05, 0.33)
    height, width = picture.shape[:2]
    lamps = np.zeros((height, width))
    for _ in range(int(rng.integers(2, 12))):
        lamps[rng.integers(height), rng.integers(width)] = rng.uniform(2000, 30000)
    glow = gaussian_filter(lamps, 2) + 0.5 * gaussian_filter(lamps, 9)
    glow = glow if picture.ndim == 2 else glow[..., None]
    return as_bytes(picture + glow + rng.normal(0, rng.uniform(1, 5), picture.shape))


def texture(rng: np.random.Generator) -> Picture:
    return np.asarray(photograph_surface(list(SURFACES)[rng.integers(len(SURFACES))], rng))


def letterboxed(picture: Picture, rng: np.random.Generator) -> Picture:
    """Between two black bars, or within a black or white frame."""
    side = max(picture.shape[:2])
    bar, other = int(side * rng.uniform(0.06, 0.25)), int(side * rng.uniform(0.06, 0.25))
    around = [(bar, bar, 0, 0), (0, 0, bar, bar), (bar, bar, other, other)][rng.integers(3)]
    shade = [int(rng.choice([0, 0, 255]))] * 3
    return cv2.copyMakeBorder(picture, *around, cv2.BORDER_CONSTANT, value=shade)


def of_folder(folder: Path) -> Draw:
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in {".jpg", ".png"})
    return lambda rng: np.asarray(Image.open(paths[rng.integers(len(paths))]).convert("RGB"))


def mixed(*kinds: Draw) -> Draw:
    return lambda rng: kinds[rng.integers(len(kinds))](rng)


def kinds_of(clothing: Path | None, cifar10: Path | None) -> dict[str, Draw]:
    """By name; those of photographs of one's own only where their folder is given."""
    photographs = of_folder(clothing) if clothing else piece_of_photograph
    kinds: dict[str, Draw] = {
        "receipts": receipt,
        "receipts on black": receipt_on_black,
        "pages of one form": dense_page,
        "line art": line_art,
        "line art, pure": pure_line_art,
        "masks": mask,
        "X-rays": x_ray,
        "digits, 8 px": digit_8,
        "digits, 28 px": digit_28,
        "textures": texture,
        "photographs, scikit-image": piece_of_photograph,
        "night": night,
        "letterboxed photographs": lambda rng: letterboxed(photographs(rng), rng),
        "half receipts, half photographs": mixed(receipt, photographs),
        "masks, X-rays, photographs": mixed(mask, x_ray, photographs),
    }
    if clothing:
        kinds["photographs, clothing"] = photographs
    if cifar10:
        kinds["photographs, CIFAR-10"] = of_folder(cifar10)
    return kinds


def drawn(draw: Draw, n: int, rng: np.random.Generator) -> Iterator[Picture]:
    for _ in range(n):
        picture = draw(rng)
        yield picture if picture.ndim == 3 else np.repeat(picture[..., None], 3, axis=2)

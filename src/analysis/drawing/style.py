"""One look for every drawing: style, colours, and the few shapes that several stages draw.

Colours are safe for colour-blind readers: Okabe and Ito (2008) for up to eight classes, Paul Tol's muted
scheme with two additions for up to ten, evenly spaced hues of a perceptual map beyond that.
"""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.figure import Figure as Drawing
from matplotlib.font_manager import fontManager

OKABE_ITO = ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#B8A800", "#444444"]
TOL_MUTED = [
    "#332288",
    "#88CCEE",
    "#44AA99",
    "#117733",
    "#999933",
    "#DDCC77",
    "#CC6677",
    "#882255",
    "#AA4499",
    "#777777",
]
SPLIT_COLOURS = {"train": "#0072B2", "validation": "#E69F00", "test": "#009E73"}
SEQUENTIAL, DIVERGING = "cividis", "RdBu_r"
ACCENT, MUTED, WARNING = "#0072B2", "#8A939C", "#D55E00"
# For labels that the main font cannot write; those of these that are installed.
OTHER_SCRIPTS = [
    "Noto Sans CJK JP",
    "Noto Sans CJK SC",
    "WenQuanYi Micro Hei",
    "Noto Sans Arabic",
    "Noto Sans Hebrew",
    "Noto Sans Devanagari",
    "Noto Sans Thai",
    "Noto Emoji",
]
INSTALLED = {font.name for font in fontManager.ttflist}


matplotlib.rcParams.update(
    {
        "font.family": ["DejaVu Sans", *(name for name in OTHER_SCRIPTS if name in INSTALLED)],
        "figure.dpi": 150,
        "savefig.dpi": 150,
        "figure.constrained_layout.use": True,
        "figure.facecolor": "white",
        "font.size": 10,
        "axes.titlesize": 11,
        "axes.titleweight": "bold",
        "axes.titlelocation": "left",
        "axes.labelsize": 10,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.edgecolor": "#5A636B",
        "axes.grid": True,
        "axes.axisbelow": True,
        "grid.color": "#E3E6E8",
        "grid.linewidth": 0.8,
        "legend.frameon": False,
        "legend.fontsize": 9,
        "xtick.labelsize": 9,
        "ytick.labelsize": 9,
        "image.interpolation": "nearest",
    }
)


def new_figure(
    *, width: float = 8.0, height: float = 4.0, rows: int = 1, columns: int = 1
) -> tuple[Drawing, np.ndarray]:
    """A drawing of `width` × `height` inches and its (rows, columns) array of axes, free of global state."""
    drawing = Drawing(figsize=(width, height))
    return drawing, drawing.subplots(rows, columns, squeeze=False)


def class_colours(classes: Sequence[str]) -> dict[str, str | tuple[float, ...]]:
    """One colour a class, the same in every figure of a run; `classes` in the dataset's order."""
    n = len(classes)
    if n <= len(OKABE_ITO):
        palette: Sequence = OKABE_ITO
    elif n <= len(TOL_MUTED):
        palette = TOL_MUTED
    else:
        palette = [tuple(c) for c in matplotlib.colormaps["turbo"](np.linspace(0.05, 0.95, n))]
    return {label: palette[i] for i, label in enumerate(classes)}

"""Pictures in figures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing

from analysis.drawing.style import new_figure


def plot_image_grid(
    images: Sequence[np.ndarray], captions: Sequence[str], *, columns: int, size: float = 1.1
) -> Drawing:
    """Pictures side by side, each with a short caption below; `images` are (H, W, 3) uint8 arrays."""
    rows = max(1, -(-len(images) // columns))
    drawing, axes = new_figure(width=columns * size, height=rows * (size + 0.22), rows=rows, columns=columns)
    for axis in axes.flat:
        axis.set_axis_off()
    for axis, image, caption in zip(axes.flat, images, captions, strict=False):
        show_image(axis, image, caption)
    return drawing


def show_image(ax: Axes, image: np.ndarray, caption: str = "") -> Axes:
    """A picture without axes; `caption` stands below it. User text is drawn as is, never as mathematics."""
    ax.imshow(image, aspect="equal")
    ax.grid(visible=False)
    ax.set_axis_off()
    ax.text(0.5, -0.04, caption, transform=ax.transAxes, ha="center", va="top", fontsize=7, parse_math=False)
    return ax

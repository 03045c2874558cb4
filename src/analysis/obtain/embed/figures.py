"""Drawings of embeddings: images beside their nearest ones, and the patterns that features are made of."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure as Drawing

from analysis.contract import Figure
from analysis.drawing.pictures import show_image
from analysis.drawing.style import new_figure

N_NEIGHBOURS = 8
N_ATOMS = 120
ATOM_COLUMNS = 20


def plot_neighbours(
    embeddings: np.ndarray, thumbnails: np.ndarray, rows: np.ndarray, *, n_queries: int, seed: int
) -> Figure:
    """Some random images, each with those nearest to it by cosine similarity; `rows` are those embedded."""
    rng = np.random.default_rng(seed)
    queries = np.sort(rng.choice(rows, min(n_queries, len(rows)), replace=False))
    similarity = embeddings[queries] @ embeddings[rows].T
    similarity[np.arange(len(queries)), np.searchsorted(rows, queries)] = -np.inf  # not an image to itself
    n_shown = min(N_NEIGHBOURS, len(rows) - 1)
    nearest = np.argsort(-similarity, axis=1, kind="stable")[:, :n_shown]
    table = pd.DataFrame(
        {
            "item_id": np.repeat(queries, n_shown),
            "neighbour_id": rows[nearest].ravel(),
            "cosine_similarity": np.take_along_axis(similarity, nearest, axis=1).ravel(),
        }
    )
    return Figure(
        name="neighbours",
        title="Images and those most like them",
        caption=f"Left {len(queries)} random images, right of each the {n_shown} with the most similar "
        "embeddings (cosine below). If they have nothing in common that matters to you, neither will "
        "anything that is found from these embeddings.",
        drawing=_draw_neighbours(thumbnails, queries, table, n_shown),
        table=table,
    )


def _draw_neighbours(
    thumbnails: np.ndarray, queries: np.ndarray, table: pd.DataFrame, n_shown: int
) -> Drawing:
    drawing, axes = new_figure(width=9, height=0.95 * len(queries), rows=len(queries), columns=n_shown + 2)
    for axis in axes.flat:
        axis.set_axis_off()
    for row, query in zip(axes, queries, strict=True):
        show_image(row[0], thumbnails[query])
        for axis, hit in zip(row[2:], table[table["item_id"] == query].itertuples(), strict=True):
            show_image(axis, thumbnails[hit.neighbour_id], f"{hit.cosine_similarity:.2f}")
    return drawing


def plot_atoms(atoms: np.ndarray) -> Figure:
    """The first filters of a dictionary; `atoms` is (K, 3, height, width)."""
    shown = atoms[:N_ATOMS].transpose(0, 2, 3, 1)  # (K, 3, H, W) -> (K, H, W, 3)
    strength = np.abs(shown).max(axis=(1, 2, 3), keepdims=True).clip(min=1e-12)
    n_rows = -(-len(shown) // ATOM_COLUMNS)
    height, width = shown.shape[1:3]
    sheet = np.ones((n_rows * (height + 1), ATOM_COLUMNS * (width + 1), 3))
    for i, picture in enumerate(0.5 + shown / strength / 2):
        top, left = i // ATOM_COLUMNS * (height + 1), i % ATOM_COLUMNS * (width + 1)
        sheet[top : top + height, left : left + width] = picture
    drawing, axes = new_figure(width=9, height=9 * sheet.shape[0] / sheet.shape[1] + 0.1)
    show_image(axes[0, 0], sheet)
    return Figure(
        name="dictionary",
        title="What the features look for",
        caption=f"{len(shown)} of the {len(atoms)} patterns learnt from patches of this dataset's "
        "thumbnails: edges, bars and contrasts of colour. Noise instead of patterns means too few or too "
        "uniform images to learn from.",
        drawing=drawing,
    )

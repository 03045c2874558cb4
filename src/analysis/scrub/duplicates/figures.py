"""Draws pairs of copies side by side, opened again in full resolution."""

from __future__ import annotations

import textwrap

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.contract import Figure
from analysis.dataset.small_pictures import small_picture_if_any
from analysis.drawing.class_axis import short_label
from analysis.drawing.pictures import show_image
from analysis.drawing.style import new_figure

TILE_PX = 256
PAIRS_A_ROW = 4
CAPTION_LETTERS, LABEL_LETTERS = 44, 14  # that fit above a pair, and below an image


def pair_figures(pairs: pd.DataFrame, value_ranges: pd.Series, *, max_pairs: int) -> list[Figure]:
    """The leaking pairs, those with contradicting labels, and the least sure of the rest.

    `value_ranges` are of the scan, by `item_id`.
    """
    crosses = pairs["split_a"].astype(str) != pairs["split_b"].astype(str)
    chosen = {
        "leaking_pairs": (pairs[crosses], "Pairs across splits", "the surest first"),
        "contradicting_pairs": (
            pairs[pairs["is_contradicting"]],
            "Copies labelled differently",
            "surest first",
        ),
        "least_sure_pairs": (
            pairs[pairs["kind"] == "near"].sort_values("score", kind="stable"),
            "Near copies just above the threshold",
            "the least sure first: if most of these are no copies, raise duplicates.min_score",
        ),
    }
    return [
        Figure(
            name=name,
            title=title,
            caption=f"Two images of a pair side by side, {order}; above them the score and what was "
            "measured of the change, "
            f"below split and label of each. {min(len(rows), max_pairs):,} of {len(rows):,} pairs.",
            drawing=_drawing(rows.head(max_pairs), value_ranges),
            table=rows.head(max_pairs),
        )
        for name, (rows, title, order) in chosen.items()
        if len(rows)
    ]


def _drawing(pairs: pd.DataFrame, value_ranges: pd.Series):
    n_rows = -(-len(pairs) // PAIRS_A_ROW)
    drawing, axes = new_figure(
        width=2.4 * PAIRS_A_ROW, height=1.8 * n_rows, rows=n_rows, columns=2 * PAIRS_A_ROW
    )
    for axis in axes.flat:
        axis.set_axis_off()
    cells = axes.reshape(-1, 2)  # (rows, 2 x pairs a row) -> (pairs, 2)
    for (left, right), pair in zip(cells, pairs.itertuples(index=False), strict=False):
        tile_a, tile_b = _of_one_size(
            [
                _tile(pair.path_a, value_ranges[pair.item_id_a]),
                _tile(pair.path_b, value_ranges[pair.item_id_b]),
            ]
        )
        show_image(left, tile_a, _place(pair.split_a, pair.label_a))
        show_image(right, tile_b, _place(pair.split_b, pair.label_b))
        said = textwrap.shorten(f"{pair.score:.2f} {pair.change}", CAPTION_LETTERS, placeholder=" …")
        left.set_title(" ", fontsize=9, pad=2)  # the layout's room for what may be wider than the picture
        left.text(0, 1.02, said, transform=left.transAxes, va="bottom", fontsize=7, in_layout=False)
    return drawing


def _of_one_size(tiles: list[NDArray[np.uint8]]) -> list[NDArray[np.uint8]]:
    """On white, so that a lying and a standing picture have their words at one height."""
    height, width = np.max([tile.shape[:2] for tile in tiles], axis=0)
    canvases = []
    for tile in tiles:
        canvas = np.full((height, width, 3), 255, dtype=np.uint8)
        top, left = (height - tile.shape[0]) // 2, (width - tile.shape[1]) // 2
        canvas[top : top + tile.shape[0], left : left + tile.shape[1]] = tile
        canvases.append(canvas)
    return canvases


def _place(split: str, label: str) -> str:
    return f"{split}: {'(no label)' if pd.isna(label) else short_label(label, LABEL_LETTERS)}"


def _tile(path: str, value_range: str | None) -> NDArray[np.uint8]:
    """The image at display size; grey where it cannot be opened any more."""
    picture = small_picture_if_any(path, TILE_PX, value_range=value_range)
    return np.full((TILE_PX, TILE_PX, 3), 200, dtype=np.uint8) if picture is None else picture

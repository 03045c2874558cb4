"""Draws samples of every class and split, the flagged images, and how the judged measures are distributed.

Only the images shown are opened again, in full resolution.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing

from analysis.contract import Figure
from analysis.dataset.readable import READABLE
from analysis.dataset.small_pictures import small_picture_if_any
from analysis.drawing.style import ACCENT, MUTED, WARNING, new_figure
from analysis.progress import progress
from analysis.scrub.quality_checks.findings import Check

TILE_PX = 200  # shown at about 100 px in the report, twice that on a slide
NO_LABEL = "(no label)"
LOG_BASES = {"odd_size": 10, "odd_aspect_ratio": 2}  # the other measures are drawn on a linear axis
TITLE_WIDTH = 38  # characters of a line above a small drawing
N_BINS = 50


# ---- pictures --------------------------------------------------------------------------------------------


def _canvas(*, columns: float, rows: float, inches_per_tile: float) -> tuple[Drawing, Axes]:
    """A drawing and its only axes, in units of tiles: x to the right, y downwards."""
    drawing, axes = new_figure(width=columns * inches_per_tile, height=rows * inches_per_tile)
    ax = axes[0, 0]
    ax.set_axis_off()
    ax.grid(visible=False)
    ax.set(xlim=(0, columns), ylim=(rows, 0), aspect="equal")
    ax.set_autoscale_on(False)
    return drawing, ax


def _place(ax: Axes, tile: np.ndarray | None, x: float, y: float) -> None:
    """A picture in its own proportions, centred in the unit square at (x, y); a grey tile if none."""
    if tile is None:
        ax.fill(
            [x + 0.04, x + 0.96, x + 0.96, x + 0.04],
            [y + 0.04, y + 0.04, y + 0.96, y + 0.96],
            color="#ECEEF0",
        )
        ax.text(x + 0.5, y + 0.5, "no picture", ha="center", va="center", fontsize=7, color=MUTED)
        return
    height, width = tile.shape[:2]
    w, h = 0.92 * np.array([width, height]) / max(width, height)
    left, top = x + (1 - w) / 2, y + (1 - h) / 2
    ax.imshow(tile, extent=(left, left + w, top + h, top), interpolation="auto", aspect="auto")


def _wrapped(text: str, *, width: int, lines: int) -> str:
    """User text in so many lines at most, cut within a word if need be."""
    pieces = textwrap.wrap(text, width)
    if len(pieces) > lines:
        pieces = [*pieces[: lines - 1], pieces[lines - 1][: width - 1] + "…"]
    return "\n".join(pieces)


# ---- samples of every class and split --------------------------------------------------------------------


def plot_samples(images: pd.DataFrame, *, n_per_class: int, max_classes: int, seed: int) -> Figure:
    """Random images, one row per class and one block of columns a split."""
    labels = images["label"].astype("string").fillna(NO_LABEL)
    present = list(dict.fromkeys([*images["label"].cat.categories, NO_LABEL]))
    n_of_class = labels.value_counts().reindex(present).dropna().astype(int)
    shown = _spread_classes(n_of_class, max_classes)
    n_of_split = images["split"].astype("string").value_counts().reindex(images["split"].cat.categories)
    n_per_cell = max(1, n_per_class // max(1, len(n_of_split)))
    whole = images.assign(label=labels)[(images["status"] == "ok") & labels.isin(shown)]
    shuffled = whole.sample(frac=1, random_state=seed)
    sample = shuffled.groupby(["label", "split"], observed=True).head(n_per_cell)
    sample = sample.reset_index()[["label", "split", "item_id", "path", "value_range"]]
    return Figure(
        name="samples",
        title="What the images look like",
        caption=_samples_caption(n_per_cell, len(shown), len(n_of_class)),
        drawing=_draw_samples(sample, n_of_class[shown], n_of_split),
        table=sample.drop(columns="value_range").sort_values(
            ["label", "split", "item_id"], ignore_index=True
        ),
    )


def _spread_classes(n_of_class: pd.Series, max_classes: int) -> list[str]:
    """All classes, or so many of them from the largest to the smallest; in the dataset's order."""
    if len(n_of_class) <= max_classes:
        return list(n_of_class.index)
    by_size = n_of_class.sort_values(ascending=False, kind="stable").index
    ranks = np.linspace(0, len(by_size) - 1, max_classes).round().astype(int)
    return [label for label in n_of_class.index if label in set(by_size[ranks])]


def _samples_caption(n_per_cell: int, n_shown: int, n_classes: int) -> str:
    which = (
        f"{n_shown} of {n_classes:,} classes are shown, spread evenly from the largest to the smallest. "
        if n_shown < n_classes
        else ""
    )
    return (
        f"Up to {n_per_cell} random images of each class and split. {which}Read along a row: do the images "
        "show what the label says, and do the splits look alike? A border, stamp or background that "
        "only one class has is a shortcut for a model."
    )


def _draw_samples(sample: pd.DataFrame, n_of_class: pd.Series, n_of_split: pd.Series) -> Drawing:
    place = sample.groupby(["label", "split"], observed=True).cumcount()
    n_per_cell = max(1, place.max() + 1) if len(sample) else 1
    label_width, gap, header = 2.2, 0.3, 0.75
    starts = {split: label_width + k * (n_per_cell + gap) for k, split in enumerate(n_of_split.index)}
    rows = {label: header + k for k, label in enumerate(n_of_class.index)}
    columns = label_width + len(starts) * (n_per_cell + gap)
    drawing, ax = _canvas(columns=max(10, columns), rows=header + len(rows), inches_per_tile=0.66)
    for split, x in starts.items():
        ax.text(x + 0.04, header - 0.4, split, fontsize=10, weight="bold")
        ax.text(x + 0.04, header - 0.1, f"n = {n_of_split[split]:,}", fontsize=8, color=MUTED)
    for label, y in rows.items():
        x, name = label_width - 0.15, _wrapped(label, width=20, lines=2)
        ax.text(x, y + 0.55, name, ha="right", va="bottom", fontsize=9, parse_math=False)
        ax.text(x, y + 0.6, f"n = {n_of_class[label]:,}", ha="right", va="top", fontsize=7.5, color=MUTED)
    columns = (sample[name] for name in ("path", "value_range", "split", "label"))
    cells = zip(*columns, place, strict=True)
    cells = progress(cells, description="sample images", unit="images", total=len(sample))
    for path, value_range, split, label, k in cells:
        picture = small_picture_if_any(path, TILE_PX, value_range=value_range)
        _place(ax, picture, starts[split] + k, rows[label])
    return drawing


# ---- flagged images --------------------------------------------------------------------------------------


def flagged_images(
    images: pd.DataFrame, checks: Sequence[Check], findings: pd.DataFrame, *, max_images: int
) -> Figure:
    """The worst images of each kind, with everything that is wrong underneath."""
    titles = {check.kind.name: check.kind.title for check in checks}
    titles_of_image = findings["kind"].map(titles).groupby(findings["item_id"]).agg(" · ".join)
    worst = _worst_images(findings, max_images)
    worst = worst.assign(title=worst["item_id"].map(titles_of_image))
    worst = worst.merge(
        images[["path", "label", "status", "value_range"]], how="left", on="item_id", validate="1:1"
    )
    return Figure(
        name="flagged",
        title="Flagged images",
        caption=(
            f"{len(worst):,} of {findings['item_id'].nunique():,} flagged images: the worst of every kind, "
            "high severity first (in red). Underneath: what is wrong, what was measured for the gravest "
            "fault, item_id and label. A grey tile stands for an image that cannot be shown."
        ),
        drawing=_draw_flagged(worst),
        table=worst[["item_id", "label", "path", "title", "severity", "score", "detail"]],
    )


def _worst_images(findings: pd.DataFrame, max_images: int) -> pd.DataFrame:
    """One row per image, its gravest finding: the worst image of each kind, then the second of each, …"""
    gravity = findings["severity"].map({"high": 0, "medium": 1, "low": 2})
    rows = findings.drop(columns="label").assign(gravity=gravity, rank=findings.groupby("kind").cumcount())
    chosen = rows.sort_values(["rank", "gravity"], kind="stable")["item_id"].unique()[:max_images]
    rows = rows[rows["item_id"].isin(chosen)]
    rows = rows.sort_values(["gravity", "score"], ascending=[True, False], kind="stable")
    return rows.drop_duplicates("item_id")


def _draw_flagged(worst: pd.DataFrame) -> Drawing:
    n_columns, text_height = 6, 0.56
    n_rows = -(-len(worst) // n_columns)
    drawing, ax = _canvas(columns=n_columns, rows=n_rows * (1 + text_height), inches_per_tile=1.7)
    rows = progress(worst.itertuples(), description="flagged images", unit="images", total=len(worst))
    for k, row in enumerate(rows):
        x, y = k % n_columns, (k // n_columns) * (1 + text_height)
        # a path that is not sound may lead anywhere: such a file is not opened
        is_readable = row.status in READABLE
        how = {"value_range": row.value_range}
        _place(ax, small_picture_if_any(row.path, TILE_PX, **how) if is_readable else None, x, y)
        title = _wrapped(row.title, width=25, lines=2)
        detail = _wrapped(row.detail, width=30, lines=4)
        label = "no label" if pd.isna(row.label) else row.label
        colour = WARNING if row.severity == "high" else "#22282D"
        below = f"{detail}\nimage {row.item_id}, {_wrapped(label, width=20, lines=1)}"
        ax.text(x + 0.04, y + 1, title, va="top", fontsize=7.5, weight="bold", color=colour)
        offset = 0.09 * (1 + title.count("\n"))
        ax.text(x + 0.04, y + 1 + offset, below, va="top", fontsize=6.5, parse_math=False)
    return drawing


# ---- distributions ---------------------------------------------------------------------------------------


def measure_distributions(checks: Sequence[Check]) -> Figure:
    """A histogram of every judged measure, with the thresholds in force on this dataset."""
    measured = [check for check in checks if check.measure is not None]
    n_columns = 3
    n_rows = -(-len(measured) // n_columns)
    drawing, axes = new_figure(width=10, height=3.0 * n_rows, rows=n_rows, columns=n_columns)
    for unused in axes.flat[len(measured) :]:
        unused.set_axis_off()
    tables = [plot_measure(check, ax=ax) for check, ax in zip(measured, axes.flat, strict=False)]
    return Figure(
        name="measures",
        title="What was measured, and where the thresholds lie",
        caption=(
            "Number of images (logarithmic, so that a single one shows) by measured value. The line is the "
            "threshold in force on this dataset, images on its shaded side are flagged. If it cuts through "
            "the bulk of the images it is too strict here: change it in params.yaml (quality_checks)."
        ),
        drawing=drawing,
        table=pd.concat(tables, ignore_index=True),
    )


def plot_measure(check: Check, *, ax: Axes) -> pd.DataFrame:
    """A histogram of what a check judges, its flagged side shaded; returns the bins."""
    values = check.measure.dropna().to_numpy(dtype=float)
    base = LOG_BASES.get(check.kind.name)
    limits = [limit for limit in (check.lower, check.upper) if np.isfinite(limit)]
    edges = _bin_edges(np.concatenate([values, limits]), is_logarithmic=base is not None)
    counts, _ = np.histogram(values, edges)
    ax.stairs(counts, edges, fill=True, color=ACCENT)
    for limit in limits:
        end = edges[0] if limit == check.lower else edges[-1]
        ax.axvline(limit, color=WARNING, linewidth=1.5)
        ax.axvspan(limit, end, color=WARNING, alpha=0.12, linewidth=0)
    ax.set(xlabel=check.measure.name, ylabel="images", xlim=(edges[0], edges[-1]))
    ax.set_ylim(0.7, 2 * max(5, counts.max()))  # before the scale: a logarithmic axis cannot hold only zeros
    ax.set_yscale("log")
    if base:
        ax.set_xscale("log", base=base)
        ax.xaxis.set_major_formatter(lambda x, _: f"{x:,.0f}" if x >= 1 else f"{x:g}")
        ax.xaxis.set_minor_formatter("")
    title = textwrap.fill(f"{check.kind.title}: {check.is_flagged.sum():,} of {len(values):,}", TITLE_WIDTH)
    ax.set_title(title, fontsize=9)
    bins = {"measure": check.measure.name, "from": edges[:-1], "to": edges[1:], "n_images": counts}
    return pd.DataFrame(bins)


def _bin_edges(values: np.ndarray, *, is_logarithmic: bool) -> np.ndarray:
    """Over all values and a little beyond, so that no bar or line stands on the frame."""
    low, high = (values.min(), values.max()) if len(values) else (1, 10)
    if is_logarithmic:
        return np.geomspace(low / 1.3, high * 1.3, N_BINS + 1)
    margin = 0.03 * (high - low) or 0.5
    return np.linspace(low - margin, high + margin, N_BINS + 1)

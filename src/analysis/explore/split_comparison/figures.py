"""Drawings of how far splits differ: by every test, by feature, and in pictures."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from analysis.contract import Figure
from analysis.drawing.class_axis import label_class_axis, short_label
from analysis.drawing.pictures import show_image
from analysis.drawing.style import ACCENT, MUTED, SPLIT_COLOURS, WARNING, new_figure
from analysis.explore.split_comparison.comparison import (
    ANOMALIES,
    CLASSIFIER,
    KERNEL,
    SplitComparison,
    rows_of,
)
from analysis.explore.split_comparison.findings import feature_words, surest_images

MAX_FEATURES = 24  # rows of text that stay legible beside each other
FREELY, WITHIN = "#DDE1E4", "#9DB9CC"  # what chance makes of a statistic under either question
TITLES = {
    CLASSIFIER: "Can a classifier tell them apart?\nAUC; 0.5 is no",
    KERNEL: "Maximum mean discrepancy\nsquared; 0 is none",
    ANOMALIES: "Share of images unlike training\nbeyond 99% of training",
}


def plot_tests(comparison: SplitComparison) -> Figure:
    """One panel a test, one row per pair of splits: the statistic over what chance makes of it."""
    tests = comparison.tests
    names = [name for name in TITLES if tests["test"].eq(name).any()]
    n_rows = len(comparison.pairs)
    drawing, axes = new_figure(width=9.5, height=1.9 + 0.45 * n_rows, columns=len(names))
    for ax, name in zip(axes.flat, names, strict=True):
        plot_against_chance(tests[tests["test"].eq(name)], comparison.pairs, ax=ax)
        ax.set_title(TITLES[name], fontsize=9)
    for ax in axes.flat[1:]:
        ax.set_yticklabels([])
    drawing.legend(
        handles=[
            Line2D([], [], marker="o", linestyle="", color="black", label="measured"),
            Line2D([], [], marker="o", linestyle="", color=WARNING, label="measured, differs within classes"),
            Patch(color=FREELY, label="by chance"),
            Patch(color=WITHIN, label="by chance, with these shares of classes"),
        ],
        loc="outside lower center",
        ncols=4,
    )
    return Figure(
        name="split_tests",
        title="Do the splits come from one distribution?",
        caption="A dot is what was measured. The light bar holds 95 of 100 values if images are dealt to "
        "the two splits at random, the dark bar if they are dealt within their classes. A dot to the right "
        "of the light bar and within the dark one is a difference in the shares of classes alone; one to "
        "the right of both is a difference between images of one class.",
        drawing=drawing,
        table=tests,
    )


def plot_against_chance(tests: pd.DataFrame, pairs: list[tuple[str, str]], *, ax: Axes) -> Axes:
    """Dots over bars; a pair without this test keeps an empty row."""
    for row, pair in enumerate(pairs):
        for within_classes, colour, offset in ((False, FREELY, -0.17), (True, WITHIN, 0.17)):
            for test in rows_of(tests, pair, within_classes).itertuples():
                width = test.expected_high - test.expected_low
                ax.barh(row + offset, width, left=test.expected_low, height=0.3, color=colour)
                is_different = within_classes and test.is_different
                if within_classes:
                    ax.scatter(test.value, row, s=34, color=WARNING if is_different else "black", zorder=3)
    ax.locator_params(axis="x", nbins=5)
    ax.use_sticky_edges = False  # bars would cut the margin off
    ax.margins(x=0.1)
    return label_class_axis(ax, [f"{a} – {b}" for a, b in pairs])


def plot_feature_shifts(comparison: SplitComparison, min_feature_shift: float) -> Figure:
    """One panel a pair of splits, one row per feature, the most shifted at the top."""
    shown = most_shifted_features(comparison.features)
    pairs = comparison.pairs
    drawing, axes = new_figure(width=9.5, height=1.6 + 0.2 * len(shown), columns=len(pairs))
    largest = comparison.features["wasserstein"].max()
    for ax, pair in zip(axes.flat, pairs, strict=True):
        tables = {
            within: rows_of(comparison.features, pair, within).set_index("feature").loc[shown]
            for within in (False, True)
        }
        plot_shifts(tables[False], tables[True], ax=ax)
        ax.axvline(min_feature_shift, color=MUTED, linestyle="--", linewidth=1)
        ax.set_xlim(0, 1.1 * max(largest, min_feature_shift))
        ax.set_title(f"{pair[0]} – {pair[1]}")
    for ax in axes.flat[1:]:
        ax.set_yticklabels([])
    axes[0, 0].legend(loc="lower right", fontsize=8)
    n_features = comparison.features["feature"].nunique()
    rest = f" Shown are the {len(shown)} of {n_features} that differ most." if len(shown) < n_features else ""
    return Figure(
        name="feature_shifts",
        title="Which features differ between splits",
        caption="Wasserstein distance of each feature in standard deviations: 0.2 is small, 0.5 medium, "
        "0.8 large. Filled: within classes, both splits weighted to the same shares of classes; hollow: of "
        "the images as they are. Beyond the dashed line, and if significant, it counts and has the warning "
        f"colour. Components are principal components of the thumbnails.{rest}",
        drawing=drawing,
        table=comparison.features,
    )


def most_shifted_features(features: pd.DataFrame) -> list[str]:
    """By their largest shift within classes in any pair."""
    within = features[features["within_classes"].astype(bool)]
    largest = within.groupby("feature", sort=False)["wasserstein"].max()
    return list(largest.sort_values(ascending=False, kind="stable").index[:MAX_FEATURES])


def plot_shifts(freely: pd.DataFrame, within: pd.DataFrame, *, ax: Axes) -> Axes:
    """Dots of the Wasserstein distance, at all and within classes, joined by a line."""
    rows = np.arange(len(within))
    ax.hlines(rows, freely["wasserstein"], within["wasserstein"], color="#C5CBD0", linewidth=1.5)
    ax.scatter(
        freely["wasserstein"], rows, s=22, facecolors="white", edgecolors=MUTED, label="all images", zorder=3
    )
    colours = np.where(within["is_different"], WARNING, ACCENT)
    ax.scatter(within["wasserstein"], rows, s=22, c=colours, label="within classes", zorder=4)
    ax.set_xlabel("standard deviations")
    return label_class_axis(ax, [feature_words(feature) for feature in within.index])


def plot_surest_images(
    comparison: SplitComparison,
    pair: tuple[str, str],
    thumbnails: np.ndarray,
    labels: pd.Series,
    *,
    n_items: int,
) -> Figure:
    """The images of either split that the classifier is surest of, those of the first split above."""
    surest = surest_images(comparison, pair, n_items)
    columns = min(12, n_items)
    rows_each = -(-n_items // columns)
    drawing, axes = new_figure(
        width=9.5, height=2 * rows_each * 1.05 + 0.5, rows=2 * rows_each, columns=columns
    )
    for ax in axes.flat:
        ax.set_axis_off()
    for half, split in enumerate(pair):
        places = axes[half * rows_each : (half + 1) * rows_each].flat
        for ax, row in zip(places, surest.loc[surest["split"].eq(split), "row"], strict=False):
            label = labels.at[row]
            show_image(ax, thumbnails[row], "" if pd.isna(label) else short_label(label, 12))
        title = f"surely {split}"
        axes[half * rows_each, 0].set_title(title, color=SPLIT_COLOURS[split], fontsize=10)
    surest = surest.assign(label=labels.loc[surest["row"]].to_numpy()).rename(columns={"row": "item_id"})
    return Figure(
        name=f"surest_{pair[0]}_{pair[1]}",
        title=f"What tells {pair[1]} from {pair[0]}",
        caption=f"The images that the classifier, without having seen them, is surest belong to {pair[0]} "
        f"(above) and to {pair[1]} (below). Look for what those of one row share and those of the other "
        "lack.",
        drawing=drawing,
        table=surest,
    )

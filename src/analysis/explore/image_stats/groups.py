"""What groups of images have in common: quantiles of their measures, mean histograms, mean pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from analysis.dataset.splits import SPLITS

CURVES = ("brightness", "contrast", "entropy_bits", "sharpness", "edge_density", "colourfulness")
CHANNELS = ("red", "green", "blue")
CHUNK_ROWS = 1024  # thumbnails read at once: 25 MB as floats


def split_quantiles(images: pd.DataFrame) -> pd.DataFrame:
    """Percentiles of each measure and split, one row each: `measure`, `split`, `share_below`, `value`.

    A measure that is the same for all images is left out.
    """
    shares = np.linspace(0, 1, 101)
    parts = []
    for measure in CURVES:
        if images[measure].nunique() < 2:
            continue
        for split in SPLITS:
            values = images.loc[images["split"] == split, measure]
            if len(values):
                part = {"measure": measure, "split": split, "share_below": shares}
                parts.append(pd.DataFrame(part | {"value": np.quantile(values, shares)}))
    return pd.concat(parts, ignore_index=True)


def class_quartiles(images: pd.DataFrame, measures: Sequence[str]) -> pd.DataFrame:
    """One row per class, measure and split (and all splits): `lower_quartile`, `median`, `upper_quartile`."""
    parts = []
    for part in (images.astype({"split": str}), images.assign(split="all")):
        grouped = part.groupby(["label", "split"], observed=True)[list(measures)]
        quantiles = grouped.quantile([0.25, 0.5, 0.75]).rename_axis(["label", "split", "quantile"])
        parts.append(quantiles.melt(ignore_index=False, var_name="measure").reset_index())
    table = pd.concat(parts).astype({"label": str})
    table = table.pivot(index=["label", "split", "measure"], columns="quantile", values="value").reset_index()
    names = {0.25: "lower_quartile", 0.5: "median", 0.75: "upper_quartile"}
    return table.rename(columns=names).rename_axis(columns=None)


def mean_by_group(rows: np.ndarray, groups: pd.Series) -> pd.DataFrame:
    """Mean of equally long rows in each group that occurs: (groups) × (values of a row, flattened).

    Parameters
    ----------
    rows
        An array, memory-mapped or not, or an array of arrays; read in parts.
    groups
        Categorical without nulls, not empty; its index says which rows are meant.
    """
    groups = groups.cat.remove_unused_categories()
    codes, places = groups.cat.codes.to_numpy(), groups.index.to_numpy()
    sums = np.zeros((len(groups.cat.categories), np.size(rows[places[0]])))
    for start in range(0, len(places), CHUNK_ROWS):
        part = slice(start, start + CHUNK_ROWS)
        order = np.argsort(codes[part], kind="stable")
        present, first = np.unique(codes[part][order], return_index=True)
        chunk = np.stack(rows[places[part][order]]).reshape(len(order), -1)  # (rows, …) -> (rows, values)
        sums[present] += np.add.reduceat(chunk, first, axis=0, dtype=float)
    return pd.DataFrame(sums / np.bincount(codes)[:, None], index=groups.cat.categories)


def tabulate_histograms(means: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Mean histograms as one row per group, channel and bin; one channel "grey" if the three are the same.

    `means` holds, by what the groups are, (groups) × (3 channels · bins).
    """
    stacks = {name: table.to_numpy().reshape(len(table), 3, -1) for name, table in means.items()}
    is_grey = all(np.allclose(bins, bins[:, :1], atol=1e-4) for bins in stacks.values())
    channels = ["grey"] if is_grey else list(CHANNELS)
    parts = []
    for name, bins in stacks.items():
        bin_starts = np.arange(bins.shape[2]) / bins.shape[2]
        index = pd.MultiIndex.from_product(
            [[name], means[name].index.astype(str), channels, bin_starts],
            names=["grouped_by", "group", "channel", "bin_start"],
        )
        parts.append(pd.DataFrame({"share": bins[:, : len(channels)].ravel()}, index=index))
    return pd.concat(parts).reset_index()

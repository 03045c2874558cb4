from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.contract import Artifacts, Figure
from analysis.dataset.readable import is_readable
from analysis.explore.image_stats.differences import (
    MEASURES,
    compare_classes,
    compare_measures,
    summarise_measures,
)
from analysis.explore.image_stats.figures import (
    plot_class_contrasts,
    plot_class_distributions,
    plot_extremes,
    plot_mean_images,
    plot_pixel_histograms,
    plot_split_distributions,
)
from analysis.explore.image_stats.findings import (
    CLASS_APART,
    SPLITS_DIFFER,
    find_classes_apart,
    find_differing_splits,
)
from analysis.explore.image_stats.groups import CHANNELS, CURVES
from analysis.explore.image_stats.notes import CAPTIONS, metrics_of, notes_on, summary_of
from analysis.explore.image_stats.parameters import ImageStatsParameters

EXTREMES = ("brightness", "contrast", "entropy_bits", "sharpness", "colourfulness")


def image_stats(
    manifest: pd.DataFrame, scan: pd.DataFrame, thumbnails: np.ndarray, *, parameters: ImageStatsParameters
) -> Artifacts:
    """Summarise the scan by class and split, compare them, and compute the normalisation for training.

    Parameters
    ----------
    manifest, scan
        Row by row the same images.
    thumbnails
        (n, 32, 32, 3) uint8, of the same images; may be memory-mapped, it is read in parts.
    """
    images = measured_images(manifest, scan)
    level = parameters.significance_level
    measures = summarise_measures(images)
    contrasts = compare_classes(images, significance_level=level, min_auroc=parameters.min_shortcut_auroc)
    differences = compare_measures(
        images, significance_level=level, min_cliffs_delta=parameters.min_split_difference
    )
    tables = {
        "channel_statistics": channel_statistics_of(scan.iloc[images.index[images["split"].eq("train")]]),
        "class_stats": summarise_classes(manifest, images),
        "measures": measures,
        "class_contrasts": contrasts,
        "split_differences": differences,
        "extremes": find_extremes(images, parameters.n_extremes),
    }
    findings = [find_classes_apart(contrasts), find_differing_splits(differences)]
    return Artifacts(
        summary=summary_of(manifest, images, contrasts, differences),
        metrics=metrics_of(manifest, images, tables),
        tables=tables,
        captions=CAPTIONS,
        figures=_figures(images, scan, thumbnails, tables),
        findings=pd.concat(findings, ignore_index=True),
        kinds=(CLASS_APART, SPLITS_DIFFER),
        notes=notes_on(images),
    )


def measured_images(manifest: pd.DataFrame, scan: pd.DataFrame) -> pd.DataFrame:
    """The images that could be decoded: `item_id`, `path`, `label`, `split` and `MEASURES`, as float.

    The index is the image's row in the manifest, the scan and the thumbnails.
    """
    assert (manifest["item_id"].to_numpy() == scan["item_id"].to_numpy()).all()
    images = manifest[["item_id", "path", "label", "split"]].reset_index(drop=True)
    for measure, column in MEASURES.items():
        images[measure] = scan[column].to_numpy(dtype=float, na_value=np.nan)
    return images[is_readable(scan)]


def channel_statistics_of(training: pd.DataFrame) -> pd.DataFrame:
    """Mean and standard deviation of each channel over all pixels, each image weighing the same.

    `training` holds rows of the scan. The total variance is that within images plus that between their
    means; for images of one size it is exactly that of all their pixels. NaN without images.
    """
    rows = []
    for channel in CHANNELS:
        means, stds = training[f"mean_{channel}"], training[f"std_{channel}"]
        variance = (stds**2).mean() + ((means - means.mean()) ** 2).mean()
        rows.append({"channel": channel, "mean": means.mean(), "std": np.sqrt(variance)})
    return pd.DataFrame(rows)


def summarise_classes(manifest: pd.DataFrame, images: pd.DataFrame) -> pd.DataFrame:
    """One row per class and split: counts, then mean, standard deviation and median of each measure."""
    measured = images.assign(label=_with_blank(images["label"])).groupby(["label", "split"], observed=False)
    named = manifest.assign(label=_with_blank(manifest["label"]))
    n_named = named.groupby(["label", "split"], observed=False).size()
    statistics = {
        f"{measure}_{statistic}": measured[measure].agg(statistic)
        for measure in MEASURES
        for statistic in ("mean", "std", "median")
    }
    n_images = measured.size().reindex(n_named.index, fill_value=0)
    table = pd.DataFrame({"n_images": n_images, "n_unreadable": n_named - n_images, **statistics})
    return table[n_named > 0].reset_index()


def _with_blank(labels: pd.Series) -> pd.Series:
    """Blank labels as a class of their own, since a missing value is no group."""
    return labels.cat.add_categories("").fillna("") if labels.isna().any() else labels


def find_extremes(images: pd.DataFrame, n_extremes: int) -> pd.DataFrame:
    """The images with the lowest and the highest values of each measure, one row per image and end.

    A measure that is the same for all images has no extremes. Ties go to the lower `item_id`.
    """
    parts = []
    for measure in EXTREMES:
        ranked = images.sort_values([measure, "item_id"])
        if not len(ranked) or ranked[measure].iloc[0] == ranked[measure].iloc[-1]:
            continue
        highest = images.sort_values([measure, "item_id"], ascending=[False, True])
        for end, rows in (("lowest", ranked), ("highest", highest)):
            part = rows.head(n_extremes)[["item_id", "path", "label", "split"]]
            part = part.assign(measure=measure, end=end, rank=range(1, len(part) + 1))
            parts.append(part.assign(value=rows[measure]))
    columns = ["measure", "end", "rank", "value", "item_id", "path", "label", "split"]
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)


def _figures(
    images: pd.DataFrame, scan: pd.DataFrame, thumbnails: np.ndarray, tables: dict[str, pd.DataFrame]
) -> list[Figure]:
    if images.empty:
        return []
    figures = []
    if images[list(CURVES)].nunique().gt(1).any():
        figures.append(plot_split_distributions(images, tables["split_differences"]))
    if images["label"].notna().any():
        figures.append(plot_class_distributions(images))
        if tables["class_contrasts"]["cliffs_delta"].abs().gt(0).any():
            figures.append(plot_class_contrasts(tables["class_contrasts"], tables["measures"]))
        figures.append(plot_pixel_histograms(images, scan["histogram"].to_numpy()))
        figures.append(plot_mean_images(images, thumbnails))
    if len(tables["extremes"]):
        figures.append(
            plot_extremes(tables["extremes"], thumbnails, scan.set_index("item_id")["value_range"])
        )
    return figures

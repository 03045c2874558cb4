"""How bright, contrasty, varied and sharp are the images of each class and split?

Method: everything comes from the measures of the scan, so that no image is decoded again but the extreme ones
shown. The normalisation weighs each training image equally, whatever its size, because training resizes all
to one size. Classes are compared by the Kruskal-Wallis test with eta squared (Tomczak and Tomczak 2014), each
class against the others and training against the other splits by Cliff's delta with the Mann-Whitney test,
corrected for the number of tests (Holm 1979). The AUROC of a single measure as a classifier of one class
says how far a model would get by that shortcut (Geirhos et al. 2020).

How the result misleads: a class may differ because of its subject (ships lie on bright water) rather than
because of how it was collected; a measure that is unusual on both sides (very dark or very bright) has an
AUROC near 0.5; and measures on whole images see nothing of a watermark in a corner: look at the mean images.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from pydantic import Field

from analysis.explore.image_charts import (
    plot_class_contrasts,
    plot_class_distributions,
    plot_extremes,
    plot_mean_images,
    plot_pixel_histograms,
    plot_split_distributions,
)
from analysis.explore.image_differences import (
    CLASS_APART,
    MEASURES,
    SPLITS_DIFFER,
    compare_classes,
    compare_splits,
    find_classes_apart,
    find_differing_splits,
    summarise_measures,
)
from analysis.explore.image_groups import CHANNELS, CURVES
from analysis.runner import run_stage
from analysis.stage import Artifacts, Figure, StageParameters

MEASURED = ("ok", "truncated")  # of the scan's statuses, those with a picture: training sees these too
EXTREMES = ("brightness", "contrast", "entropy_bits", "sharpness", "colourfulness")

CAPTIONS = {
    "normalisation": "One row a channel, over all pixels of the readable training images, in [0, 1]; each "
    "image weighs the same. Training subtracts the mean and divides by the std.",
    "class_stats": "One row a class and split: mean, standard deviation and median over its readable images. "
    "n_unreadable images are counted in nothing else. A blank label stands for images without one.",
    "measures": "One row a measure. eta_squared is the part of its variation (in ranks) that the class "
    "explains among the training images: 0.01 is small, 0.06 medium, 0.14 large.",
    "class_contrasts": "One row a class and measure, among the training images. auroc says how well the "
    "measure alone tells the class from the others: 0.5 not at all, 1 perfectly.",
    "split_differences": "One row a split, measure and class (blank: all classes). cliffs_delta is positive "
    "where the split's images measure higher than those of training; 0.15 is small, 0.33 medium, 0.47 large.",
    "extremes": "The images at both ends of each measure, the most extreme first.",
}


class ImageStatsParameters(StageParameters):
    """Thresholds on differences and the number of extreme images; see params.yaml."""

    significance_level: float = Field(gt=0, lt=1)
    min_shortcut_auroc: float = Field(ge=0.5, le=1)
    min_split_difference: float = Field(ge=0, le=1)
    n_extremes: int = Field(ge=1, le=12)


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
    differences = compare_splits(
        images, significance_level=level, min_cliffs_delta=parameters.min_split_difference
    )
    tables = {
        "normalisation": normalisation_of(scan.iloc[images.index[images["split"].eq("train")]]),
        "class_stats": summarise_classes(manifest, images),
        "measures": measures,
        "class_contrasts": contrasts,
        "split_differences": differences,
        "extremes": find_extremes(images, parameters.n_extremes),
    }
    findings = [find_classes_apart(contrasts), find_differing_splits(differences)]
    return Artifacts(
        summary=_summary(manifest, images, contrasts, differences),
        metrics=_metrics(manifest, images, tables),
        tables=tables,
        captions=CAPTIONS,
        figures=_figures(images, scan, thumbnails, tables),
        findings=pd.concat(findings, ignore_index=True),
        kinds=(CLASS_APART, SPLITS_DIFFER),
        notes=_notes(images),
    )


def measured_images(manifest: pd.DataFrame, scan: pd.DataFrame) -> pd.DataFrame:
    """The images that could be decoded: `image_id`, `path`, `label`, `split` and `MEASURES`, as float.

    The index is the image's row in the manifest, the scan and the thumbnails.
    """
    assert (manifest["image_id"].to_numpy() == scan["image_id"].to_numpy()).all()
    images = manifest[["image_id", "path", "label", "split"]].reset_index(drop=True)
    images["label"] = images["label"].astype("category")  # Parquet forgets the type of a column of blanks
    for measure, column in MEASURES.items():
        images[measure] = scan[column].to_numpy(dtype=float, na_value=np.nan)
    return images[scan["status"].isin(MEASURED).to_numpy()]


def normalisation_of(training: pd.DataFrame) -> pd.DataFrame:
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
    """One row a class and split: counts, then mean, standard deviation and median of each measure."""
    measured = images.assign(label=_with_blank(images["label"])).groupby(["label", "split"], observed=False)
    named = manifest.assign(label=_with_blank(manifest["label"].astype("category")))
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
    """The images with the lowest and the highest values of each measure, one row an image and end.

    A measure that is the same for all images has no extremes. Ties go to the lower `image_id`.
    """
    parts = []
    for measure in EXTREMES:
        ranked = images.sort_values([measure, "image_id"])
        if not len(ranked) or ranked[measure].iloc[0] == ranked[measure].iloc[-1]:
            continue
        highest = images.sort_values([measure, "image_id"], ascending=[False, True])
        for end, rows in (("lowest", ranked), ("highest", highest)):
            part = rows.head(n_extremes)[["image_id", "path", "label", "split"]]
            part = part.assign(measure=measure, end=end, rank=range(1, len(part) + 1))
            parts.append(part.assign(value=rows[measure]))
    columns = ["measure", "end", "rank", "value", "image_id", "path", "label", "split"]
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
        figures.append(plot_extremes(tables["extremes"], thumbnails))
    return figures


def _metrics(
    manifest: pd.DataFrame, images: pd.DataFrame, tables: dict[str, pd.DataFrame]
) -> dict[str, float]:
    metrics: dict[str, float] = {"n_images": len(images), "n_unreadable": len(manifest) - len(images)}
    for row in tables["normalisation"].itertuples():
        metrics |= {f"mean_{row.channel}": row.mean, f"std_{row.channel}": row.std}
    for row in tables["measures"].itertuples():
        metrics |= {
            f"{row.measure}_mean": row.mean,
            f"{row.measure}_std": row.std,
            f"{row.measure}_median": row.median,
            f"{row.measure}_eta_squared": row.eta_squared,
        }
    metrics["max_class_auroc"] = tables["class_contrasts"]["auroc"].max()
    overall = tables["split_differences"].query("label == ''").set_index(["split", "measure"])["cliffs_delta"]
    for split in ("validation", "test"):
        for measure in MEASURES:
            key = f"{measure}_cliffs_delta_train_{split}"
            metrics[key] = overall.get((split, measure), np.nan)
    return metrics


def _summary(
    manifest: pd.DataFrame, images: pd.DataFrame, contrasts: pd.DataFrame, differences: pd.DataFrame
) -> str:
    n_apart = contrasts.loc[contrasts["is_apart"], "label"].nunique()
    n_different = differences.loc[differences["is_different"], "measure"].nunique()
    return (
        f"{len(images):,} of {len(manifest):,} images, "
        f"{n_apart:,} of {contrasts['label'].nunique():,} classes recognisable by one measure, "
        f"{n_different} of {len(MEASURES)} measures differ between splits"
    )


def _notes(images: pd.DataFrame) -> list[str]:
    if images.empty:
        return ["No image could be decoded, so there is nothing to summarise."]
    if not images["split"].eq("train").any():
        return ["No training image could be decoded: no normalisation, and nothing to compare with training."]
    return []


if __name__ == "__main__":
    run_stage(image_stats)

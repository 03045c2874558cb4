from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.explore.image_stats.differences import MEASURES

CAPTIONS = {
    "channel_statistics": "One row per channel, over all pixels of the readable training images, in [0, 1]; "
    "each image weighs the same. Training subtracts the mean and divides by the std.",
    "class_stats": "One row per class and split: mean, standard deviation and median over its readable "
    "images. n_unreadable images are counted in nothing else. A blank label stands for images without one.",
    "measures": "One row per measure. eta_squared is the part of its variation (in ranks) that the class "
    "explains among the training images: 0.01 is small, 0.06 medium, 0.14 large.",
    "class_contrasts": "One row per class and measure, among the training images. auroc says how well the "
    "measure alone tells the class from the others: 0.5 not at all, 1 perfectly.",
    "split_differences": "One row per split, measure and class (blank: all classes). cliffs_delta is "
    "positive where the split's images measure higher than those of training; 0.15 is small, 0.33 "
    "medium, 0.47 large.",
    "extremes": "The images at both ends of each measure, the most extreme first.",
}


def metrics_of(
    manifest: pd.DataFrame, images: pd.DataFrame, tables: dict[str, pd.DataFrame]
) -> dict[str, float]:
    metrics: dict[str, float] = {"n_images": len(images), "n_unreadable": len(manifest) - len(images)}
    for row in tables["channel_statistics"].itertuples():
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


def summary_of(
    manifest: pd.DataFrame, images: pd.DataFrame, contrasts: pd.DataFrame, differences: pd.DataFrame
) -> str:
    n_apart = contrasts.loc[contrasts["is_apart"], "label"].nunique()
    n_different = differences.loc[differences["is_different"], "measure"].nunique()
    return (
        f"{len(images):,} of {len(manifest):,} images, "
        f"{n_apart:,} of {contrasts['label'].nunique():,} classes recognisable by one measure, "
        f"{n_different} of {len(MEASURES)} measures differ between splits"
    )


def notes_on(images: pd.DataFrame) -> list[str]:
    if images.empty:
        return ["No image could be decoded, so there is nothing to summarise."]
    if not images["split"].eq("train").any():
        return ["No training image could be decoded: no normalisation, and nothing to compare with training."]
    return []

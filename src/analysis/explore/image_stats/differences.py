"""Do classes or splits differ in how their images measure, and so much that it matters?"""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.statistics.rank_tests import each_against_rest, first_against_second, holm, kruskal_wallis

# name here -> column of the scan
MEASURES = {
    "brightness": "brightness_mean",
    "contrast": "contrast",
    "entropy_bits": "entropy_bits",
    "sharpness": "sharpness",
    "edge_density": "edge_density",
    "colourfulness": "colourfulness",
    "width_px": "width_px",
    "height_px": "height_px",
}
ALL_CLASSES = ""  # label of a row that holds every class


def summarise_measures(images: pd.DataFrame) -> pd.DataFrame:
    """One row per measure: its distribution over all images, and how much of it the class explains.

    `eta_squared` is of the Kruskal-Wallis test over the labelled training images: 0 nothing, 1 all.
    """
    training = _labelled_training(images)
    codes = training["label"].cat.codes.to_numpy()
    rows = []
    for measure in MEASURES:
        values = images[measure]
        low, median, high = values.quantile([0.01, 0.5, 0.99])
        shape = {"mean": values.mean(), "std": values.std(), "p01": low, "median": median, "p99": high}
        test = kruskal_wallis(training[measure].to_numpy(), codes)
        rows.append({"measure": measure, "n_images": len(values), **shape, **test})
    summary = pd.DataFrame(rows)
    summary.insert(summary.columns.get_loc("p_value") + 1, "p_value_holm", holm(summary["p_value"]))
    return summary


def compare_classes(images: pd.DataFrame, *, significance_level: float, min_auroc: float) -> pd.DataFrame:
    """Each class against all others in training, one row per class and measure.

    `auroc` says how well the measure alone, turned the better way round, tells the class from the others:
    0.5 not at all, 1 perfectly. `cliffs_delta` has its direction: positive where the class measures higher.
    """
    training = _labelled_training(images)
    classes = training["label"].cat.categories
    codes = training["label"].cat.codes.to_numpy()
    parts = []
    for measure in MEASURES:
        tests = each_against_rest(training[measure].to_numpy(), codes, len(classes))
        medians = training.groupby("label", observed=False)[measure].median()
        tests.insert(0, "label", classes.astype(str))
        tests.insert(1, "measure", measure)
        tests.insert(2, "n_images", np.bincount(codes, minlength=len(classes)))
        tests.insert(3, "median", medians.to_numpy())
        parts.append(tests.assign(median_of_all=training[measure].median()))
    table = pd.concat(parts, ignore_index=True)
    table["auroc"] = (1 + table["cliffs_delta"].abs()) / 2
    table["p_value_holm"] = holm(table["p_value"])
    is_significant = table["p_value_holm"] < significance_level
    return table.assign(is_apart=is_significant & (table["auroc"] >= min_auroc))


def compare_measures(
    images: pd.DataFrame, *, significance_level: float, min_cliffs_delta: float
) -> pd.DataFrame:
    """Training against each other split: one row per split, measure and class, and one for all classes.

    `cliffs_delta` is positive where the images of the split measure higher than those of training.
    The row for all classes has a blank label; a class can differ where all classes together do not.
    """
    parts = [
        _compare_with_training(images[images["split"].isin(["train", split])], split, measure)
        for split in ("validation", "test")
        for measure in MEASURES
        if images["split"].eq(split).any() and images["split"].eq("train").any()
    ]
    columns = ["label", "split", "measure", "n_train", "n_split", "cliffs_delta", "p_value"]
    table = pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)
    table["p_value_holm"] = holm(table["p_value"])
    is_significant = table["p_value_holm"] < significance_level
    return table.assign(is_different=is_significant & (table["cliffs_delta"].abs() >= min_cliffs_delta))


def _compare_with_training(images: pd.DataFrame, split: str, measure: str) -> pd.DataFrame:
    is_split = images["split"].eq(split).to_numpy()
    values = images[measure].to_numpy()
    overall = first_against_second(values, is_split, np.zeros(len(values), dtype=int), 1)
    classes = images["label"].cat.categories
    codes = images["label"].cat.codes.to_numpy()
    known = codes >= 0
    by_class = first_against_second(values[known], is_split[known], codes[known], len(classes))
    table = pd.concat([overall, by_class], ignore_index=True)
    table = table.rename(columns={"n_first": "n_split", "n_second": "n_train"})
    return table.assign(label=[ALL_CLASSES, *classes.astype(str)], split=split, measure=measure)


def _labelled_training(images: pd.DataFrame) -> pd.DataFrame:
    return images[images["split"].eq("train") & images["label"].notna()]

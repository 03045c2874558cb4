"""Do classes or splits differ in how their images measure, and so much that it matters?"""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.explore.significance import each_against_rest, first_against_second, holm, kruskal_wallis
from analysis.stage import FindingKind, findings_of

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

CLASS_APART = FindingKind(
    "class_recognisable_by_one_measure",
    "Class recognisable by one simple measure",
    "low",
    "A model can learn this shortcut instead of the subject, and fails where the measure differs: another "
    "camera, light or resolution.",
    "Look whether the measure belongs to the subject (a night sky is dark). If it comes from how the class "
    "was collected, collect it as the others are, or augment the measure away.",
)
SPLITS_DIFFER = FindingKind(
    "class_measures_differently_in_split",
    "Class whose images measure differently in another split than in training",
    "medium",
    "The split does not show what a model has learnt to expect, so a low score there may be due to the "
    "images' quality rather than to their subject.",
    "Find out what the split's images have been through (camera, compression, resizing) and make the splits "
    "anew from all images, unless the difference is what is to be tested.",
)


def summarise_measures(images: pd.DataFrame) -> pd.DataFrame:
    """One row a measure: its distribution over all images, and how much of it the class explains.

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
    """Each class against all others in training, one row a class and measure.

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


def compare_splits(
    images: pd.DataFrame, *, significance_level: float, min_cliffs_delta: float
) -> pd.DataFrame:
    """Training against each other split: one row a split, measure and class, and one for all classes.

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


def find_classes_apart(contrasts: pd.DataFrame) -> pd.DataFrame:
    """One finding a class, for the measure that tells it apart best; the others are named beside."""
    apart = contrasts[contrasts["is_apart"]].sort_values("auroc", ascending=False, kind="stable")
    detail = [
        f"{_words(row.measure)} {row.median:.3g}, over all images {row.median_of_all:.3g}; alone it tells "
        f"the class apart with AUROC {row.auroc:.2f}"
        for row in apart.itertuples()
    ]
    return _one_a_class(CLASS_APART, apart.assign(detail=detail, score=apart["cliffs_delta"].abs()))


def find_differing_splits(differences: pd.DataFrame) -> pd.DataFrame:
    """One finding a class and split; if no class differs by itself but all together do, for the furthest."""
    parts = []
    for split, rows in differences.groupby("split", sort=False):
        by_class = rows[rows["label"] != ALL_CLASSES]
        flagged = by_class[by_class["is_different"]]
        overall = rows[(rows["label"] == ALL_CLASSES) & rows["is_different"]]
        if flagged.empty and len(overall) and len(by_class):
            same_measure = by_class[by_class["measure"].isin(overall["measure"])].dropna(
                subset="cliffs_delta"
            )
            flagged = same_measure.iloc[same_measure["cliffs_delta"].abs().argsort()[::-1][:1]]
        flagged = flagged.sort_values("cliffs_delta", key=np.abs, ascending=False, kind="stable")
        detail = [
            f"{_words(row.measure)} {'higher' if row.cliffs_delta > 0 else 'lower'} in {split} than in train "
            f"(Cliff's delta {row.cliffs_delta:+.2f})"
            for row in flagged.itertuples()
        ]
        parts.append(
            _one_a_class(SPLITS_DIFFER, flagged.assign(detail=detail, score=flagged["cliffs_delta"].abs()))
        )
    found = [part for part in parts if len(part)]
    return pd.concat(found, ignore_index=True) if found else findings_of(SPLITS_DIFFER, label=[])


def _one_a_class(kind: FindingKind, rows: pd.DataFrame) -> pd.DataFrame:
    """Join the rows of each class, strongest first, into one finding."""
    joined = rows.groupby("label", sort=False).agg(score=("score", "max"), detail=("detail", "; ".join))
    return findings_of(kind, label=joined.index, score=joined["score"], detail=joined["detail"])


def _labelled_training(images: pd.DataFrame) -> pd.DataFrame:
    return images[images["split"].eq("train") & images["label"].notna()]


def _words(measure: str) -> str:
    return measure.removesuffix("_bits").removesuffix("_px").replace("_", " ")

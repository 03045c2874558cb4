"""What is wrong with classes: absent, scarce, shifted between splits, spelt in two ways."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from statistics import NormalDist

import pandas as pd

from analysis.contract import FindingKind, findings_of, no_findings
from analysis.explore.label_analysis.parameters import LabelAnalysisParameters
from analysis.explore.label_analysis.shift import compare_shares
from analysis.explore.label_analysis.spellings import merging_option

ABSENT_FROM_TRAIN = FindingKind(
    name="class_absent_from_train",
    title="Class without training images",
    severity="high",
    why="A model never sees the class in training and gets every image of it wrong.",
    action="Move images of the class into the training split, collect some, or drop the class.",
)
ABSENT_FROM_EVALUATION = FindingKind(
    name="class_absent_from_evaluation",
    title="Class without images to evaluate on",
    severity="medium",
    why="Nothing is known of how well the class is recognised, and averages over classes leave it out.",
    action="Move images of the class into the split, or make the split anew, stratified by class.",
)
FEW_TRAINING_IMAGES = FindingKind(
    name="few_training_images",
    title="Class with very few training images",
    severity="medium",
    why="A model memorises a handful of images instead of learning what the class looks like.",
    action="Collect more images of the class, merge it with a similar one, or augment and re-weight it.",
)
FEW_EVALUATION_IMAGES = FindingKind(
    name="few_evaluation_images",
    title="Class with very few images to evaluate on",
    severity="low",
    why="A recall measured on ten images is uncertain by about 25 percentage points either way.",
    action="Read the recall of the class with its interval, or move more of its images into the split.",
)
MINORITY_CLASS = FindingKind(
    name="minority_class",
    title="Class much rarer than the largest one",
    severity="low",
    why="Training favours frequent classes, and accuracy hides what happens to rare ones.",
    action="Judge by balanced accuracy or macro-F1; sample or weight classes in training; collect rare ones.",
)
LABEL_SHIFT = FindingKind(
    name="label_shift",
    title="Class whose share differs between splits",
    severity="medium",
    why="Where splits hold classes in different shares, scores on one do not carry over to the other.",
    action="Make the splits anew, stratified by class; if the shift is real, re-weight scores by class.",
)
SIMILAR_CLASS_NAMES = FindingKind(
    name="similar_class_names",
    title="Classes whose names differ in spelling only",
    severity="medium",
    why="One class written in several ways (case, spaces, hyphens) is learnt and scored as several, each "
    "with a part of its images.",
    action="Give them one name, unless they are meant to be different classes.",
    explains=(
        *(kind.name for kind in (ABSENT_FROM_TRAIN, ABSENT_FROM_EVALUATION, FEW_TRAINING_IMAGES)),
        *(kind.name for kind in (FEW_EVALUATION_IMAGES, MINORITY_CLASS, LABEL_SHIFT)),
        "suspected_label_error",
        "noisy_class",
        "classes_indistinguishable",
        "class_suffers_from_rarity",
        "class_recall_low",
    ),
)
KINDS = (
    ABSENT_FROM_TRAIN,
    ABSENT_FROM_EVALUATION,
    FEW_TRAINING_IMAGES,
    FEW_EVALUATION_IMAGES,
    MINORITY_CLASS,
    LABEL_SHIFT,
    SIMILAR_CLASS_NAMES,
)


def find_label_faults(
    counts: pd.DataFrame, shift: pd.DataFrame, spellings: pd.DataFrame, parameters: LabelAnalysisParameters
) -> pd.DataFrame:
    """Every finding about classes.

    `counts` is (classes) × (splits), `shift` has one row per pair of splits, `spellings` one per spelling.
    """
    parts = [_similar_names(spellings)]
    if "train" in counts:
        parts += _scarce(
            counts["train"], parameters.min_training_images, ABSENT_FROM_TRAIN, FEW_TRAINING_IMAGES
        )
        parts.append(_minority_classes(counts["train"], parameters.max_imbalance_ratio))
    for split in counts.columns.drop("train", errors="ignore"):
        parts += _scarce(
            counts[split], parameters.min_evaluation_images, ABSENT_FROM_EVALUATION, FEW_EVALUATION_IMAGES
        )
    parts += [_shifted_classes(counts, pair, parameters) for pair in shift[shift["is_shifted"]].itertuples()]
    found = [part for part in parts if len(part)]
    return pd.concat(found, ignore_index=True) if found else no_findings()


def _scarce(
    n_items: pd.Series, min_images: int, absent_kind: FindingKind, few_kind: FindingKind
) -> list[pd.DataFrame]:
    """Classes of a split without images, and those with some but fewer than `min_images`."""
    split, total = n_items.name, n_items.sum()
    absent, few = n_items[n_items == 0], n_items[(n_items > 0) & (n_items < min_images)]
    detail = [f"{n} of {total:,} images in {split}, fewer than {min_images}" for n in few]
    return [
        findings_of(absent_kind, label=absent.index, detail=f"none of {total:,} images in {split}"),
        findings_of(few_kind, label=few.index, score=1 - few / min_images, detail=detail),
    ]


def _minority_classes(n_train: pd.Series, max_ratio: float) -> pd.DataFrame:
    largest = n_train.max()
    rare = n_train[(n_train > 0) & (n_train * max_ratio < largest)]
    detail = [f"{n:,} training images, 1 for {largest / n:.0f} of '{n_train.idxmax()}'" for n in rare]
    return findings_of(MINORITY_CLASS, label=rare.index, score=1 - rare * max_ratio / largest, detail=detail)


def _shifted_classes(counts: pd.DataFrame, pair: tuple, parameters: LabelAnalysisParameters) -> pd.DataFrame:
    """The classes that a shift comes from: significant after Bonferroni, or the one that differs most."""
    shares = compare_shares(counts, pair.split_a, pair.split_b)
    critical = NormalDist().inv_cdf(1 - parameters.significance_level / (2 * len(counts)))
    apart = shares[shares["residual"] >= min(critical, shares["residual"].max())]
    # how much of the larger share is gone in the other split: 1 is all of it
    score = apart["difference"].abs() / apart[["share_a", "share_b"]].max(axis=1)
    detail = [
        f"{row.share_a:.1%} of {pair.split_a}, {row.share_b:.1%} of {pair.split_b}"
        for row in apart.itertuples()
    ]
    return findings_of(LABEL_SHIFT, label=apart.index, score=score, detail=detail)


def _similar_names(spellings: pd.DataFrame) -> pd.DataFrame:
    """One finding a spelling; the rarer is more likely the slip."""
    of_class = spellings.groupby("renamed_to", sort=False)
    score = 1 - spellings["n_items"] / of_class["n_items"].transform("sum").clip(lower=1)
    spelt = "'" + spellings["label"] + spellings["n_items"].map("' ({:,} images)".format)
    detail = [
        "also " + ", ".join(spelt[(spellings["renamed_to"] == name) & (spellings["label"] != label)])
        for label, name in zip(spellings["label"], spellings["renamed_to"], strict=True)
    ]
    return findings_of(SIMILAR_CLASS_NAMES, label=spellings["label"], score=score, detail=detail)


def kinds_of(spellings: pd.DataFrame, renamed: Mapping[str, str]) -> list[FindingKind]:
    """The kinds, with what merges the spellings of this dataset."""
    merged = replace(SIMILAR_CLASS_NAMES, option=merging_option(spellings, renamed))
    return [*KINDS[:-1], merged]

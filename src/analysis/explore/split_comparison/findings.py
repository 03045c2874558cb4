"""Which images make a split differ from training, and why."""

from __future__ import annotations

import pandas as pd

from analysis.contract import FindingKind, findings_of, no_findings
from analysis.explore.image_features import normal_scores
from analysis.explore.split_comparison.comparison import ANOMALIES, SplitComparison, rows_of

GIVES_SPLIT_AWAY = FindingKind(
    name="image_gives_its_split_away",
    title="Image by which a model can tell its split from training",
    severity="medium",
    why="The split differs from training by more than the shares of its classes, so its scores tell how "
    "well a model bears that difference, not how good it is on images like those it has seen. These images "
    "are the clearest examples.",
    action="Find out what sets them apart (another camera, session, source, compression or size) and make "
    "the splits anew from all images, unless the difference is what is to be tested.",
)
UNLIKE_TRAINING = FindingKind(
    name="image_unlike_training",
    title="Image unlike the training images, in a split with too many of them",
    severity="medium",
    why="No training image resembles it, so the prediction is a guess; the split holds clearly more such "
    "images than training itself.",
    action="Look whether the images belong to the task. If so, bring such images into training; if not, "
    "drop them.",
)
KINDS = (GIVES_SPLIT_AWAY, UNLIKE_TRAINING)


def find_driving_images(comparison: SplitComparison, features: pd.DataFrame, n_items: int) -> pd.DataFrame:
    """Of each split that differs from the first, at most `n_items` images of each kind, surest first."""
    first = comparison.pairs[0][0] if comparison.pairs else None
    found = []
    for pair in comparison.pairs:
        if pair[0] == first and comparison.verdict(pair) == "images differ":
            driving = surest_images(comparison, pair, n_items)
            driving = driving[driving["split"].eq(pair[1])]
            detail = (
                "more like "
                + pair[1]
                + driving["likeness"].map(" than {:.1%} of ".format)
                + pair[0]
                + " images"
            )
            reasons = describe_images(comparison, features, pair, driving["row"])
            found.append(
                findings_of(
                    GIVES_SPLIT_AWAY,
                    item_id=driving["row"],
                    score=driving["likeness"],
                    detail=detail.to_numpy() + "; " + reasons,
                )
            )
            found.append(_far_images(comparison, pair, n_items))
    found = [part for part in found if len(part)]
    return pd.concat(found, ignore_index=True) if found else no_findings()


def surest_images(comparison: SplitComparison, pair: tuple[str, str], n_items: int) -> pd.DataFrame:
    """The images of either split that the classifier is surest belong to it, the surest first."""
    images = comparison.images
    images = images[images["split_a"].eq(pair[0]) & images["split_b"].eq(pair[1])].sort_values("score")
    of_first = images[images["split"].eq(pair[0])].head(n_items)
    of_second = images[images["split"].eq(pair[1])].tail(n_items)
    return pd.concat([of_first, of_second[::-1]])


def describe_images(
    comparison: SplitComparison, features: pd.DataFrame, pair: tuple[str, str], rows: pd.Series
) -> list[str]:
    """For each image the feature that goes furthest the way in which its split differs."""
    table = rows_of(comparison.features, pair, within_classes=True).set_index("feature")
    table = table[table["is_different"]] if table["is_different"].any() else table
    images = comparison.images
    sampled = images.loc[images["split_a"].eq(pair[0]) & images["split_b"].eq(pair[1]), "row"]
    names = list(table.index)
    scores = pd.DataFrame(normal_scores(features.loc[sampled, names]), index=sampled, columns=names)
    along = scores.loc[rows] * table["mean_difference"]
    ranks = features.loc[sampled, names].rank(pct=True).loc[rows]
    words = []
    for row, name in along.idxmax(axis=1).items():
        share = ranks.at[row, name]
        side, share = ("higher", share) if share >= 0.5 else ("lower", 1 - share)
        words.append(f"{feature_words(name)} {side} than in {share:.0%} of the images of both splits")
    return words


def _far_images(comparison: SplitComparison, pair: tuple[str, str], n_items: int) -> pd.DataFrame:
    tests = rows_of(comparison.tests, pair, within_classes=True).set_index("test")
    if ANOMALIES not in tests.index or not tests.at[ANOMALIES, "is_different"]:
        return no_findings()
    distances = comparison.distances
    training = distances.loc[distances["split"].eq(pair[0]), "distance"].sort_values()
    far = distances[distances["split"].eq(pair[1]) & distances["is_beyond"]].nlargest(n_items, "distance")
    share = training.searchsorted(far["distance"]) / len(training)
    detail = [
        f"further from training than {part:.1%} of training images, "
        f"{row.distance / training.median():.1f} times their median distance"
        for row, part in zip(far.itertuples(), share, strict=True)
    ]
    return findings_of(UNLIKE_TRAINING, item_id=far["row"], score=share, detail=detail)


def feature_words(feature: str) -> str:
    """A feature's name as a person reads it."""
    if feature.startswith("pc_"):
        return f"component {int(feature.removeprefix('pc_'))}"
    return feature.removesuffix("_px").removesuffix("_bits").removesuffix("_mean").replace("_", " ")

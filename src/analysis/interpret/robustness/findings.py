from __future__ import annotations

import pandas as pd

from analysis.contract import FindingKind, findings_of
from analysis.interpret.corruption_outcomes import Outcomes
from analysis.interpret.robustness.parameters import RobustnessParameters

MILD_CORRUPTION = FindingKind(
    name="fragile_to_mild_corruption",
    title="Classes lost to a corruption that is hardly seen",
    severity="medium",
    why="A change that leaves the picture what it is for any person costs the classifier surely more than "
    "the margin. Whatever makes such pictures in use (another camera, compression, framing) makes it wrong "
    "as often.",
    action="See in the figure of examples whether such pictures occur in use. If so, add the change to the "
    "augmentation in training, or collect images that have it, and look here again at the other corruptions.",
)
FRAGILE_CLASS = FindingKind(
    name="class_fragile_to_corruption",
    title="Classes that corruption costs far more than the rest",
    severity="medium",
    why="The average hides them: in poor conditions whoever meets these classes meets a much worse "
    "classifier.",
    action="See in the figure of classes which corruptions cost them most, and in evaluate what they are "
    "taken for. Collect images of these classes in such conditions, or augment for them.",
)
KINDS = (MILD_CORRUPTION, FRAGILE_CLASS)


def find_mild_corruptions(
    corruptions: pd.DataFrame, outcomes: Outcomes, classes: list[str], parameters: RobustnessParameters
) -> pd.DataFrame:
    """The classes that lose more than the margin where severity 1 surely costs all images more than it."""
    lost = pd.DataFrame((outcomes.is_right_clean.astype(float) - outcomes.is_right[:, 0]).T)
    by_class = lost.groupby(outcomes.actual).mean()
    parts = []
    for place, row in enumerate(corruptions.itertuples()):
        if row.p_value_holm >= parameters.significance_level:
            continue
        drops = by_class[place]
        drops = drops[drops > parameters.max_mild_drop]
        detail = [
            f"{row.corruption} at severity 1 costs {drop:.0%} of this class's images; {row.mild_drop:.0%} of "
            f"all, at least {row.mild_low:.0%} with 95% confidence"
            for drop in drops
        ]
        parts.append(
            pd.DataFrame({"label": [classes[i] for i in drops.index], "drop": drops, "detail": detail})
        )
    if not parts:
        return findings_of(MILD_CORRUPTION, label=[])
    worst_first = pd.concat(parts).sort_values("drop", ascending=False, kind="stable")
    joined = worst_first.groupby("label", sort=False).agg({"drop": "max", "detail": "; ".join})
    return findings_of(MILD_CORRUPTION, label=joined.index, score=joined["drop"], detail=joined["detail"])


def worst(corruptions: pd.DataFrame) -> str:
    row = corruptions.loc[corruptions["corruption_error"].idxmax()]
    return f"{row['corruption']} ({1 - row['corruption_error']:.0%})"


def find_fragile_classes(
    fragility: pd.DataFrame, drops: pd.DataFrame, parameters: RobustnessParameters
) -> pd.DataFrame:
    """Classes whose images surely lose more than the others, by the margin on average."""
    is_sure = fragility["p_value_holm"] < parameters.significance_level
    rows = fragility[is_sure & (fragility["more_than_rest"] > parameters.class_margin)]
    detail = [
        f"loses {row.drop:.0%} under corruption on average (95% interval {row.drop_low:.0%} to "
        f"{row.drop_high:.0%}, {row.n_images:,} images), {100 * row.more_than_rest:.0f} points more than the "
        f"rest; most to {drops.loc[row.label].idxmax()}, {drops.loc[row.label].max():.0%}"
        for row in rows.itertuples()
    ]
    return findings_of(FRAGILE_CLASS, label=rows["label"], score=rows["drop"], detail=detail)

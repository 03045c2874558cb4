"""What a person should act on in a classifier's predictions: one finding a class."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from analysis.contract import PATCHES, FindingKind, findings_of
from analysis.interpret.evaluate.judged import Judged

LOW_ACCURACY = FindingKind(
    name="accuracy_below_minimum",
    title="The classifier is not good enough",
    severity="high",
    why="Its accuracy is below the minimum that was asked for. What is built on it will be wrong too "
    "often, and what the report says of its reasons says little.",
    action="Look at the classes named here, mend what Scrub found in them, then train longer, on larger "
    "images or from pretrained weights (the parameters of baseline_resnet).",
)
LOW_RECALL = FindingKind(
    name="class_recall_low",
    title="Classes recognised far worse than the rest",
    severity="medium",
    why="The average hides them: whoever meets these classes meets a worse classifier.",
    action="See in the confusion matrix what they are taken for. Look for wrong labels and near duplicates "
    "across the two classes first, then collect more images of them.",
)
OVERCONFIDENT = FindingKind(
    name="overconfident",
    title="The classifier is surer than it is right",
    severity="medium",
    why="Whoever acts only on sure predictions, or weighs them by their probability, is wrong more often "
    "than the probability says. These are the predicted classes in which it is worst.",
    action="Divide the logits by the temperature that was fitted on validation (in the metrics), and see in "
    "the calibration table how far that mends it; or train for fewer epochs, with label smoothing or MixUp.",
)
BELOW_PROBE = FindingKind(
    name="network_below_linear_probe",
    title="A linear head on {features} does better than the network",
    severity="high",
    why="A network that a linear head beats has not learnt what can be seen in these images, or has lost it.",
    action="",
    explains=(LOW_ACCURACY.name, LOW_RECALL.name),
)
# what to do where the features are pretrained, and where they were learnt from these images alone
USE_PRETRAINED = (
    "Use pretrained weights (`baseline_resnet.architecture: efficientnet_lite0`). If the network started "
    "from such, training spoilt them: let fewer parts learn (`unfrozen`), or lower `layer_decay` or "
    "`learning_rate`."
)
TRAIN_BETTER = (
    "Train for more epochs, on larger images or more of them, or from pretrained weights (the parameters of "
    "baseline_resnet)."
)
N_WORST = 3  # classes named where the gate is not passed
KINDS = (LOW_ACCURACY, LOW_RECALL, OVERCONFIDENT)


def find_low_accuracy(per_class: pd.DataFrame, overall: dict[str, float], *, minimum: float) -> pd.DataFrame:
    """The classes that pull the accuracy below the minimum, if it is below."""
    is_low = overall["accuracy"] < minimum
    rows = per_class[(per_class["recall"] < minimum) & is_low]
    detail = [
        f"{row.recall:.0%} of {row.n_items:,} images recognised; {overall['accuracy']:.1%} over all "
        f"classes, where at least {minimum:.0%} are asked for"
        for row in rows.itertuples()
    ]
    return findings_of(LOW_ACCURACY, label=rows["label"], score=1 - rows["recall"], detail=detail)


def find_low_recall(per_class: pd.DataFrame, overall: dict[str, float], *, margin: float) -> pd.DataFrame:
    """Classes whose recall is surely below the mean recall by more than the margin."""
    limit = overall["balanced_accuracy"] - margin
    rows = per_class[per_class["recall_high"] < limit]
    detail = [
        f"{row.recall:.0%} of {row.n_items:,} images recognised, at most {row.recall_high:.0%} with 95% "
        f"confidence; classes on average {overall['balanced_accuracy']:.0%}"
        for row in rows.itertuples()
    ]
    return findings_of(LOW_RECALL, label=rows["label"], score=1 - rows["recall"], detail=detail)


def find_overconfidence(by_class: pd.DataFrame, calibration: pd.DataFrame, *, limit: float) -> pd.DataFrame:
    """The predicted classes that are surer than right by more than the limit, if all together surely are.

    By itself the ECE says too little for a finding: it is above 0 by chance, and just as high for a
    classifier that is too modest, which harms nobody. So what counts is the lower end of the interval of
    confidence minus accuracy.

    Parameters
    ----------
    by_class
        As `confidence_by_class` makes it.
    calibration
        As `calibration_table` makes it.
    """
    overall = calibration.set_index("measure").loc["overconfidence"]
    gap = by_class["mean_confidence"] - by_class["precision"]
    rows = by_class.assign(gap=gap)[(gap > limit) & (overall["low"] > limit)]
    detail = [
        f"{row.mean_confidence:.0%} sure on average, but {row.precision:.0%} right, of {row.n_predicted:,} "
        f"images predicted to be of this class; over all classes {overall['value']:.0%} too sure"
        for row in rows.itertuples()
    ]
    return findings_of(OVERCONFIDENT, label=rows["label"], score=rows["gap"], detail=detail)


def below_probe(
    backbone: str, *, accuracies: tuple[float, float], n: int, split: str, gain: tuple[float, float, float]
) -> FindingKind:
    """In the words of this comparison: `accuracies` of network and probe, `gain` with its interval."""
    is_pretrained = backbone != PATCHES
    features = "pretrained features" if is_pretrained else "features learnt without labels"
    more, low, high = (100 * value for value in gain)
    return replace(
        BELOW_PROBE,
        title=BELOW_PROBE.title.format(features=features),
        severity="high" if is_pretrained else "medium",
        why=f"A linear head on {features} ({backbone}) reaches {accuracies[1]:.1%} of {n:,} {split} images, "
        f"the network {accuracies[0]:.1%}: {more:.1f} points less (95% interval {low:.1f} to {high:.1f}). "
        f"{BELOW_PROBE.why}",
        action=USE_PRETRAINED if is_pretrained else TRAIN_BETTER,
    )


def find_below_probe(kind: FindingKind, per_class: pd.DataFrame, *, is_sure: bool) -> pd.DataFrame:
    """The classes that the probe recognises better, if over all classes it surely does."""
    rows = per_class[(per_class["gain"] > 0) & is_sure]
    detail = [
        f"{row.recall:.0%} of {row.n_items:,} images recognised by the network, {row.probe_recall:.0%} by "
        f"the linear head (95% interval of the difference {row.gain_low:+.0%} to {row.gain_high:+.0%})"
        for row in rows.itertuples()
    ]
    return findings_of(kind, label=rows["label"], score=rows["gain"], detail=detail)


def gate_failure(judged: Judged, overall: dict[str, float], *, minimum: float) -> str:
    """One sentence if the accuracy is below the minimum, that names it and the worst classes; else empty."""
    if overall["accuracy"] >= minimum:
        return ""
    worst = judged.per_class.dropna(subset=["recall"]).nsmallest(N_WORST, "recall", keep="first")
    named = ", ".join(f"{row.label} {row.recall:.0%}" for row in worst.itertuples())
    return (
        f"the accuracy of {overall['accuracy']:.1%} (95% interval {overall['accuracy_low']:.1%} to "
        f"{overall['accuracy_high']:.1%}, n = {len(judged.images):,}, {judged.split}) is below the "
        f"{minimum:.1%} of evaluate.minimum_accuracy; recognised worst: {named}. DVC leaves the results "
        "where they are, and `dvc repro -s report` shows them (Snakemake puts the earlier ones back); what "
        "depends on them runs once the classifier is good enough or evaluate.fail_below_minimum is false."
    )

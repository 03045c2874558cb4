from __future__ import annotations

import pandas as pd

from analysis.dataset.readable import is_usable
from analysis.explore.geometric.image_geometry import MEAN_MEASURES
from analysis.explore.geometric.parameters import GeometricParameters
from analysis.explore.geometric.poses import POSE_NAMES, POSES
from analysis.explore.geometric.verdicts import CHANGED, SAFE, TOO_FEW, UNUSUAL, advise

CAPTIONS = {
    "augmentation_verdicts": "One row per class and transform. auroc says how well its transformed images "
    "are told from those as they are (95% interval; 0.5: not at all, the pose is there already). "
    "kept_fraction of them are still recognised by a classifier that never saw the pose, passing_fraction "
    "pass for the class passes_for.",
    "class_geometry": "One row per class: means over its images. A flip difference is the mean change of a "
    "pixel's brightness under the flip, 0 to 1; symmetry the correlation with the flipped image, 1 is "
    "symmetric. orientation_degrees is the direction in which contours run (0 horizontal, 90 vertical) and "
    "orientation_strength how much it prevails, 0 to 1. centre_x and centre_y, 0 left or top to 1, are where "
    "the detail lies.",
}


def metrics_of(measures: pd.DataFrame, judged: pd.DataFrame) -> dict[str, float]:
    advice = advise(judged)
    tested = judged[judged["verdict"].ne(TOO_FEW)]
    metrics: dict[str, float] = {f"is_{transform}_safe": value for transform, value in advice.items()}
    for transform in POSES:
        verdicts = tested.loc[tested["transform"].eq(transform), "verdict"]
        metrics[f"n_classes_{transform}_safe"] = int(verdicts.eq(SAFE).sum())
        metrics[f"n_classes_{transform}_unusual"] = int(verdicts.eq(UNUSUAL).sum())
        metrics[f"n_classes_{transform}_changed"] = int(verdicts.eq(CHANGED).sum())
    metrics["n_classes_judged"] = int(tested["label"].nunique())
    metrics["n_images"] = len(measures)
    metrics["balanced_accuracy"] = float(tested.drop_duplicates("label")["recall"].mean())
    return metrics | {f"{name}_mean": float(measures[name].mean()) for name in MEAN_MEASURES}


def summary_of(measures: pd.DataFrame, judged: pd.DataFrame) -> str:
    advice = advise(judged)
    safe = [POSE_NAMES[transform] for transform, value in advice.items() if value == 1]
    tested = judged["verdict"].ne(TOO_FEW).any()
    verdict = f"safe for training: {', '.join(safe) or 'none'}" if tested else "too few images to judge poses"
    return f"{verdict} ({len(measures):,} images, {measures['label'].nunique():,} classes)"


def notes_on(
    manifest: pd.DataFrame,
    scan: pd.DataFrame,
    measures: pd.DataFrame,
    judged: pd.DataFrame,
    parameters: GeometricParameters,
) -> list[str]:
    if measures.empty:
        return ["There is no readable, labelled image, so there is nothing to measure."]
    return [
        _sample_note(manifest, scan, measures),
        *_trust_notes(judged, parameters),
    ]


def _sample_note(manifest: pd.DataFrame, scan: pd.DataFrame, measures: pd.DataFrame) -> str:
    split = "training" if measures["split"].eq("train").all() else "all splits, as there is no training"
    usable = is_usable(manifest, scan)
    if measures["split"].eq("train").all():
        usable &= manifest["split"].eq("train").to_numpy()
    return (
        f"Measured on {len(measures):,} of {usable.sum():,} readable, labelled images of {split}; the "
        "sample has the same number of each class where there are enough (geometric.max_images)."
    )


def _trust_notes(judged: pd.DataFrame, parameters: GeometricParameters) -> list[str]:
    by_class = judged.drop_duplicates("label")
    few = by_class[by_class["verdict"].eq(TOO_FEW)]
    tested = by_class[by_class["verdict"].ne(TOO_FEW)]
    notes = []
    if len(few):
        notes.append(
            f"{len(few):,} classes have fewer than {parameters.min_images} images; no transform is judged."
        )
    if len(by_class) == 1:
        notes.append("With one class there is no other that its images could be taken for.")
    elif len(tested):
        n_trusted = int(tested["recall"].ge(parameters.min_trusted_recall).sum())
        notes.append(
            f"The classifier recognises {n_trusted:,} of {len(tested):,} classes well enough (recall "
            f"{parameters.min_trusted_recall:g}) to say whether a transform changes them; for the others "
            "only the test whether they come in that pose counts."
        )
    return notes

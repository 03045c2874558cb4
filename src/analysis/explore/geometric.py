"""How are the pictures of each class laid out, and which flips and rotations would training survive?

Method: edge density and flip differences come from the scan; directions of contours (circular statistics in
doubled angles, Mardia and Jupp 2000), symmetry and the centre of the detail from thumbnails. A flip or
rotation is judged for each class by two tests on held-out images (see `pose_evidence`): whether the class
comes in that pose already (classifier two-sample test, Lopez-Paz and Oquab 2017), and whether a classifier
that never saw the pose still recognises the class or takes it for another one.

- safe: the pose is there already, or the class is recognised all the same;
- unusual pose: neither. Training with it spends effort on images that will not come;
- changes the class: posed images pass for another class, and would be mislabelled: a 6 upside down;
- unclear: the images do not suffice to tell.

How the result misleads: the test sees shapes and colours of a thumbnail. Where text or a small sign decides
the class, it misses that a flip changes it. A class that differs much from all others is recognised in any
pose, which makes the pose harmless, not useful. Poses the sample lacks may yet come in use.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from pydantic import Field

from analysis.class_sample import balanced_sample
from analysis.explore.geometric_charts import (
    plot_augmentations,
    plot_detail,
    plot_directions,
    plot_layout,
    plot_pose_evidence,
)
from analysis.explore.image_geometry import direction_histograms, measure_geometry, smoothed
from analysis.explore.pose_evidence import EVIDENCE_COLUMNS, N_FOLDS, gather_evidence
from analysis.explore.pose_verdicts import CHANGED, SAFE, TOO_FEW, UNUSUAL, advise, judge_poses
from analysis.explore.poses import POSE_NAMES, POSES
from analysis.proportions import Z_95
from analysis.runner import run_stage
from analysis.stage import Artifacts, Figure, StageParameters

MEASURED = ("ok", "truncated")  # of the scan's statuses, those with a picture: training sees these too
FROM_SCAN = ["edge_density", "flip_difference_horizontal", "flip_difference_vertical"]
MEAN_MEASURES = [
    *FROM_SCAN,
    "symmetry_horizontal",
    "symmetry_vertical",
    "symmetry_half_turn",
    "centre_x",
    "centre_y",
]
AUGMENTATION_COLUMNS = [
    "label",
    "transform",
    "verdict",
    "n_images",
    "auroc",
    "auroc_low",
    "auroc_high",
    "kept_fraction",
    "passing_fraction",
    "passes_for",
]

CAPTIONS = {
    "augmentations": "One row a class and transform. auroc says how well its transformed images are told "
    "from those as they are (95% interval; 0.5: not at all, the pose is there already). kept_fraction of "
    "them are still recognised by a classifier that never saw the pose, passing_fraction pass for the class "
    "passes_for.",
    "class_geometry": "One row a class: means over its images. A flip difference is the mean change of a "
    "pixel's brightness under the flip, 0 to 1; symmetry the correlation with the flipped image, 1 is "
    "symmetric. orientation_degrees is the direction in which contours run (0 horizontal, 90 vertical) and "
    "orientation_strength how much it prevails, 0 to 1. centre_x and centre_y, 0 left or top to 1, are where "
    "the detail lies.",
}


class GeometricParameters(StageParameters):
    """Size of the sample and what counts as safe; see params.yaml."""

    max_images: int = Field(ge=100)
    min_images: int = Field(ge=2 * N_FOLDS)
    min_unusual_auroc: float = Field(ge=0.5, lt=1)
    min_trusted_recall: float = Field(ge=0.5, le=1)
    max_recall_drop: float = Field(ge=0, le=1)
    min_passing_fraction: float = Field(ge=0, le=1)


def geometric(
    manifest: pd.DataFrame,
    scan: pd.DataFrame,
    thumbnails: np.ndarray,
    *,
    parameters: GeometricParameters,
    seed: int,
) -> Artifacts:
    """Measure layout and judge flips and rotations on a balanced sample of the labelled training images.

    Without a training split the sample is of all splits.
    """
    images = sample_images(manifest, scan, parameters.max_images, seed)
    thumbnails = np.asarray(thumbnails[images.index])
    pictures = smoothed(thumbnails)
    measures = pd.concat([images.reset_index(drop=True), measure_geometry(pictures)], axis=1)
    n_images = measures.groupby("label", observed=True).size()
    n_images.index = n_images.index.astype(str)  # labels joined from here on are plain text
    is_enough = measures.groupby("label", observed=True)["label"].transform("size").ge(parameters.min_images)
    evidence = _evidence(pictures[is_enough], measures["label"][is_enough], seed)
    judged = judge_poses(evidence, n_images, parameters)
    return Artifacts(
        summary=_summary(measures, judged),
        metrics=_metrics(measures, judged),
        tables={
            "augmentations": judged[AUGMENTATION_COLUMNS],
            "class_geometry": tabulate_geometry(measures),
        },
        captions=CAPTIONS,
        figures=_figures(thumbnails, pictures, measures, judged, parameters),
        notes=_notes(manifest, scan, measures, judged, parameters),
    )


def sample_images(manifest: pd.DataFrame, scan: pd.DataFrame, n: int, seed: int) -> pd.DataFrame:
    """At most `n` labelled, readable images, of training if there are any, with what the scan measured.

    The index is the image's row in the manifest, the scan and the thumbnails.
    """
    images = manifest[["image_id", "label", "split"]].reset_index(drop=True)
    images["label"] = images["label"].astype("category")  # Parquet forgets the type of a column of blanks
    images["label"] = images["label"].cat.rename_categories(str)
    images[FROM_SCAN] = scan[FROM_SCAN].to_numpy(dtype=float, na_value=np.nan)
    images = images[scan["status"].isin(MEASURED).to_numpy() & images["label"].notna()]
    is_training = images["split"].eq("train")
    images = images[is_training] if is_training.any() else images
    return images.iloc[balanced_sample(images["label"].cat.codes.to_numpy(), n, seed=seed)]


def _evidence(pictures: np.ndarray, labels: pd.Series, seed: int) -> pd.DataFrame:
    if labels.empty:
        return pd.DataFrame(columns=EVIDENCE_COLUMNS)
    present = labels.cat.remove_unused_categories().cat
    return gather_evidence(pictures, present.codes.to_numpy(), list(present.categories), seed=seed)


def tabulate_geometry(measures: pd.DataFrame) -> pd.DataFrame:
    """One row a class that has images: means of its measures, and the mean direction of its contours."""
    grouped = measures.groupby("label", observed=True)
    means = grouped[[*MEAN_MEASURES, "orientation_x", "orientation_y"]].mean()
    x, y = means.pop("orientation_x"), means.pop("orientation_y")
    means["orientation_degrees"] = np.degrees(np.arctan2(y, x)) / 2 % 180  # half of the doubled angle
    means["orientation_strength"] = np.hypot(x, y)
    means.insert(0, "n_images", grouped.size())
    return means.reset_index().astype({"label": str})


def summarise_layout(measures: pd.DataFrame) -> pd.DataFrame:
    """Mean of each measure in each class with its 95% interval: `label`, `measure`, `mean`, `low`, `high`."""
    long = measures.melt(id_vars="label", value_vars=MEAN_MEASURES, var_name="measure").dropna()
    summary = long.groupby(["label", "measure"], observed=True)["value"].agg(["mean", "sem", "size"])
    margin = Z_95 * summary.pop("sem")  # NaN of a single image
    summary = summary.rename(columns={"size": "n_images"}).assign(
        low=summary["mean"] - margin, high=summary["mean"] + margin
    )
    return summary.reset_index().astype({"label": str})


def _metrics(measures: pd.DataFrame, judged: pd.DataFrame) -> dict[str, float]:
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


def _figures(
    thumbnails: np.ndarray,
    pictures: np.ndarray,
    measures: pd.DataFrame,
    judged: pd.DataFrame,
    parameters: GeometricParameters,
) -> list[Figure]:
    if measures.empty:
        return []
    labels = measures["label"]
    is_judged = judged["verdict"].ne(TOO_FEW).any()
    return [
        plot_augmentations(thumbnails, pictures, labels, judged),
        *([plot_pose_evidence(judged, parameters.min_unusual_auroc)] if is_judged else []),
        plot_directions(direction_histograms(pictures), labels, tabulate_geometry(measures)),
        plot_detail(pictures, measures),
        plot_layout(summarise_layout(measures)),
    ]


def _summary(measures: pd.DataFrame, judged: pd.DataFrame) -> str:
    advice = advise(judged)
    safe = [POSE_NAMES[transform] for transform, value in advice.items() if value == 1]
    tested = judged["verdict"].ne(TOO_FEW).any()
    verdict = f"safe for training: {', '.join(safe) or 'none'}" if tested else "too few images to judge poses"
    return f"{verdict} ({len(measures):,} images, {measures['label'].nunique():,} classes)"


def _notes(
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
    is_usable = scan["status"].isin(MEASURED).to_numpy() & manifest["label"].notna().to_numpy()
    if measures["split"].eq("train").all():
        is_usable &= manifest["split"].eq("train").to_numpy()
    return (
        f"Measured on {len(measures):,} of {is_usable.sum():,} readable, labelled images of {split}; the "
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


if __name__ == "__main__":
    run_stage(geometric)

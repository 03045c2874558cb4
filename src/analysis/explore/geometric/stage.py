from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.contract import Artifacts, Figure
from analysis.dataset.readable import is_usable
from analysis.dataset.samples import sample_of_training
from analysis.explore.geometric.evidence import EVIDENCE_COLUMNS, gather_evidence
from analysis.explore.geometric.figures import (
    plot_augmentations,
    plot_detail,
    plot_directions,
    plot_layout,
    plot_pose_evidence,
)
from analysis.explore.geometric.image_geometry import (
    FROM_SCAN,
    MEAN_MEASURES,
    direction_histograms,
    measure_geometry,
    smoothed,
)
from analysis.explore.geometric.notes import CAPTIONS, metrics_of, notes_on, summary_of
from analysis.explore.geometric.parameters import GeometricParameters
from analysis.explore.geometric.verdicts import TOO_FEW, judge_poses
from analysis.statistics.proportions import Z_95

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
        summary=summary_of(measures, judged),
        metrics=metrics_of(measures, judged),
        tables={
            "augmentation_verdicts": judged[AUGMENTATION_COLUMNS],
            "class_geometry": tabulate_geometry(measures),
        },
        captions=CAPTIONS,
        figures=_figures(thumbnails, pictures, measures, judged, parameters),
        notes=notes_on(manifest, scan, measures, judged, parameters),
        unjudged=""
        if is_enough.any()
        else f"poses are judged in classes of {parameters.min_images} images or more, and there is none",
    )


def sample_images(manifest: pd.DataFrame, scan: pd.DataFrame, n: int, seed: int) -> pd.DataFrame:
    """At most `n` labelled, readable images, of training if there are any, with what the scan measured.

    The index is the image's row in the manifest, the scan and the thumbnails.
    """
    images = manifest[["item_id", "label", "split"]].reset_index(drop=True)
    images["label"] = images["label"].cat.rename_categories(str)
    images[FROM_SCAN] = scan[FROM_SCAN].to_numpy(dtype=float, na_value=np.nan)
    return sample_of_training(images[is_usable(manifest, scan)], n, seed=seed)


def _evidence(pictures: np.ndarray, labels: pd.Series, seed: int) -> pd.DataFrame:
    if labels.empty:
        return pd.DataFrame(columns=EVIDENCE_COLUMNS)
    present = labels.cat.remove_unused_categories().cat
    return gather_evidence(pictures, present.codes.to_numpy(), list(present.categories), seed=seed)


def tabulate_geometry(measures: pd.DataFrame) -> pd.DataFrame:
    """One row per class that has images: means of its measures, and the mean direction of its contours."""
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

"""What happens to each class in another pose: is the pose already there, and is the class still itself?

Two questions, both answered on images that the classifier was not fitted to:

- A classifier two-sample test (Lopez-Paz and Oquab 2017): how well are a class's images told from the same
  images in the other pose? AUROC 0.5: not at all, the class comes in that pose already.
- A classifier of the classes, fitted to the images as they are: is an image in the other pose still
  recognised, or does it pass for another class? It is typical of the class nearest to it if it also lies
  no further from that than 95% of the class's own images; else it is merely unlike anything known.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from analysis.dataset.samples import stratified_folds
from analysis.explore.discriminant import fit_discriminant
from analysis.explore.geometric.parameters import N_FOLDS
from analysis.explore.geometric.poses import POSES, describe_pose
from analysis.progress import progress
from analysis.statistics.auroc import paired_auroc
from analysis.statistics.proportions import Z_95

TYPICAL_SHARE = 0.95  # of a class's own images that lie within its range
EVIDENCE_COLUMNS = [
    "label",
    "transform",
    "n_images",
    "auroc",
    "auroc_low",
    "auroc_high",
    "recall",
    "kept_fraction",
    "recall_drop_low",
    "recall_drop_high",
    "precision",
    "passes_for",
    "passing_fraction",
    "passing_excess_low",
    "clearest",
]


def gather_evidence(
    pictures: np.ndarray, codes: np.ndarray, classes: Sequence[str], *, seed: int
) -> pd.DataFrame:
    """One row per class and transform.

    Parameters
    ----------
    pictures
        float32 (n, H, W, 3) in [0, 1].
    codes
        (n,) place of each picture's class in `classes`, which has at least `N_FOLDS` pictures each.

    Returns
    -------
    DataFrame
        `auroc` of telling the poses apart, with its 95% interval; `recall` of the images as they are and
        `kept_fraction`, that of the posed ones; `recall_drop_low` and `_high`, the interval of the
        difference; `precision`, the share of the class's own among all posed images typical of it;
        `passes_for`, the other class that most posed ones are typical of (blank: none is of any),
        `passing_fraction` of them, and `passing_excess_low`, the lower end of the interval of how much more
        often they are than the images as they are; `clearest`: which of the class's images, counted from
        0, then lies nearest to that class.
    """
    side = np.random.default_rng(seed).choice([-1, 1], size=len(codes))
    folds = stratified_folds(codes, N_FOLDS, seed=seed)
    features = describe_pose(pictures)
    distances = _class_distances(features, features, codes, folds)
    own_distances = distances[np.arange(len(codes)), codes]
    ranges = pd.Series(own_distances).groupby(codes).quantile(TYPICAL_SHARE).to_numpy()
    is_known = distances.argmin(axis=1) == codes
    typical_of = _typical_of(distances, ranges)
    rows = []
    for transform, pose in progress(POSES.items(), description="poses", unit="poses"):
        posed_features = describe_pose(pose(pictures, side))
        scores = _pose_scores(features, posed_features, codes, folds)
        posed_distances = _class_distances(features, posed_features, codes, folds)
        posed_typical_of = _typical_of(posed_distances, ranges)
        is_kept = posed_distances.argmin(axis=1) == codes
        for code, label in enumerate(classes):
            own = np.flatnonzero(codes == code)
            evidence = {"label": label, "transform": transform, "n_images": len(own)}
            evidence |= paired_auroc(scores[own])
            evidence |= _recognition(is_known[own], is_kept[own])
            evidence["precision"] = _share(codes[posed_typical_of == code] == code)
            evidence |= _passing(typical_of[own], posed_typical_of[own], posed_distances[own], code, classes)
            rows.append(evidence)
    return pd.DataFrame(rows, columns=EVIDENCE_COLUMNS)


def _class_distances(
    fitted: np.ndarray, judged: np.ndarray, codes: np.ndarray, folds: np.ndarray
) -> np.ndarray:
    """(n, classes) squared distances of `judged`, each by the classifier of the other folds of `fitted`."""
    n_classes = codes.max() + 1
    distances = np.empty((len(judged), n_classes))
    for fold in range(N_FOLDS):
        is_held_out = folds == fold
        model = fit_discriminant(fitted[~is_held_out], codes[~is_held_out], n_classes)
        distances[is_held_out] = model.squared_distances(judged[is_held_out])
    return distances


def _pose_scores(features: np.ndarray, posed: np.ndarray, codes: np.ndarray, folds: np.ndarray) -> np.ndarray:
    """(n, 2) log odds that an image is posed: of the image as it is, and posed. Both are in one fold."""
    n_classes = codes.max() + 1
    both = np.concatenate([features, posed])
    cells = np.concatenate([codes, codes + n_classes])  # a class as it is and posed are two
    distances = _class_distances(both, both, cells, np.tile(folds, 2))
    rows, own = np.arange(len(both)), np.tile(codes, 2)
    log_odds = (distances[rows, own] - distances[rows, own + n_classes]) / 2
    return log_odds.reshape(2, -1).T


def _typical_of(distances: np.ndarray, ranges: np.ndarray) -> np.ndarray:
    """(n,) the class that each image is nearest to, -1 if it lies out of its range."""
    nearest = distances.argmin(axis=1)
    return np.where(distances.min(axis=1) <= ranges[nearest], nearest, -1)


def _recognition(is_known: np.ndarray, is_kept: np.ndarray) -> dict[str, float]:
    low, high = paired_difference(is_known, is_kept)
    recalls = {"recall": is_known.mean(), "kept_fraction": is_kept.mean()}
    return recalls | {"recall_drop_low": low, "recall_drop_high": high}


def _share(flags: np.ndarray) -> float:
    return float(flags.mean()) if len(flags) else 0.0


def _passing(
    typical_of: np.ndarray, posed: np.ndarray, distances: np.ndarray, code: int, classes: Sequence[str]
) -> dict[str, object]:
    """Of one class's images: what they are typical of as they are and posed; `distances` of the posed."""
    counts = np.bincount(posed[posed >= 0], minlength=len(classes))
    counts[code] = 0
    other = counts.argmax()
    if counts[other] == 0:
        return {"passes_for": "", "passing_fraction": 0.0, "passing_excess_low": np.nan, "clearest": 0}
    passing = posed == other
    excess_low, _ = paired_difference(passing, typical_of == other)
    return {
        "passes_for": classes[other],
        "passing_fraction": passing.mean(),
        "passing_excess_low": excess_low,
        "clearest": np.where(passing, distances[:, other], np.inf).argmin(),
    }


def paired_difference(first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    """95% interval of the share of `first` minus that of `second`, booleans of the same images.

    After Agresti and Min (2005), who add half an image to each of the four outcomes: it is not of width 0
    where no image differs.
    """
    n = len(first) + 2
    only_first, only_second = (first & ~second).sum() + 0.5, (second & ~first).sum() + 0.5
    difference = (only_first - only_second) / n
    half = Z_95 * np.sqrt((only_first + only_second) / n - difference**2) / np.sqrt(n)
    return difference - half, difference + half

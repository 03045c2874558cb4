"""Trials of the checks: plant, run the check as it is, and hold what it reports against what was planted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.scrub import quality_kinds as kinds
from analysis.scrub.data_quality import (
    EXACT,
    LEAKED,
    MIN_SIDE_PX,
    NEAR,
    Copies,
    DataQualityParameters,
    find_copies,
    leaks_of,
)
from analysis.scrub.label_issues import SUSPECTED_LABEL, LabelIssuesParameters, judge_labels
from analysis.scrub.planted_sample import Sample, with_planted
from analysis.scrub.planting import NEAR_COPIES, SPOILT, copied, plant_pictures, plant_truncated
from analysis.scrub.quality_checks import QualityChecksParameters, run_checks
from analysis.scrub.quality_kinds import Check
from analysis.stage import FindingKind

LOWEST_COPY_SCORE = 0.1  # down to which pairs are looked at when a threshold is suggested
MAX_FLIPPED = 0.05  # of the labels; with more the model itself would learn from wrong ones
SPOILT_KINDS = {  # what a spoilt picture should be found as, and the parameter that decides
    "blurred": (kinds.BLURRY, "blurry_below"),
    "darkened": (kinds.TOO_DARK, "too_dark_below"),
    "overexposed": (kinds.TOO_BRIGHT, "too_bright_above"),
}


@dataclass(frozen=True)
class Trial:
    """What one check made of one planted fault.

    Attributes
    ----------
    stage, kind
        Whose check it is, and the kind of finding that the fault should be reported as.
    is_found
        (n,) whether each planted fault was.
    n_reported, n_right
        What the check reported of planted and untouched images, and how much of it was planted.
    originals, planted
        (n, 32, 32, 3) thumbnails before and after.
    """

    stage: str
    kind: FindingKind
    fault: str
    is_found: NDArray[np.bool_]
    n_reported: int
    n_right: int
    originals: NDArray[np.uint8]
    planted: NDArray[np.uint8]


@dataclass(frozen=True)
class Threshold:
    """A parameter's value and the one that would flag falsely the wanted share of `n` images."""

    parameter: str
    value: float
    n: int
    n_false: int
    recall: float
    suggested: float
    recall_at_suggested: float


Outcome = tuple[list[Trial], list[Threshold]]


# ---- copies ----------------------------------------------------------------------------------------------


def try_copies(
    sample: Sample,
    parameters: DataQualityParameters,
    *,
    folder: Path,
    n_planted: int,
    target_rate: float,
    seed: int,
    rng: np.random.Generator,
) -> Outcome:
    """Copies of other images for every change, all at once, each in another split than its original."""
    planted = plant_copies(sample, folder=folder, n_planted=n_planted, rng=rng)
    if planted.empty:
        return [], []
    together = with_planted(sample, planted, to_other_split=True)
    lowered = parameters.model_copy(update={"min_score": min(LOWEST_COPY_SCORE, parameters.min_score)})
    copies = find_copies(together.manifest, together.scan, together.thumbnails, parameters=lowered, seed=seed)
    planted = planted.assign(image_id=len(sample) + np.arange(len(planted)))
    pairs = judge_pairs(copies.pairs, planted, min_score=parameters.min_score)
    leaked = _leaked(copies, planted, min_score=parameters.min_score)
    trials = [
        _copy_trial(change, rows, pairs, together, min_score=parameters.min_score)
        for change, rows in planted.groupby("fault", sort=False)
    ]
    trials.append(_leak_trial(leaked, planted, pairs, together))
    is_near = planted["fault"].isin(NEAR_COPIES)
    return trials, _copy_threshold(planted[is_near], pairs, parameters.min_score, target_rate)


def plant_copies(sample: Sample, *, folder: Path, n_planted: int, rng: np.random.Generator) -> pd.DataFrame:
    """One row a copy: `fault`, `original_id`, `path`. No image is the original of two.

    Near copies are planted where images are large enough for the search to look for them.
    """
    is_large = sample.scan[["width_px", "height_px"]].min(axis=1).to_numpy() >= MIN_SIDE_PX
    changes = {"copied": copied} | (dict(NEAR_COPIES) if is_large.any() else {})
    usable = sample.manifest[is_large] if is_large.any() else sample.manifest
    n_each = min(n_planted, len(usable) // len(changes))
    chosen = rng.choice(len(usable), (len(changes), n_each), replace=False)
    parts = [
        plant_pictures(usable.iloc[rows], change, folder / name, rng).assign(fault=name)
        for (name, change), rows in zip(changes.items(), chosen, strict=True)
    ]
    return pd.concat(parts, ignore_index=True)


def judge_pairs(pairs: pd.DataFrame, planted: pd.DataFrame, *, min_score: float) -> pd.DataFrame:
    """The pairs with a planted copy: `fault` and `planted_id` of it, `is_direct`, `is_right`, `score`.

    A pair is right if it joins a copy with its original, or with a natural copy of that.
    """
    original_of = dict(zip(planted["image_id"], planted["original_id"], strict=True))
    ends = pairs[["image_id_a", "image_id_b"]].to_numpy()
    is_planted = np.isin(ends, planted["image_id"])
    natural = {
        frozenset(end) for end in ends[~is_planted.any(axis=1) & (pairs["score"] >= min_score)].tolist()
    }
    rows = []
    for end, marks, score in zip(ends.tolist(), is_planted, pairs["score"], strict=True):
        for place in np.flatnonzero(marks):
            copy, other = end[place], end[1 - place]
            original, root = original_of[copy], original_of.get(other, other)
            is_right = root == original or frozenset((root, original)) in natural
            rows.append((copy, other == original, is_right, score))
    judged = pd.DataFrame(rows, columns=["planted_id", "is_direct", "is_right", "score"])
    faults = planted.set_index("image_id")["fault"]
    return judged.assign(fault=judged["planted_id"].map(faults))


def _copy_trial(
    change: str, planted: pd.DataFrame, pairs: pd.DataFrame, together: Sample, *, min_score: float
) -> Trial:
    reported = pairs[(pairs["fault"] == change) & (pairs["score"] >= min_score)]
    found = planted["image_id"].isin(reported.loc[reported["is_direct"], "planted_id"]).to_numpy()
    return Trial(
        "data_quality",
        EXACT if change == copied.__name__ else NEAR,
        change,
        found,
        len(reported),
        int(reported["is_right"].sum()),
        together.thumbnails[planted["original_id"]],
        together.thumbnails[planted["image_id"]],
    )


def _leaked(copies: Copies, planted: pd.DataFrame, *, min_score: float) -> pd.DataFrame:
    """The leaks that a planted copy has part in."""
    pairs = copies.pairs[copies.pairs["score"] >= min_score]
    leaks = leaks_of(pairs, copies.first, copies.images)
    return leaks[leaks[["image_id", "twin"]].isin(set(planted["image_id"])).any(axis=1)]


def _leak_trial(leaks: pd.DataFrame, planted: pd.DataFrame, pairs: pd.DataFrame, together: Sample) -> Trial:
    """Every planted copy lies in another split than its original: one of the two leaks."""
    leaking = set(leaks["image_id"])
    found = [
        copy in leaking or original in leaking
        for copy, original in zip(planted["image_id"], planted["original_id"], strict=True)
    ]
    wrong = set(pairs.loc[~pairs["is_right"], "planted_id"]) - set(pairs.loc[pairs["is_right"], "planted_id"])
    is_right = ~leaks[["image_id", "twin"]].isin(wrong).any(axis=1)
    return Trial(
        "data_quality",
        LEAKED,
        "copy in another split",
        np.array(found),
        len(leaks),
        int(is_right.sum()),
        together.thumbnails[planted["original_id"]],
        together.thumbnails[planted["image_id"]],
    )


def _copy_threshold(
    planted: pd.DataFrame, pairs: pd.DataFrame, min_score: float, target_rate: float
) -> list[Threshold]:
    """The score that a wrong partner of a planted copy reaches for only the wanted share of the copies."""
    if planted.empty:
        return []
    ids = planted["image_id"]
    best = (
        pairs.groupby(["planted_id", "is_right"])["score"]
        .max()
        .unstack()
        .reindex(index=ids, columns=[False, True])
    )
    wrong = best[False].fillna(0).to_numpy()
    direct = pairs[pairs["is_direct"]].groupby("planted_id")["score"].max().reindex(ids).fillna(0).to_numpy()
    suggested = max(_quantile_above(wrong, target_rate), LOWEST_COPY_SCORE)
    return [
        Threshold(
            "data_quality.min_score",
            min_score,
            len(ids),
            int((wrong >= min_score).sum()),
            float((direct >= min_score).mean()),
            suggested,
            float((direct >= suggested).mean()),
        )
    ]


# ---- quality ---------------------------------------------------------------------------------------------


def try_quality(
    sample: Sample,
    parameters: QualityChecksParameters,
    *,
    folder: Path,
    n_planted: int,
    target_rate: float,
    rng: np.random.Generator,
) -> Outcome:
    """Spoilt pictures, one fault at a time, as a check holds an image against what is usual."""
    trials, thresholds = [], []
    for fault, change in SPOILT.items():
        kind, parameter = SPOILT_KINDS[fault]
        originals = sample.manifest.iloc[_drawn(len(sample), n_planted, rng)]
        together = with_planted(sample, plant_pictures(originals, change, folder / fault, rng))
        (check,) = (c for c in run_checks(together.images, parameters) if c.kind is kind)
        trials.append(_quality_trial(fault, [check], originals, sample, together))
        value = getattr(parameters, parameter)
        thresholds.append(_quality_threshold(parameter, value, check, len(sample), target_rate))
    return trials, [threshold for threshold in thresholds if threshold is not None]


def try_truncation(
    sample: Sample,
    parameters: QualityChecksParameters,
    *,
    folder: Path,
    n_planted: int,
    rng: np.random.Generator,
) -> Outcome:
    """Files cut short. Whether a part of the picture can be decoded, or nothing, is up to the format."""
    originals = sample.manifest.iloc[_drawn(len(sample), n_planted, rng)]
    together = with_planted(sample, plant_truncated(originals, folder / "truncated", rng))
    checks = run_checks(together.images, parameters)
    checks = [check for check in checks if check.kind in (kinds.TRUNCATED, kinds.UNREADABLE)]
    return [_quality_trial("truncated", checks, originals, sample, together)], []


def _quality_trial(
    fault: str, checks: list[Check], originals: pd.DataFrame, sample: Sample, together: Sample
) -> Trial:
    is_flagged = np.logical_or.reduce([check.is_flagged.to_numpy(bool) for check in checks])
    found = is_flagged[len(sample) :]
    return Trial(
        "quality_checks",
        checks[0].kind,
        fault,
        found,
        int(is_flagged.sum()),
        int(found.sum()),
        sample.thumbnails[originals["image_id"]],
        together.thumbnails[len(sample) :],
    )


def _quality_threshold(
    parameter: str, value: float, check: Check, n_untouched: int, target_rate: float
) -> Threshold | None:
    """The value of the measure beyond which only the wanted share of the untouched images lies."""
    measure = check.measure.to_numpy(float)
    untouched, planted = measure[:n_untouched], measure[n_untouched:]
    untouched = untouched[np.isfinite(untouched)]
    if len(untouched) == 0:
        return None
    sign = 1 if np.isfinite(check.upper) else -1
    limit = check.upper if sign > 0 else check.lower
    suggested = sign * _quantile_above(sign * untouched, target_rate)
    return Threshold(
        f"quality_checks.{parameter}",
        value,
        len(untouched),
        int((sign * untouched > sign * limit).sum()),
        float((sign * planted > sign * limit).mean()),
        suggested,
        float((sign * planted > sign * suggested).mean()),
    )


# ---- labels ----------------------------------------------------------------------------------------------


def try_flips(
    sample: Sample,
    embeddings: NDArray[np.float32],
    duplicates: pd.DataFrame,
    parameters: LabelIssuesParameters,
    *,
    n_planted: int,
    target_rate: float,
    seed: int,
    rng: np.random.Generator,
) -> Outcome:
    """Labels exchanged for another one drawn at random, in at most `MAX_FLIPPED` of the labelled images."""
    labels = sample.manifest["label"]
    labelled, classes = np.flatnonzero(labels.notna()), labels.cat.remove_unused_categories().cat.categories
    n_flipped = min(n_planted, int(MAX_FLIPPED * len(labelled)))
    if n_flipped == 0 or len(classes) < 2:
        return [], []
    flipped = rng.choice(labelled, n_flipped, replace=False)
    manifest = sample.manifest.assign(label=_exchanged(labels, flipped, classes, rng))
    images, _, verdict = judge_labels(
        manifest,
        sample.scan,
        sample.thumbnails,
        np.asarray(embeddings[sample.rows]),
        _among(duplicates, sample.rows),
        parameters=parameters,
        seed=seed,
    )
    if verdict is None:
        return [], []
    judged = pd.DataFrame({"score": verdict.score, "is_issue": verdict.is_issue}, index=images["image_id"])
    judged = (
        judged.reindex(np.arange(len(sample))).astype({"is_issue": "boolean"}).fillna({"is_issue": False})
    )
    is_issue, is_flipped = judged["is_issue"].to_numpy(bool), np.isin(np.arange(len(sample)), flipped)
    score = judged["score"].fillna(0).to_numpy()
    suggested = _quantile_above(score[~is_flipped], target_rate)
    trial = Trial(
        "label_issues",
        SUSPECTED_LABEL,
        "flipped label",
        is_issue[flipped],
        int(is_issue.sum()),
        int(is_issue[flipped].sum()),
        sample.thumbnails[flipped],
        sample.thumbnails[flipped],
    )
    threshold = Threshold(
        "label_issues.min_score",
        parameters.min_score,
        int((~is_flipped).sum()),
        int((is_issue & ~is_flipped).sum()),
        float(is_issue[flipped].mean()),
        suggested,
        float((score[flipped] > suggested).mean()),
    )
    return [trial], [threshold]


def _exchanged(
    labels: pd.Series, rows: NDArray[np.int64], classes: pd.Index, rng: np.random.Generator
) -> pd.Categorical:
    codes = classes.get_indexer(labels.iloc[rows].astype(object))
    others = (codes + rng.integers(1, len(classes), len(rows))) % len(classes)
    exchanged = labels.astype(object).to_numpy(copy=True)
    exchanged[rows] = np.asarray(classes, dtype=object)[others]
    return pd.Categorical(exchanged, categories=labels.cat.categories)


def _among(duplicates: pd.DataFrame, rows: NDArray[np.int64]) -> pd.DataFrame:
    """The pairs of which both images are in the sample, with their numbers there."""
    numbers = pd.Series(np.arange(len(rows)), index=rows)
    ends = {name: duplicates[name].map(numbers) for name in ("image_id_a", "image_id_b")}
    inside = duplicates.assign(**ends).dropna(subset=list(ends))
    return inside.astype(dict.fromkeys(ends, np.int64))


def _drawn(n: int, n_wanted: int, rng: np.random.Generator) -> NDArray[np.int64]:
    return rng.permutation(n)[:n_wanted]


def _quantile_above(values: NDArray, share: float) -> float:
    """The lowest of `values` that at most `share` of them exceed."""
    return float(np.quantile(values, 1 - share, method="higher"))

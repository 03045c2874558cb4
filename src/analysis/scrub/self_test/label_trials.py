"""How many exchanged labels are found."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.scrub.label_issues.findings import SUSPECTED_LABEL
from analysis.scrub.label_issues.judging import judge_labels
from analysis.scrub.label_issues.parameters import LabelIssuesParameters
from analysis.scrub.label_probabilities.out_of_sample import predict_out_of_sample
from analysis.scrub.label_probabilities.parameters import LabelProbabilitiesParameters
from analysis.scrub.self_test.sample import PlantedSample
from analysis.scrub.self_test.trials import Outcome, Threshold, Trial, among, quantile_above

MAX_FLIPPED = 0.05  # of the labels; with more the model itself would learn from wrong ones


# ---- labels ----------------------------------------------------------------------------------------------


def try_flips(
    sample: PlantedSample,
    embeddings: NDArray[np.float32],
    duplicate_pairs: pd.DataFrame,
    training: LabelProbabilitiesParameters,
    judging: LabelIssuesParameters,
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
    probabilities = predict_out_of_sample(
        manifest,
        sample.scan,
        sample.thumbnails,
        np.asarray(embeddings[sample.rows]),
        among(duplicate_pairs, sample.rows),
        parameters=training,
        seed=seed,
    ).probabilities
    images, _, verdict = judge_labels(
        manifest, probabilities, anchor_fraction=judging.anchor_fraction, min_score=judging.min_score
    )
    if verdict is None:
        return [], []
    judged = pd.DataFrame({"score": verdict.score, "is_issue": verdict.is_issue}, index=images["item_id"])
    judged = (
        judged.reindex(np.arange(len(sample))).astype({"is_issue": "boolean"}).fillna({"is_issue": False})
    )
    return _outcome(sample, judged, flipped, min_score=judging.min_score, target_rate=target_rate)


def _outcome(
    sample: PlantedSample,
    judged: pd.DataFrame,
    flipped: NDArray[np.int64],
    *,
    min_score: float,
    target_rate: float,
) -> Outcome:
    """What was found of the `flipped` rows; `judged` has one row per image, with `score` and `is_issue`."""
    is_issue, is_flipped = judged["is_issue"].to_numpy(bool), np.isin(np.arange(len(sample)), flipped)
    score = judged["score"].fillna(0).to_numpy()
    suggested = quantile_above(score[~is_flipped], target_rate)
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
        min_score,
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

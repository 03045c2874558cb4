"""How many exchanged labels are found, and how far the scores mean what they say."""

from __future__ import annotations

from itertools import pairwise

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
UNSURE_FRACTION = 0.25  # of the images: the least typical ones, whose labels people get wrong most
SCORE_EDGES = (0, 0.2, 0.4, 0.6, 0.8, 1)
SCORE_COLUMNS = ["score_from", "score_to", "n_labels", "mean_score", "n_planted", "planted_share"]
ANY, ALIKE, UNSURE = "flipped label", "label of a class alike", "label of an unsure picture"


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
) -> tuple[Outcome, pd.DataFrame]:
    """Labels exchanged in at most `MAX_FLIPPED` of the labelled images, in three ways; how well scores hold.

    A third gets any other class, a third the class most like its own, and a third, of images among the least
    typical of their class, the class that the picture is most like.
    """
    nothing = ([], []), pd.DataFrame(columns=SCORE_COLUMNS)
    labels = sample.manifest["label"]
    vectors = np.asarray(embeddings[sample.rows])
    labelled = np.flatnonzero(labels.notna() & np.isfinite(vectors).all(axis=1))
    classes = labels.cat.remove_unused_categories().cat.categories
    n_of_a_kind = min(n_planted, int(MAX_FLIPPED * len(labelled)) // 3)
    if n_of_a_kind == 0 or len(classes) < 2:
        return nothing
    flips = _drawn_flips(labels, vectors, labelled, classes, n_of_a_kind, rng)
    exchanged = labels.astype(object).to_numpy(copy=True)
    for rows, others in flips.values():
        exchanged[rows] = others
    manifest = sample.manifest.assign(label=pd.Categorical(exchanged, categories=labels.cat.categories))
    probabilities = predict_out_of_sample(
        manifest,
        sample.scan,
        sample.thumbnails,
        vectors,
        among(duplicate_pairs, sample.rows),
        parameters=training,
        seed=seed,
    ).probabilities
    images, _, verdict = judge_labels(
        manifest, probabilities, anchor_fraction=judging.anchor_fraction, min_score=judging.min_score
    )
    if verdict is None:
        return nothing
    judged = pd.DataFrame({"score": verdict.score, "is_issue": verdict.is_issue}, index=images["item_id"])
    judged = judged.reindex(np.arange(len(sample))).astype({"is_issue": "boolean"})
    judged = judged.fillna({"is_issue": False})
    planted = {fault: rows for fault, (rows, _) in flips.items()}
    outcome = _outcome(sample, judged, planted, min_score=judging.min_score, target_rate=target_rate)
    return outcome, _by_score(judged["score"], np.concatenate([*planted.values()]))


def _drawn_flips(
    labels: pd.Series,
    vectors: NDArray[np.float32],
    labelled: NDArray[np.int64],
    classes: pd.Index,
    n: int,
    rng: np.random.Generator,
) -> dict[str, tuple[NDArray[np.int64], NDArray]]:
    """For each fault, `n` rows and the labels they get; no row has two."""
    codes = classes.get_indexer(labels.iloc[labelled].astype(object))
    centres = np.stack([vectors[labelled[codes == code]].mean(axis=0) for code in range(len(classes))])
    likeness = vectors[labelled] @ centres.T  # (n labelled, n_classes)
    own = likeness[np.arange(len(codes)), codes]
    likeness[np.arange(len(codes)), codes] = -np.inf
    most_like = likeness.argmax(axis=1)
    of_classes = centres @ centres.T
    np.fill_diagonal(of_classes, -np.inf)
    margin = own - likeness.max(axis=1)
    n_unsure = max(n, int(UNSURE_FRACTION * len(labelled)))
    unsure = rng.permutation(np.argsort(margin, kind="stable")[:n_unsure])[:n]
    others = rng.permutation(np.setdiff1d(np.arange(len(labelled)), unsure))
    any_class, alike = others[:n], others[n : 2 * n]
    drawn = (codes[any_class] + rng.integers(1, len(classes), n)) % len(classes)
    names = np.asarray(classes, dtype=object)
    return {
        ANY: (labelled[any_class], names[drawn]),
        ALIKE: (labelled[alike], names[of_classes.argmax(axis=1)[codes[alike]]]),
        UNSURE: (labelled[unsure], names[most_like[unsure]]),
    }


def _by_score(scores: pd.Series, planted: NDArray[np.int64]) -> pd.DataFrame:
    """One row per range of scores: how many of the labels there were planted."""
    judged = scores.dropna()
    place = np.clip(np.searchsorted(SCORE_EDGES, judged, side="right") - 1, 0, len(SCORE_EDGES) - 2)
    is_planted = judged.index.isin(planted)
    rows = []
    for i, (low, high) in enumerate(pairwise(SCORE_EDGES)):
        here = place == i
        n, n_right = int(here.sum()), int(is_planted[here].sum())
        rows.append((low, high, n, judged[here].mean(), n_right, n_right / n if n else np.nan))
    return pd.DataFrame(rows, columns=SCORE_COLUMNS).round(4)


def _outcome(
    sample: PlantedSample,
    judged: pd.DataFrame,
    planted: dict[str, NDArray[np.int64]],
    *,
    min_score: float,
    target_rate: float,
) -> Outcome:
    """What was found of the planted rows of each fault; `judged` has `score` and `is_issue` for each image.

    All are on one list, and each row of the result says how many of the list were planted at all.
    """
    flipped = np.concatenate([*planted.values()])
    is_issue, is_flipped = judged["is_issue"].to_numpy(bool), np.isin(np.arange(len(sample)), flipped)
    score = judged["score"].fillna(0).to_numpy()
    suggested = quantile_above(score[~is_flipped], target_rate)
    n_reported, n_right = int(is_issue.sum()), int(is_issue[flipped].sum())
    trials = [
        Trial(
            "label_issues",
            SUSPECTED_LABEL,
            fault,
            is_issue[rows],
            n_reported,
            n_right,
            sample.thumbnails[rows],
            sample.thumbnails[rows],
        )
        for fault, rows in planted.items()
    ]
    threshold = Threshold(
        "label_issues.min_score",
        min_score,
        int((~is_flipped).sum()),
        int((is_issue & ~is_flipped).sum()),
        float(is_issue[flipped].mean()),
        suggested,
        float((score[flipped] > suggested).mean()),
    )
    return trials, [threshold]

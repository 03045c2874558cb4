"""How many planted copies and leaks are found, and how many of those found were planted."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.scrub.compared_images import compared_images, is_large_enough
from analysis.scrub.duplicate_search.parameters import LOWEST_SCORE, SURE_SCORE, DuplicateSearchParameters
from analysis.scrub.duplicate_search.search import search_copies
from analysis.scrub.duplicates.copies import Copies, copies_among
from analysis.scrub.duplicates.findings import EXACT, LEAKED, NEAR
from analysis.scrub.duplicates.leaks import leaks_of
from analysis.scrub.faults import NEAR_COPIES, copied, plant_pictures
from analysis.scrub.self_test.sample import PlantedSample, with_planted
from analysis.scrub.self_test.trials import Outcome, Threshold, Trial, quantile_above

COPY_SCORE_EDGES = (LOWEST_SCORE, 0.5, 0.9, SURE_SCORE, 1.0)
COPY_SCORE_COLUMNS = ["score_from", "score_to", "n_pairs", "mean_score", "n_right", "right_share"]


def try_copies(
    sample: PlantedSample,
    search: DuplicateSearchParameters,
    *,
    min_score: float,
    folder: Path,
    n_planted: int,
    target_rate: float,
    seed: int,
    rng: np.random.Generator,
) -> tuple[Outcome, pd.DataFrame]:
    """Copies of other images for every change, all at once, each in another split than its original.

    Beside the outcome, how well the scores held (`tabulate_scores`).
    """
    planted = plant_copies(sample, folder=folder, n_planted=n_planted, rng=rng)
    if planted.empty:
        return ([], []), pd.DataFrame(columns=COPY_SCORE_COLUMNS)
    together = with_planted(sample, planted, to_other_split=True)
    compared = compared_images(together.manifest, together.scan)
    possible, _ = search_copies(compared, together.thumbnails, parameters=search, seed=seed)
    copies = copies_among(possible, compared, min_score=LOWEST_SCORE)
    planted = planted.assign(item_id=len(sample) + np.arange(len(planted)))
    pairs = judge_pairs(copies.pairs, planted)
    leaked = _leaked(copies, planted, min_score=min_score)
    trials = [
        _copy_trial(change, rows, pairs, together, min_score=min_score)
        for change, rows in planted.groupby("fault", sort=False)
    ]
    trials.append(_leak_trial(leaked, planted, pairs, together))
    is_near = planted["fault"].isin(NEAR_COPIES)
    outcome = trials, _copy_threshold(planted[is_near], pairs, min_score, target_rate)
    return outcome, tabulate_scores(pairs)


def plant_copies(
    sample: PlantedSample, *, folder: Path, n_planted: int, rng: np.random.Generator
) -> pd.DataFrame:
    """One row per copy: `fault`, `original_id`, `path`. No image is the original of two.

    Near copies are planted where images are large enough for the search to look for them.
    """
    is_large = is_large_enough(sample.scan).to_numpy()
    changes = {"copied": copied} | (dict(NEAR_COPIES) if is_large.any() else {})
    images = sample.images.reset_index()
    usable = images[is_large] if is_large.any() else images
    n_each = min(n_planted, len(usable) // len(changes))
    chosen = rng.choice(len(usable), (len(changes), n_each), replace=False)
    parts = [
        plant_pictures(usable.iloc[rows], change, folder / name, rng).assign(fault=name)
        for (name, change), rows in zip(changes.items(), chosen, strict=True)
    ]
    return pd.concat(parts, ignore_index=True)


def judge_pairs(pairs: pd.DataFrame, planted: pd.DataFrame) -> pd.DataFrame:
    """The pairs with a planted copy: `planted_id`, `fault`, `is_direct`, `is_right`, `is_own` and `score`.

    A pair is right if it joins a copy with its original, with another copy of that, or with an image of the
    very same pixels. One that joins it with an image that is itself reported as a near copy of the original
    (`is_own`) is as right as that report, which nobody has judged: it counts neither for nor against. All
    others are look-alikes that were taken for copies.
    """
    original_of = dict(zip(planted["item_id"], planted["original_id"], strict=True))
    is_exact = pairs["kind"].eq("exact").to_numpy()
    ends = pairs[["item_id_a", "item_id_b"]].to_numpy()
    # an exact copy may stand for its original in the near pairs, which are the dataset's own then
    exact = {frozenset(end) for end in ends[is_exact].tolist()}
    stands_for = {copy: first for copy, first in original_of.items() if frozenset((copy, first)) in exact}
    ends[~is_exact] = np.vectorize(lambda end: stands_for.get(end, end), otypes=[ends.dtype])(ends[~is_exact])
    is_planted = np.isin(ends, planted["item_id"])
    natural = ~is_planted.any(axis=1)
    same, alike = (
        {frozenset(end) for end in ends[natural & of_kind].tolist()} for of_kind in (is_exact, ~is_exact)
    )
    rows = []
    for end, marks, score in zip(ends.tolist(), is_planted, pairs["score"], strict=True):
        for place in np.flatnonzero(marks):
            copy, other = end[place], end[1 - place]
            original, root = original_of[copy], original_of.get(other, other)
            is_right = root == original or frozenset((root, original)) in same
            rows.append((copy, other == original, is_right, frozenset((root, original)) in alike, score))
    judged = pd.DataFrame(rows, columns=["planted_id", "is_direct", "is_right", "is_own", "score"])
    faults = planted.set_index("item_id")["fault"]
    return judged.assign(fault=judged["planted_id"].map(faults))


def tabulate_scores(judged: pd.DataFrame) -> pd.DataFrame:
    """How many pairs had a score in each range, and which share of them was right: `COPY_SCORE_COLUMNS`."""
    known = judged[~judged["is_own"] & (judged["score"] < 1.0)]
    rows = []
    for low, high in pairwise(COPY_SCORE_EDGES):
        here = known[(known["score"] >= low) & (known["score"] < high)]
        rows.append(
            (low, high, len(here), here["score"].mean(), here["is_right"].sum(), here["is_right"].mean())
        )
    return pd.DataFrame(rows, columns=COPY_SCORE_COLUMNS).round(4)


def _copy_trial(
    change: str, planted: pd.DataFrame, pairs: pd.DataFrame, together: PlantedSample, *, min_score: float
) -> Trial:
    reported = pairs[(pairs["fault"] == change) & (pairs["score"] >= min_score) & ~pairs["is_own"]]
    found = planted["item_id"].isin(reported.loc[reported["is_direct"], "planted_id"]).to_numpy()
    return Trial(
        "duplicates",
        EXACT if change == copied.__name__ else NEAR,
        change,
        found,
        len(reported),
        int(reported["is_right"].sum()),
        together.thumbnails[planted["original_id"]],
        together.thumbnails[planted["item_id"]],
    )


def _leaked(copies: Copies, planted: pd.DataFrame, *, min_score: float) -> pd.DataFrame:
    """The leaks that a planted copy has part in."""
    pairs = copies.pairs[copies.pairs["score"] >= min_score]
    leaks = leaks_of(pairs, copies.first, copies.images)
    return leaks[leaks[["item_id", "twin"]].isin(set(planted["item_id"])).any(axis=1)]


def _leak_trial(
    leaks: pd.DataFrame, planted: pd.DataFrame, pairs: pd.DataFrame, together: PlantedSample
) -> Trial:
    """Every planted copy lies in another split than its original: one of the two leaks."""
    leaking = set(leaks["item_id"])
    found = [
        copy in leaking or original in leaking
        for copy, original in zip(planted["item_id"], planted["original_id"], strict=True)
    ]
    pairs = pairs[~pairs["is_own"]]
    wrong = set(pairs.loc[~pairs["is_right"], "planted_id"]) - set(pairs.loc[pairs["is_right"], "planted_id"])
    is_right = ~leaks[["item_id", "twin"]].isin(wrong).any(axis=1)
    return Trial(
        "duplicates",
        LEAKED,
        "copy in another split",
        np.array(found),
        len(leaks),
        int(is_right.sum()),
        together.thumbnails[planted["original_id"]],
        together.thumbnails[planted["item_id"]],
    )


def _copy_threshold(
    planted: pd.DataFrame, pairs: pd.DataFrame, min_score: float, target_rate: float
) -> list[Threshold]:
    """The score that a wrong partner of a planted copy reaches for only the wanted share of the copies."""
    if planted.empty:
        return []
    ids, pairs = planted["item_id"], pairs[~pairs["is_own"]]
    best = (
        pairs.groupby(["planted_id", "is_right"])["score"]
        .max()
        .unstack()
        .reindex(index=ids, columns=[False, True])
    )
    wrong = best[False].fillna(0).to_numpy()
    direct = pairs[pairs["is_direct"]].groupby("planted_id")["score"].max().reindex(ids).fillna(0).to_numpy()
    suggested = max(quantile_above(wrong, target_rate), LOWEST_SCORE)
    return [
        Threshold(
            "duplicates.min_score",
            min_score,
            len(ids),
            int((wrong >= min_score).sum()),
            float((direct >= min_score).mean()),
            suggested,
            float((direct >= suggested).mean()),
        )
    ]

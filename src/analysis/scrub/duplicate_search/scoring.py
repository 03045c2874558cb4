"""From candidate pairs to scores: the first look at all, the second at the most alike, and the yardstick."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.cores import available_cores
from analysis.dataset.images import ImageError, open_as_seen
from analysis.scrub.duplicate_search.candidates import Images, Pairs, without_borders
from analysis.scrub.duplicate_search.detail import ENLARGED_UP_TO_PX, Luma, Opener, reduced, second_look
from analysis.scrub.duplicate_search.first_look import (
    aligned,
    best_first,
    first_look,
    likeness_of,
    most_alike,
)
from analysis.scrub.duplicate_search.planting import Planted, plant_in_memory
from analysis.scrub.duplicate_search.yardstick import Yardstick, fit_yardstick

MAX_ALIGNED = 40_000  # pairs of thumbnails: half a minute of one core
MAX_OPENED, MAX_SMALL_OPENED = 6_000, 12_000  # pairs of files: at most a minute of one core
N_OTHERS = 500  # of these, pairs from all over
PLANTED_BELOW = 0.005  # of planted copies that agree no better at the first look: less is not looked into
COPY_SCORE = 0.5  # more likely a copy than not: pairs between the copies of one image are tried as well
MAX_SPOKES = 50  # copies of one image between which pairs are tried: a thousand would make half a million


@dataclass(frozen=True)
class Compared:
    """How much was compared, and how well copies can be told here.

    Attributes
    ----------
    n_candidates, n_aligned, n_opened
        Pairs, of planted copies aside.
    n_left_out
        Candidates that were not aligned, and pairs that would have been worth opening, for want of time.
    n_gone
        Images that could not be opened any more; nothing they are in counts as a copy.
    copies_told_fraction
        Of copies planted here, the share that scores more likely a copy than not.
    """

    n_candidates: int
    n_aligned: int
    n_opened: int
    n_left_out: int
    n_gone: int
    copies_told_fraction: float


def score_pairs(
    images: pd.DataFrame, pictures: Images, cut_px: NDArray[np.int64], candidates: Pairs, *, seed: int
) -> tuple[pd.DataFrame, Compared]:
    """Every pair that was looked at twice, with its evidence and its `score`.

    Parameters
    ----------
    images
        `path`, `value_range`, `width_px`, `height_px`, in the order that `pictures` and `candidates` number.
    pictures, cut_px
        Those of `without_borders`.
    """
    n_workers = available_cores()
    planted = plant_in_memory(images, seed=seed, n_workers=n_workers)
    n = len(images)
    copies, cut_of_copies = without_borders(planted.thumbnails)
    look = first_look(np.concatenate([pictures, copies]), n_drawn_from=n, seed=seed)
    gone: set[int] = set()
    opener = _opener(images, np.concatenate([cut_px, cut_of_copies]), planted, gone)

    def looked_at(pairs: Pairs, *, max_aligned: int) -> pd.DataFrame:
        return aligned(look, *most_alike(look, pairs, max_pairs=max_aligned), n_workers=n_workers)

    def opened(pairs: pd.DataFrame) -> pd.DataFrame:
        return pairs.join(second_look(pairs, opener, n_workers=n_workers))

    own = np.column_stack([planted.rows, n + np.arange(len(planted)), planted.is_mirrored]).astype(np.int64)
    known = opened(looked_at(own, max_aligned=len(own)))
    first = looked_at(candidates, max_aligned=MAX_ALIGNED)
    worth = _worth_opening(first, known)
    is_small = images[["width_px", "height_px"]].to_numpy(dtype=float).max(axis=1) <= ENLARGED_UP_TO_PX
    max_opened = MAX_SMALL_OPENED if is_small.all() else MAX_OPENED
    found = opened(_best_and_some(worth, first, max_pairs=max_opened))
    n_not_opened = len(_others_than(found, worth))
    yardstick = fit_yardstick(known, found)
    found = found.assign(score=yardstick.score(found))
    more = _between_copies(found[found["score"] >= COPY_SCORE], known=candidates)
    more = opened(looked_at(more, max_aligned=max_opened))
    found = pd.concat([found, more.assign(score=yardstick.score(more))], ignore_index=True)
    compared = Compared(
        n_candidates=len(candidates),
        n_aligned=len(first),
        n_opened=len(found),
        n_left_out=max(len(candidates) - MAX_ALIGNED, 0) + n_not_opened,
        n_gone=len(gone),
        copies_told_fraction=_told_fraction(yardstick, known),
    )
    return found.sort_values(["row_a", "row_b"], ignore_index=True), compared


def _worth_opening(pairs: pd.DataFrame, planted: pd.DataFrame) -> pd.DataFrame:
    """The pairs that agree at the first look as planted copies do, best first."""
    agreement = pairs["structure_agreement"].to_numpy()
    order = best_first(likeness_of(pairs), pairs[["row_a", "row_b"]].to_numpy(), agreement)
    least = planted["structure_agreement"].quantile(PLANTED_BELOW) if len(planted) else -1.0
    return pairs.iloc[order[agreement[order] >= least]].reset_index(drop=True)


def _best_and_some(worth: pd.DataFrame, pairs: pd.DataFrame, *, max_pairs: int) -> pd.DataFrame:
    """The best that are worth opening, and some of all others: they show where look-alikes lie."""
    best = worth.head(max_pairs - N_OTHERS)
    others = _others_than(best, pairs)
    return pd.concat(
        [best, others.iloc[:: max(1, len(others) // N_OTHERS)].head(N_OTHERS)], ignore_index=True
    )


def _others_than(some: pd.DataFrame, pairs: pd.DataFrame) -> pd.DataFrame:
    is_other = pairs.merge(some[["row_a", "row_b"]], how="left", indicator=True)["_merge"].eq("left_only")
    return pairs[is_other.to_numpy()]


def _told_fraction(yardstick: Yardstick, planted: pd.DataFrame) -> float:
    return float((yardstick.score(planted) >= COPY_SCORE).mean()) if len(planted) else np.nan


def _opener(images: pd.DataFrame, cut_px: NDArray[np.int64], planted: Planted, gone: set[int]) -> Opener:
    """Opens the picture of a row: first the images, then the planted copies. What cannot be is in `gone`."""
    paths, ranges, n = images["path"].to_numpy(), images["value_range"].to_numpy(), len(images)

    def open_luma(row: int) -> Luma | None:
        if row >= n:
            return reduced(planted.lumas[row - n], cut_px[row])
        try:
            picture = open_as_seen(paths[row], value_range=ranges[row], allow_truncated=True)
        except ImageError:  # gone since the scan: then nothing says that it is a copy
            gone.add(row)
            return None
        return reduced(np.asarray(picture.convert("L")), cut_px[row])

    return open_luma


def _between_copies(copies: pd.DataFrame, *, known: Pairs) -> Pairs:
    """Pairs of images that are both copies of a third; a search for the nearest few misses some of many."""
    there = copies[["row_a", "row_b", "is_mirrored", "score"]].set_axis(
        ["hub", "row", "turn", "score"], axis=1
    )
    back = there.rename(columns={"hub": "row", "row": "hub"})
    spokes = pd.concat([there, back]).sort_values("score", ascending=False, kind="stable")
    spokes = spokes.groupby("hub").head(MAX_SPOKES)
    wedges = spokes.merge(spokes, on="hub", suffixes=("_a", "_b"))
    wedges = wedges[wedges["row_a"] < wedges["row_b"]]
    is_mirrored = wedges["turn_a"].to_numpy() ^ wedges["turn_b"].to_numpy()
    pairs = np.column_stack([wedges["row_a"], wedges["row_b"], is_mirrored]).astype(np.int64)
    new = set(map(tuple, pairs.tolist())) - set(map(tuple, known.tolist()))
    return np.array(sorted(new), dtype=np.int64).reshape(-1, 3)

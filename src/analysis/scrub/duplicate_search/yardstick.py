"""How probably is a pair a copy, given what copies and look-alikes agree in, in this very dataset?

What copies agree in is known from copies that were planted. The candidates are a mixture: copies, in a share
that is not known, and look-alikes, the likest of the dataset. So hands before one wall are measured by hands
before that wall, and photographs of anything by other photographs. Two steps:

1. *Likeness.* A logistic function of the evidence that tells planted copies from those candidates that agree
   less than nearly all planted copies do. Every weight is at least 0, so that more agreement never makes a
   copy less probable, and is held near that of `REFERENCE`: of few pairs little can be learnt.
2. *Share.* Of likeness, copies have the density of the planted ones, with a part of them that were changed
   more. That of look-alikes is known where no copies are, and falls off from there as it does there, by an
   exponential function. How many of either there are at each likeness follows by expectation and
   maximisation: the local false discovery rate with an empirical null (Efron 2004). Where look-alikes reach
   up to the planted copies, their tail explains the pairs there, and none is thought a copy; where a gap lies
   between, what is beyond it is.

How it misleads: the score is of copies such as were planted. A copy that was changed more than these is
thought less probable than it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.optimize import minimize
from scipy.special import expit
from scipy.stats import gaussian_kde, poisson

from analysis.scrub.duplicate_search.first_look import fisher_z

LEAST_SCALE = 3.0  # of a weight: a small one is held no closer
UNALIGNED = 0.1  # of planted copies, the least alike: most of them were not laid upon their originals aright
HELD = 1.0  # strength with which the weights are held at REFERENCE's: with 1 they may well be double, or none
MOST_DISTORTED = 0.2  # beyond which distortion is not told apart
MOST_REPEATED = 0.95  # likewise
FARTHEST_MOVED = 3.0  # likewise
N_ROUNDS = 100
CHANGED_MORE = 0.1  # of copies, those that agree less than planted ones
NEAR = 3.0  # tenths of the range of planted copies: over less, a number does not show how it falls off
TAIL, BELOW_GAP = 0.05, 0.5  # of look-alikes, the likest, whose number is followed
MIN_BELOW_GAP = 0.1  # of all candidates
WIDER = 0.2  # of candidates less alike than nearly all copies, with no gap: they are not copies in the main
SURELY_NONE = -30.0  # a likeness at which nothing is a copy
AS_IF = 10.0  # planted copies, beside the candidates that are thought copies, say what copies agree in
LEAST_DENSITY = 1e-9
QUANTILES = (0.02, 0.05, 0.1, 0.5, 0.95)  # of planted copies; look-alikes are sought below the second first
MIN_GOOD = 0.15  # of what lies above a gap, as alike as 9 in 10 planted copies: else no cluster of copies
MIN_FALL, RISE = 1.5, 1.2  # of the number of pairs, from a peak down to a gap, and up again beyond
UNEXPECTED = 0.005  # probability of as many pairs, if they were look-alikes
MIN_LOOKALIKES = 20  # below which nothing is known of their tail
SLOWEST_DECAY, FASTEST_DECAY = 0.05, 5.0  # of look-alikes, per unit of likeness
Evidence = NDArray[np.float64]  # (pairs, 8)
Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Weights:
    """Of the evidence's columns, and the bias: together the log-odds of a planted copy to a look-alike."""

    of_evidence: Numbers
    bias: float

    def likeness(self, evidence: Evidence) -> Numbers:
        return evidence @ self.of_evidence + self.bias


REFERENCE = Weights(np.array([5.0, 1.5, 2.5, 0.1, 4.0, 4.0, 1.5, 1.0]), bias=-15.0)


def evidence_of(pairs: pd.DataFrame) -> Evidence:
    """Each column grows with agreement: correlations as Fisher's z, which has no upper end.

    What a picture repeats within itself (stripes, a straight edge), another picture may well repeat too: only
    agreement beyond that counts.
    """
    repeats = pairs["self_agreement"].clip(0, MOST_REPEATED).to_numpy()
    distortion = pairs["distortion"].fillna(MOST_DISTORTED).clip(upper=MOST_DISTORTED)
    return np.column_stack(
        [
            *(
                fisher_z((pairs[name].to_numpy() - repeats) / (1 - repeats))
                for name in ("detail_agreement", "coarse_agreement", "weakest_tiles_agreement")
            ),
            pairs["structure_z"].to_numpy() / 10,
            pairs["colour_agreement"].to_numpy(),
            -pairs["hue_degrees"].abs().to_numpy() / 180,
            -10 * distortion.to_numpy(),
            -_movement(pairs),
        ]
    )


def _movement(pairs: pd.DataFrame) -> Numbers:
    """How far a picture was turned and resized to lie upon the other: 1 for 10 degrees, or for a fifth."""
    turned, resized = pairs["rotation_degrees"] / 10, np.log(pairs["scale"]) / 0.2
    return np.minimum(np.hypot(turned, resized), FARTHEST_MOVED).to_numpy()


@dataclass(frozen=True)
class Yardstick:
    """What tells copies from look-alikes here.

    Attributes
    ----------
    weights
        Of likeness.
    likeness, log_odds
        (k,) A grid, rising, and the log-odds that a candidate of that likeness is a copy, rising too.
    share
        Of copies among the candidates.
    """

    weights: Weights
    likeness: Numbers
    log_odds: Numbers
    share: float

    def score(self, pairs: pd.DataFrame) -> Numbers:
        """The probability that each pair is a copy; 0 of those that could not be laid upon one another."""
        likeness = self.weights.likeness(evidence_of(pairs))
        scores = expit(np.interp(likeness, self.likeness, self.log_odds))
        return np.where(pairs["distortion"].notna(), scores, 0.0)


def fit_yardstick(planted: pd.DataFrame, candidates: pd.DataFrame) -> Yardstick:
    """From the evidence of planted copies and of candidates, of which a share are copies."""
    planted, candidates = (pairs[pairs["distortion"].notna()] for pairs in (planted, candidates))
    if planted.empty:
        grid = np.array([-50.0, 50.0])
        return Yardstick(REFERENCE, grid, grid, share=0.5)
    copies, others = evidence_of(planted), evidence_of(candidates)
    likeness = REFERENCE.likeness(copies)
    least = np.quantile(likeness, UNALIGNED)
    is_less = REFERENCE.likeness(others) < min(0.0, least)
    weights = _fitted(copies[likeness >= least], others[is_less])
    grid, log_odds, share = _shares(weights.likeness(copies), weights.likeness(others))
    return Yardstick(weights, grid, log_odds, share)


# ---- likeness --------------------------------------------------------------------------------------------


def _fitted(copies: Evidence, lookalikes: Evidence) -> Weights:
    """Maximises the likelihood, copies and look-alikes counting alike, so that log-odds are of densities."""
    evidence = np.concatenate([copies, lookalikes])
    total = min(len(copies), len(lookalikes))
    weight = np.concatenate([np.full(len(part), total / max(len(part), 1)) for part in (copies, lookalikes)])
    is_copy = np.arange(len(evidence)) < len(copies)
    reference = np.append(REFERENCE.of_evidence, REFERENCE.bias)
    held = HELD / np.maximum(np.abs(reference), LEAST_SCALE) ** 2

    def loss(x: Numbers) -> tuple[float, Numbers]:
        log_odds = evidence @ x[:-1] + x[-1]
        off = weight * (expit(log_odds) - is_copy)
        value = (weight * (np.logaddexp(0, log_odds) - is_copy * log_odds)).sum()
        gradient = np.append(evidence.T @ off, off.sum())
        return value + (held * (x - reference) ** 2).sum() / 2, gradient + held * (x - reference)

    bounds = [(0, None)] * len(REFERENCE.of_evidence) + [(None, None)]
    found = minimize(loss, reference, jac=True, bounds=bounds, method="L-BFGS-B").x
    return Weights(found[:-1], float(found[-1]))


# ---- share -----------------------------------------------------------------------------------------------


def _shares(copies: Numbers, candidates: Numbers) -> tuple[Numbers, Numbers, float]:
    """A grid of likeness, the log-odds of a copy there, and the share of copies among the candidates."""
    lowest_of_copies, least, good, middle, most = np.quantile(copies, QUANTILES)
    width = (most - least) / 10
    lowest = min(SURELY_NONE, least, candidates.min(initial=least))
    grid = np.arange(lowest - 5 * width, most + 10 * width, width / 8)
    counts = np.histogram(candidates, np.append(grid, np.inf))[0]
    smooth = _smoothed(counts, grid, width)
    gap = _gap_below(smooth, grid, lowest_of_copies)
    if gap is not None and not _parts_copies(gap, candidates, good):
        gap = None
    if gap is not None:
        tail = _tail_up_to(gap - width, candidates, share=BELOW_GAP, width=width)  # copies reach down there
    else:
        is_wider = counts[grid < least].sum() > WIDER * len(candidates)  # than that of copies
        end = max(least, grid[smooth.argmax()]) if is_wider else least
        tail = _tail_of_lookalikes(candidates, end, middle, width=width)
    planted = _density_of_planted(copies, grid)
    by_weights = planted * np.exp(-grid)  # what the logistic function makes of a look-alike
    of_lookalikes = 0.5 * by_weights  # half a look-alike is always allowed for
    if tail is not None:
        beyond = tail.density(grid)
        # far beyond a gap, the slow fall before it says too much, and the logistic function too little
        of_lookalikes += (
            beyond if gap is None else np.sqrt(beyond * np.minimum(beyond, len(candidates) * by_weights))
        )
    of_copies = planted
    n_copies = 0.5
    for _ in range(N_ROUNDS):
        are_copies = counts * n_copies * of_copies / (n_copies * of_copies + of_lookalikes)
        n_copies = are_copies.sum() + 0.5  # as if of one more pair nothing were known
        if gap is not None:  # then the candidates too show what copies agree in
            seen = _smoothed(np.where(grid >= gap, are_copies, 0), grid, width) + AS_IF * planted
            of_copies = seen / (seen.sum() * (grid[1] - grid[0]))
    log_odds = np.log(n_copies * of_copies) - np.log(of_lookalikes)
    return grid, np.maximum.accumulate(log_odds), float(n_copies / (len(candidates) + 1))


def _parts_copies(gap: float, candidates: Numbers, good: float) -> bool:
    """Whether above the gap lies what is as alike as copies are, and below more than a few odd ones."""
    n_below = np.count_nonzero(candidates < gap)
    n_above, n_good = np.count_nonzero(candidates >= gap), np.count_nonzero(candidates >= good)
    return n_below >= max(MIN_LOOKALIKES, MIN_BELOW_GAP * len(candidates)) and n_good >= MIN_GOOD * n_above


def _density_of_planted(copies: Numbers, grid: Numbers) -> Numbers:
    """Of planted ones, smoothed, and of a part that lies anywhere below their middle."""
    middle, reach = np.median(copies), 2 * np.ptp(copies) + 1e-3
    smooth = gaussian_kde(copies + 1e-3 * np.arange(len(copies)) / len(copies), bw_method=0.5)
    below = np.where((grid >= middle - reach) & (grid <= middle), 1 / reach, 0.0)
    return (1 - CHANGED_MORE) * smooth(grid) + CHANGED_MORE * below + LEAST_DENSITY


def _smoothed(counts: Numbers, grid: Numbers, width: float) -> Numbers:
    """Per unit of the grid."""
    step = grid[1] - grid[0]
    return gaussian_filter1d(counts.astype(float), width / step, mode="constant") / step


@dataclass(frozen=True)
class Tail:
    """How many look-alikes lie beyond `start`: `n`, falling off exponentially."""

    start: float
    n: float
    decay: float

    def density(self, likeness: Numbers) -> Numbers:
        return self.n * self.decay * np.exp(-self.decay * (likeness - self.start))


def _tail_of_lookalikes(candidates: Numbers, end: float, last: float, *, width: float) -> Tail | None:
    """The likest of the candidates up to `end`, and of those beyond as long as their number goes on falling
    off as it did before, up to `last`: where it no longer does, copies begin."""
    tail = _tail_up_to(end, candidates, share=TAIL, width=width)
    while tail is not None and end < last:
        step = np.array([end, end + 1 / 2])
        expected = -np.diff(tail.n * np.exp(-tail.decay * (step - tail.start)))[0]
        n = np.count_nonzero((candidates >= step[0]) & (candidates < step[1]))
        if poisson.sf(n - 1, expected) < UNEXPECTED:
            break
        end = step[1]
        tail = _tail_up_to(end, candidates, share=TAIL, width=width)
    return tail


def _gap_below(density: Numbers, grid: Numbers, least: float) -> float | None:
    """Where fewest candidates lie, between a peak of them at `least` or beyond and more of them below.

    None if there is no such peak, or nothing below it.
    """
    beyond = np.flatnonzero(grid >= least)
    peak = beyond[density[beyond].argmax()]
    if peak == beyond[0]:
        return None
    down = density[peak::-1]
    lowest = np.minimum.accumulate(down)
    rises_again = np.flatnonzero((down > RISE * lowest + 1e-6) & (lowest <= density[peak] / MIN_FALL))
    return float(grid[peak - down[: rises_again[0]].argmin()]) if len(rises_again) else None


def _tail_up_to(end: float, candidates: Numbers, *, share: float, width: float) -> Tail | None:
    """From the likest such share of the candidates below `end`, and all that lie near it."""
    lookalikes = np.sort(candidates[candidates < end])
    if len(lookalikes) < MIN_LOOKALIKES:
        return None
    start = min(lookalikes[-max(MIN_LOOKALIKES, int(share * len(lookalikes)))], end - NEAR * width)
    beyond = lookalikes[lookalikes >= start]
    decay = _decay_of(beyond - start, end - start)
    return Tail(start, len(beyond) / -np.expm1(-decay * (end - start)), decay)


def _decay_of(beyond: Numbers, end: float) -> float:
    """The most likely decay of an exponential distribution that is seen only up to `end`."""
    decays = np.geomspace(SLOWEST_DECAY, FASTEST_DECAY, 200)
    log_likelihood = np.log(decays) - decays * beyond.mean() - np.log(-np.expm1(-decays * end))
    return float(decays[log_likelihood.argmax()])

"""How probably is a pair a copy, given what copies and look-alikes agree in, in this very dataset?

What copies agree in is known from copies that were planted. The candidates are a mixture: copies, in a share
that is not known, and look-alikes, the likest of the dataset. So hands before one wall are measured by hands
before that wall, and photographs of anything by other photographs. Two steps:

1. *Likeness.* A logistic function of the evidence that tells planted copies from those candidates that agree
   less than nearly all planted copies do. Every weight is at least 0, so that more agreement never makes a
   copy less probable, and is held near that of `REFERENCE`: of few pairs little can be learnt.
2. *Share.* Of likeness, copies have the density of the planted ones, with a part of them that were changed
   more. That of look-alikes is known where no copies are, and falls off from there as it does there, by an
   exponential function. How many of either there are at each likeness follows by expectation and maximisation:
   the local false discovery rate with an empirical null (Efron 2004). Where look-alikes reach up to the
   planted copies, their tail explains the pairs there, and none is thought a copy; where a gap lies between,
   what is beyond it is.

How it misleads: the score is of copies such as were planted. A copy that was changed more than these is
thought less probable than it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit, logsumexp
from scipy.stats import gaussian_kde, poisson

from analysis.scrub.duplicate_search.verification import fisher_z

UNALIGNED = 0.1  # of planted copies, the least alike: most of them were not laid upon their originals aright
HELD = 1.0  # strength with which the weights are held at REFERENCE's: with 1 they may well be double, or none
MOST_DISTORTED = 0.2  # beyond which distortion is not told apart
FARTHEST_MOVED = 3.0  # likewise
N_ROUNDS = 100
CHANGED_MORE = 0.1  # of copies, those that agree less than planted ones
TAIL = 0.05  # of look-alikes, the likest
LEAST_ALIKE = 0.05  # of planted copies, below which look-alikes are sought first
UNEXPECTED = 0.05  # probability of as many pairs, if they were look-alikes
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
    """Each column grows with agreement: correlations as Fisher's z, which has no upper end to press against."""
    distortion = pairs["distortion"].fillna(MOST_DISTORTED).clip(upper=MOST_DISTORTED)
    return np.column_stack(
        [
            fisher_z(pairs["detail_agreement"].to_numpy()),
            fisher_z(pairs["coarse_agreement"].to_numpy()),
            fisher_z(pairs["weakest_tiles_agreement"].to_numpy()),
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
        """The probability that each pair is a copy; 0 of pairs that could not be laid upon one another; (n,)."""
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
    copies = copies[likeness >= np.quantile(likeness, UNALIGNED)]
    surely_less = min(0.0, REFERENCE.likeness(copies).min())
    is_less = REFERENCE.likeness(others) < surely_less
    weights = _fitted(copies, others[is_less])
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
    held = HELD / np.maximum(np.abs(reference), 1.0) ** 2

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
    grid = np.linspace(min(copies.min(), candidates.min(initial=0)) - 1, copies.max() + 5, 1000)
    of_copies = _log_density_of_copies(copies, grid)
    tail = _tail_of_lookalikes(candidates, copies)
    reference = of_copies - grid  # half a look-alike of which the logistic function knows, whatever the tail
    of_lookalikes = np.log(0.5) + reference
    if tail is not None:
        of_lookalikes = np.logaddexp(of_lookalikes, tail.log_density(grid))
    at = np.searchsorted(grid, candidates).clip(0, len(grid) - 1)
    n_copies = 0.5
    for _ in range(N_ROUNDS):
        is_copy = expit(np.log(n_copies) + of_copies[at] - of_lookalikes[at])
        n_copies = is_copy.sum() + 0.5  # as if of one more pair nothing were known
    log_odds = np.maximum.accumulate(np.log(n_copies) + of_copies - of_lookalikes)
    return grid, log_odds, float(n_copies / (len(candidates) + 1))


def _log_density_of_copies(copies: Numbers, grid: Numbers) -> Numbers:
    """Of planted ones, smoothed, and of a part that lies anywhere below their middle."""
    smooth = gaussian_kde(copies + 1e-3 * np.arange(len(copies)) / len(copies), bw_method=0.5)
    middle = np.median(copies)
    below = np.where(
        (grid >= middle - 2 * np.ptp(copies)) & (grid <= middle), 1 / (2 * np.ptp(copies) + 1e-3), 1e-12
    )
    return logsumexp(
        [np.log(1 - CHANGED_MORE) + smooth.logpdf(grid), np.log(CHANGED_MORE) + np.log(below)], axis=0
    )


@dataclass(frozen=True)
class Tail:
    """How many look-alikes lie beyond `start`: `n`, falling off exponentially."""

    start: float
    n: float
    decay: float

    def log_density(self, likeness: Numbers) -> Numbers:
        return np.log(self.n) + np.log(self.decay) - self.decay * (likeness - self.start)


def _tail_of_lookalikes(candidates: Numbers, copies: Numbers) -> Tail | None:
    """The likest of the candidates that agree less than planted copies do, or as some do, as long as their
    number goes on falling off as it did before: where it no longer does, copies begin."""
    end, last = np.quantile(copies, [LEAST_ALIKE, 0.5])
    tail = _tail_up_to(end, candidates)
    while tail is not None and end < last:
        step = [end, end + 1 / 2]
        expected = tail.n * -np.diff(np.exp(-tail.decay * (np.array(step) - tail.start)))[0]
        n = np.count_nonzero((candidates >= step[0]) & (candidates < step[1]))
        if poisson.sf(n - 1, expected) < UNEXPECTED:
            break
        end = step[1]
        tail = _tail_up_to(end, candidates)
    return tail


def _tail_up_to(end: float, candidates: Numbers) -> Tail | None:
    lookalikes = np.sort(candidates[candidates < end])
    if len(lookalikes) < MIN_LOOKALIKES:
        return None
    beyond = lookalikes[-max(MIN_LOOKALIKES, int(TAIL * len(lookalikes))) :]
    start = beyond[0]
    decay = _decay_of(beyond - start, end - start)
    return Tail(start, len(beyond) / -np.expm1(-decay * (end - start)), decay)


def _decay_of(beyond: Numbers, end: float) -> float:
    """The most likely decay of an exponential distribution that is seen only up to `end`."""
    decays = np.geomspace(SLOWEST_DECAY, FASTEST_DECAY, 200)
    log_likelihood = np.log(decays) - decays * beyond.mean() - np.log(-np.expm1(-decays * end))
    return float(decays[log_likelihood.argmax()])

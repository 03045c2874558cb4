"""How probably is a pair a copy, given what copies and look-alikes agree in, in this very dataset?

What copies agree in is known from copies that were planted. The candidates are a mixture: copies, in a share
that is not known, and look-alikes, the likest of the dataset. A logistic function of the evidence tells the
planted copies from the candidates, each of which counts as a look-alike as far as it is thought to be one;
what it is thought to be follows from the function and the share of copies, and these from that, until nothing
changes (expectation and maximisation, as for learning from positive and unlabelled examples: Elkan & Noto
2008; the share as Saerens, Latinne & Decaestecker 2002 find it). So hands before one wall are measured by hands
before that wall, and photographs of anything by other photographs.

Every weight is at least 0: more agreement never makes a copy less probable. Of few pairs little can be learnt,
and the weights stay near those of `REFERENCE`, which were fitted to seven datasets of different kinds together.

How it misleads: the score is of copies such as were planted. A copy that was changed more than these is
thought less probable than it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit, logit

from analysis.scrub.duplicate_search.verification import fisher_z

N_ROUNDS = 30
LEAST_SHARE = 1e-3  # of copies among the candidates, lest none can be found
NEGATIVES = 2.0  # times the planted copies: the weight of all candidates together, at most
Evidence = NDArray[np.float64]  # (pairs, 6)


@dataclass(frozen=True)
class Weights:
    """Of the evidence's columns, per standard unit, and the bias: log-odds of a planted copy to a look-alike."""

    of_evidence: NDArray[np.float64]
    bias: float

    def log_odds(self, evidence: Evidence) -> NDArray[np.float64]:
        return evidence @ self.of_evidence + self.bias


EVIDENCE = ["detail", "coarse", "weakest", "structure", "colour", "hue"]
REFERENCE = Weights(np.array([2.0, 1.0, 1.0, 0.1, 4.0, 4.0]), bias=-13.0)
HELD = 10.0  # strength with which the weights are held at REFERENCE's, in pairs


@dataclass(frozen=True)
class Yardstick:
    """What tells copies from look-alikes here, and the `share` of copies among the candidates."""

    weights: Weights
    share: float

    def score(self, pairs: pd.DataFrame) -> NDArray[np.float64]:
        """The probability that each pair is a copy; (n,)."""
        return expit(self.weights.log_odds(evidence_of(pairs)) + logit(self.share))


def evidence_of(pairs: pd.DataFrame) -> Evidence:
    """Each column grows with agreement: correlations as Fisher's z, which has no upper end to press against."""
    return np.column_stack(
        [
            fisher_z(pairs["detail_agreement"].to_numpy()),
            fisher_z(pairs["coarse_agreement"].to_numpy()),
            fisher_z(pairs["weakest_tiles_agreement"].to_numpy()),
            pairs["structure_z"].to_numpy() / 10,
            pairs["colour_agreement"].to_numpy(),
            -pairs["hue_degrees"].abs().to_numpy() / 180,
        ]
    )


def fit_yardstick(planted: pd.DataFrame, candidates: pd.DataFrame) -> Yardstick:
    """From the evidence of planted copies and of candidates, of which a share are copies."""
    if planted.empty or candidates.empty:
        return Yardstick(REFERENCE, share=0.5)
    copies, others = evidence_of(planted), evidence_of(candidates)
    weights, share = REFERENCE, 0.5
    for _ in range(N_ROUNDS):
        is_copy = expit(weights.log_odds(others) + logit(share))
        share = float(np.clip(is_copy.mean(), LEAST_SHARE, 1 - LEAST_SHARE))
        weights = _fitted(copies, others, 1 - is_copy, start=weights)
    return Yardstick(weights, share)


def _fitted(copies: Evidence, others: Evidence, weight: NDArray[np.float64], *, start: Weights) -> Weights:
    """Maximises the likelihood, copies and look-alikes counting alike, so that log-odds are of densities."""
    evidence = np.concatenate([copies, others])
    total = min(float(weight.sum()), NEGATIVES * len(copies))
    share_each = np.concatenate(
        [np.full(len(copies), total / len(copies)), weight * total / max(weight.sum(), 1e-9)]
    )
    is_copy = np.arange(len(evidence)) < len(copies)
    reference = np.append(REFERENCE.of_evidence, REFERENCE.bias)
    held = HELD / np.maximum(reference, 1.0) ** 2
    held[-1] = HELD / REFERENCE.bias**2

    def loss(x: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        log_odds = evidence @ x[:-1] + x[-1]
        off = expit(log_odds) - is_copy
        value = (share_each * (np.logaddexp(0, log_odds) - is_copy * log_odds)).sum()
        gradient = np.append(evidence.T @ (share_each * off), (share_each * off).sum())
        return value + (held * (x - reference) ** 2).sum() / 2, gradient + held * (x - reference)

    bounds = [(0, None)] * (len(reference) - 1) + [(None, None)]
    found = minimize(
        loss, np.append(start.of_evidence, start.bias), jac=True, bounds=bounds, method="L-BFGS-B"
    ).x
    return Weights(found[:-1], float(found[-1]))

"""Whether two groups of images come from one distribution, as a whole or within each class.

Every test takes the stratum of each image. With all images in one stratum it asks whether the groups differ
at all; with one stratum a class it asks whether they differ by more than the shares of their classes: what
chance makes of a statistic is then found by permuting membership within classes only (Good 2005), so that the
classes keep their shares, or by weighing the images so that both groups hold the classes in the same shares.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import pdist
from scipy.special import kolmogorov

N_FOLDS = 5
ROUNDING = 1e-6  # of statistics that lie within a few units of 0
PERMUTATIONS_AT_ONCE = 250
ENOUGH_AS_LARGE = 25  # permutations; with so many of 2,000 a test is far from significant after correction
RIDGE = 0.1  # of the variance of a feature
N_FOURIER_FEATURES = 100
N_BINS = 10  # of the population stability index


# ---- one feature -----------------------------------------------------------------------------------------


def balancing_weights(is_second: np.ndarray, strata: np.ndarray) -> tuple[np.ndarray, float]:
    """Weights of images under which both groups hold the strata in the same shares, and their effective size.

    A stratum counts `h = n_first · n_second / (n_first + n_second)` in either group, so most where both have
    images and not at all where one has none (overlap weights, Li et al. 2018). In either group the weights
    add up to 1, or to 0 if no stratum is shared. The effective size, the sum of h, is what
    `n_first · n_second / n` is for groups in a single stratum.
    """
    n_second = np.bincount(strata, weights=is_second)
    n_first = np.bincount(strata) - n_second
    n = np.maximum(n_first + n_second, 1)
    size = float((n_first * n_second / n).sum())
    # h / n_second = n_first / n for an image of the second group, and the other way round
    weights = np.where(is_second, n_first[strata], n_second[strata]) / n[strata]
    return (weights / size if size else weights), size


def compare_values(
    values: np.ndarray, is_second: np.ndarray, weights: np.ndarray, effective_size: float
) -> dict[str, float]:
    """Sizes of the difference between two weighted groups in one value, and a test of it.

    Returns
    -------
    dict
        `ks`, the largest difference between the distribution functions (Kolmogorov-Smirnov), in [0, 1];
        `wasserstein`, the mean way from one distribution to the other, and `mean_difference` (second minus
        first), both in standard deviations of all images together; `psi`, the population stability index
        over tenths of the first group; `p_value` of `ks` by Kolmogorov's distribution, which errs on the
        safe side for few images, ties and weights. NaN where no stratum is shared.
    """
    is_known = np.isfinite(values) & (weights > 0)
    values, is_second, weights = values[is_known], is_second[is_known], weights[is_known]
    if not effective_size or is_second.all() or not is_second.any():
        return dict.fromkeys(("ks", "wasserstein", "mean_difference", "psi", "p_value"), np.nan)
    weights = weights / np.where(is_second, weights[is_second].sum(), weights[~is_second].sum())
    order = np.argsort(values)
    ordered = values[order]
    # distribution function of the second group minus that of the first, after each value
    gap = np.where(is_second, weights, -weights)[order].cumsum()
    step = np.diff(ordered)
    std = np.sqrt(np.cov(values, aweights=weights, ddof=0))
    is_constant = not step.any()
    ks = 0.0 if is_constant else float(np.abs(gap[:-1][step > 0]).max())
    means = [np.average(values[group], weights=weights[group]) for group in (is_second, ~is_second)]
    return {
        "ks": ks,
        "wasserstein": 0.0 if is_constant else float(np.abs(gap[:-1]) @ step / std),
        "mean_difference": 0.0 if is_constant else float((means[0] - means[1]) / std),
        "psi": _population_stability_index(values, is_second, weights),
        "p_value": float(kolmogorov(np.sqrt(effective_size) * ks)),
    }


def _population_stability_index(values: np.ndarray, is_second: np.ndarray, weights: np.ndarray) -> float:
    """Half an image is added to each bin, so that an empty one is not infinitely far away."""
    edges = np.unique(np.quantile(values[~is_second], np.linspace(0, 1, N_BINS + 1)[1:-1]))
    bins = np.searchsorted(edges, values)
    shares = []
    for group in (~is_second, is_second):
        n = np.count_nonzero(group)
        counts = n * np.bincount(bins[group], weights=weights[group], minlength=len(edges) + 1)
        shares.append((counts + 0.5) / (n + 0.5 * len(counts)))
    return float(((shares[1] - shares[0]) * np.log(shares[1] / shares[0])).sum())


# ---- all features together -------------------------------------------------------------------------------


@dataclass(frozen=True)
class PermutationTest:
    """A statistic, what chance makes of it, and how often chance makes as much of it."""

    value: float
    permuted: np.ndarray  # (n_permutations,)

    @property
    def n_as_large(self) -> int:
        """Permutations as large as the value, but for rounding: their sums are of 32-bit floats."""
        return int((self.permuted >= self.value - ROUNDING).sum())

    @property
    def p_value(self) -> float:
        """One-sided; the value itself is one of the permutations (Phipson and Smyth 2010)."""
        return (self.n_as_large + 1) / (len(self.permuted) + 1)

    @property
    def expected(self) -> tuple[float, float, float]:
        """Mean by chance, and the range that holds it 95 times of 100."""
        low, high = np.quantile(self.permuted, [0.025, 0.975])
        return float(self.permuted.mean()), float(low), float(high)


def permute_within(
    is_second: np.ndarray, strata: np.ndarray, n_permutations: int, generator: np.random.Generator
) -> np.ndarray:
    """Membership dealt anew within each stratum, (n, n_permutations), 32-bit floats of 0 and 1."""
    permuted = np.empty((n_permutations, len(is_second)), dtype=np.float32)
    order = np.argsort(strata, kind="stable")
    for rows in np.split(order, np.cumsum(np.bincount(strata))[:-1]):
        dealt = np.broadcast_to(is_second[rows].astype(np.float32), (n_permutations, len(rows)))
        permuted[:, rows] = generator.permuted(dealt, axis=1)
    return np.ascontiguousarray(permuted.T)


class ClassifierTest:
    """Classifier two-sample test (Lopez-Paz and Oquab 2017): can a model tell two groups apart?

    The model is a linear discriminant with a ridge penalty on the features, their squares and random Fourier
    features (Rahimi and Recht 2007), which make it sensitive to place, spread and shape. It is
    cross-validated in five folds and judged by its AUC. Being linear in the memberships, it is trained anew
    for each permutation of them at little cost, so the test is exact, which one of held-out predictions is
    not.

    Parameters
    ----------
    scores
        (n, features), standardised, in random order: equal scores are ranked as they stand.
    """

    def __init__(self, scores: np.ndarray, generator: np.random.Generator) -> None:
        directions = generator.normal(size=(scores.shape[1], N_FOURIER_FEATURES)) / _median_distance(scores)
        phases = generator.uniform(0, 2 * np.pi, N_FOURIER_FEATURES)
        design = np.hstack([scores, scores**2, np.cos(scores @ directions + phases)])
        design -= design.mean(axis=0)
        spread = design.std(axis=0)
        design = design[:, spread > 0] / spread[spread > 0]
        self._fold_of = np.arange(len(scores)) % N_FOLDS
        self._design = design.astype(np.float32)
        self._solvers = []  # one a fold: (features, seen), memberships -> coefficients
        for fold in range(N_FOLDS):
            seen = design[self._fold_of != fold]
            penalty = RIDGE * len(seen) * np.eye(design.shape[1])
            self._solvers.append(np.linalg.solve(seen.T @ seen + penalty, seen.T).astype(np.float32))

    def scores_of(self, members: np.ndarray) -> np.ndarray:
        """Out-of-fold scores of membership in the second group, (n, memberships); higher is likelier."""
        scores = np.empty_like(members)
        for fold, solver in enumerate(self._solvers):
            held_out = self._fold_of == fold
            seen = members[~held_out]
            scores[held_out] = self._design[held_out] @ (solver @ (seen - seen.mean(axis=0)))
        return scores

    def statistic(self, members: np.ndarray) -> np.ndarray:
        """AUC of each column of memberships: the pairs within a fold that the scores put in order."""
        scores = self.scores_of(members)
        n_ordered, n_pairs = np.zeros(members.shape[1]), np.zeros(members.shape[1])
        for fold in range(N_FOLDS):
            held_out = self._fold_of == fold
            order = np.argsort(scores[held_out], axis=0, kind="stable")
            ranked = np.take_along_axis(members[held_out], order, axis=0).astype(float)
            n_second = ranked.sum(axis=0)
            n_ordered += np.arange(1, len(ranked) + 1) @ ranked - n_second * (n_second + 1) / 2
            n_pairs += n_second * (len(ranked) - n_second)
        return n_ordered / n_pairs


class KernelTest:
    """Maximum mean discrepancy (Gretton et al. 2012), squared and unbiased: about 0 by chance.

    The kernel is Gaussian; its width is the median distance between images.
    """

    def __init__(self, scores: np.ndarray) -> None:
        kernel = np.exp(-_squared_distances(scores) / (2 * _median_distance(scores) ** 2))
        np.fill_diagonal(kernel, 0)
        self._kernel = kernel.astype(np.float32)
        self._total = self._kernel.sum(dtype=float)

    def statistic(self, members: np.ndarray) -> np.ndarray:
        """Squared discrepancy of each column of memberships."""
        to_second = self._kernel @ members  # (n, memberships)
        within_second = np.einsum("ij,ij->j", members, to_second, dtype=float)
        across = to_second.sum(axis=0, dtype=float) - within_second
        within_first = self._total - within_second - 2 * across
        n_second = members.sum(axis=0, dtype=float)
        n_first = len(members) - n_second
        return (
            within_first / (n_first * (n_first - 1))
            + within_second / (n_second * (n_second - 1))
            - 2 * across / (n_first * n_second)
        )


def permutation_test(
    test: ClassifierTest | KernelTest,
    is_second: np.ndarray,
    strata: np.ndarray,
    *,
    n_permutations: int,
    generator: np.random.Generator,
) -> PermutationTest:
    """The statistic of the groups as they are, and of groups dealt anew within the strata.

    It ends early once `ENOUGH_AS_LARGE` permutations came out as large as the groups themselves: then the
    p-value is large and more of them would only make it more precise (Besag and Clifford 1991).
    """
    value = float(test.statistic(is_second.astype(float)[:, None])[0])  # in 64 bits, as it is told
    result = PermutationTest(value, np.empty(0))
    while (n_left := n_permutations - len(result.permuted)) and result.n_as_large < ENOUGH_AS_LARGE:
        members = permute_within(is_second, strata, min(PERMUTATIONS_AT_ONCE, n_left), generator)
        result = PermutationTest(value, np.r_[result.permuted, test.statistic(members)])
    return result


def rate_test(
    is_beyond: np.ndarray,
    is_second: np.ndarray,
    strata: np.ndarray,
    *,
    n_permutations: int,
    generator: np.random.Generator,
) -> PermutationTest:
    """The share of the second group that is beyond a limit, and what chance makes of it."""
    n_second = np.bincount(strata, weights=is_second).astype(int)
    n_beyond = np.bincount(strata, weights=is_beyond).astype(int)
    n = np.bincount(strata)
    drawn = generator.hypergeometric(n_beyond, n - n_beyond, n_second, size=(n_permutations, len(n)))
    total = is_second.sum()
    return PermutationTest(float(is_beyond[is_second].sum() / total), drawn.sum(axis=1) / total)


def _squared_distances(scores: np.ndarray) -> np.ndarray:
    scores = scores.astype(float)
    norms = np.einsum("ij,ij->i", scores, scores)
    return np.maximum(norms[:, None] + norms - 2 * scores @ scores.T, 0)


def _median_distance(scores: np.ndarray, n_looked_at: int = 1000) -> float:
    """Over pairs that are not the same; 1 if all are."""
    distances = pdist(scores[:n_looked_at])
    return float(np.median(distances[distances > 0])) if distances.any() else 1.0

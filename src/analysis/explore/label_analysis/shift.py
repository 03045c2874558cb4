"""How far two splits differ in the shares of their classes: tests and sizes of the effect."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
from scipy.special import chdtr, chdtrc, chndtrinc

from analysis.statistics.rank_tests import holm

MIN_EXPECTED_COUNT = 5  # Cochran (1954): below it the chi-square approximation is not trusted
SHIFT_COLUMNS = [
    "split_a",
    "split_b",
    "n_a",
    "n_b",
    "chi_square",
    "degrees_of_freedom",
    "p_value",
    "p_value_holm",
    "p_value_method",
    "cramers_v",
    "cramers_v_low",
    "cramers_v_high",
    "jensen_shannon_distance",
    "total_variation",
    "total_variation_by_chance",
    "is_shifted",
]


def compare_label_shares(
    counts: pd.DataFrame,
    *,
    significance_level: float,
    min_label_shift: float,
    n_permutations: int,
    seed: int,
) -> pd.DataFrame:
    """How far each pair of splits differs in the shares of its classes, one row per pair.

    `cramers_v`, its interval, `jensen_shannon_distance` (base 2) and `total_variation` lie in [0, 1], 0 is
    no difference. `p_value_method` is "asymptotic" or "permutation".
    """
    rows = []
    for split_a, split_b in combinations(counts.columns, 2):
        table = counts[[split_a, split_b]].to_numpy().T  # (2, classes)
        table = table[:, table.sum(axis=0) > 0]
        comparison = compare_counts(table, n_permutations, np.random.default_rng(seed))
        rows.append({"split_a": split_a, "split_b": split_b, **comparison})
    shift = pd.DataFrame(rows, columns=SHIFT_COLUMNS)
    shift["p_value_holm"] = holm(shift["p_value"])
    excess = shift["total_variation"] - shift["total_variation_by_chance"]
    is_significant = shift["p_value_holm"] < significance_level
    shift["is_shifted"] = is_significant & (excess >= min_label_shift)
    return shift


def compare_counts(
    table: np.ndarray, n_permutations: int, generator: np.random.Generator
) -> dict[str, float | int | str]:
    """Test and effect sizes for one (2, C) table of counts without empty columns."""
    n_a, n_b = (int(n) for n in table.sum(axis=1))
    degrees_of_freedom = table.shape[1] - 1
    chi_square, variation = _distances(table[0], table)
    permuted = _permuted_distances(table, n_permutations, generator)
    expected_smallest = table.sum(axis=0).min() * min(n_a, n_b) / (n_a + n_b)
    method = "asymptotic" if expected_smallest >= MIN_EXPECTED_COUNT else "permutation"
    if degrees_of_freedom == 0:  # one class: the splits cannot differ
        p_value = np.nan
    elif method == "asymptotic":
        p_value = float(chdtrc(degrees_of_freedom, chi_square))
    else:  # + 1: the table itself is one of the permutations (Phipson and Smyth 2010)
        n_as_far = (permuted[0] >= chi_square * (1 - 1e-12)).sum()
        p_value = float((n_as_far + 1) / (n_permutations + 1))
    low, high = _cramers_v_interval(chi_square, degrees_of_freedom, n_a + n_b)
    return {
        "n_a": n_a,
        "n_b": n_b,
        "chi_square": float(chi_square),
        "degrees_of_freedom": degrees_of_freedom,
        "p_value": p_value,
        "p_value_method": method,
        "cramers_v": _cramers_v(chi_square, degrees_of_freedom, n_a + n_b),
        "cramers_v_low": low,
        "cramers_v_high": high,
        "jensen_shannon_distance": _jensen_shannon_distance(table[0] / n_a, table[1] / n_b),
        "total_variation": float(variation),
        "total_variation_by_chance": float(permuted[1].mean()),
    }


def compare_shares(counts: pd.DataFrame, split_a: str, split_b: str) -> pd.DataFrame:
    """One row per class: `share_a`, `share_b`, `difference` (b minus a), `standard_error`, `residual`.

    `standard_error` is of the difference if both splits were drawn from one population, `residual` the size
    of the difference in standard errors; 0 where the class has no images at all.
    """
    n_a, n_b = counts[split_a].sum(), counts[split_b].sum()
    shares = pd.DataFrame({"share_a": counts[split_a] / n_a, "share_b": counts[split_b] / n_b})
    pooled = (counts[split_a] + counts[split_b]) / (n_a + n_b)
    shares["difference"] = shares["share_b"] - shares["share_a"]
    shares["standard_error"] = np.sqrt(pooled * (1 - pooled) * (1 / n_a + 1 / n_b))
    error = shares["standard_error"].where(shares["standard_error"] > 0)
    return shares.assign(residual=(shares["difference"].abs() / error).fillna(0))


def _distances(counts_a: np.ndarray, table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Chi-square and total variation if `counts_a` (…, C) of the table's images were in the first split."""
    totals = table.sum(axis=0)
    n_a, n_b = table.sum(axis=1)
    expected_a, expected_b = totals * n_a / (n_a + n_b), totals * n_b / (n_a + n_b)
    chi_square = ((counts_a - expected_a) ** 2 * (1 / expected_a + 1 / expected_b)).sum(axis=-1)
    variation = 0.5 * np.abs(counts_a / n_a - (totals - counts_a) / n_b).sum(axis=-1)
    return chi_square, variation


def _permuted_distances(
    table: np.ndarray, n_permutations: int, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Chi-square and total variation when images are dealt to the two splits at random."""
    totals, n_a = table.sum(axis=0), table[0].sum()
    chi_squares, variations = np.empty(n_permutations), np.empty(n_permutations)
    for start in range(0, n_permutations, 256):  # bounded memory for thousands of classes
        part = slice(start, min(start + 256, n_permutations))
        counts_a = generator.multivariate_hypergeometric(
            totals, n_a, size=part.stop - part.start, method="marginals"
        )
        chi_squares[part], variations[part] = _distances(counts_a, table)
    return chi_squares, variations


def _cramers_v(chi_square: float, degrees_of_freedom: int, n: int) -> float:
    """Cramér's V of a 2 × C table, corrected for bias (Bergsma 2013): about 0 by chance, for any C."""
    phi_squared = max(0.0, chi_square / n - degrees_of_freedom / (n - 1))
    smaller = min(1 - 1 / (n - 1), degrees_of_freedom - degrees_of_freedom**2 / (n - 1))
    return float(np.sqrt(phi_squared / smaller)) if smaller > 0 else np.nan


def _cramers_v_interval(chi_square: float, degrees_of_freedom: int, n: int) -> tuple[float, float]:
    """95% interval: the noncentralities under which the chi-square would be as high, or as low, by 2.5%."""
    if degrees_of_freedom == 0:
        return np.nan, np.nan
    ends = []
    for probability in (0.975, 0.025):
        reachable = chdtr(degrees_of_freedom, chi_square) > probability
        noncentrality = chndtrinc(chi_square, degrees_of_freedom, probability) if reachable else 0.0
        ends.append(float(min(np.sqrt(noncentrality / n), 1.0)))
    return ends[0], ends[1]


def _jensen_shannon_distance(shares_a: np.ndarray, shares_b: np.ndarray) -> float:
    """Square root of the Jensen-Shannon divergence in bits: 0 alike, 1 no class in common."""
    middle = (shares_a + shares_b) / 2
    divergence = 0.0
    for shares in (shares_a, shares_b):
        occupied = shares > 0
        divergence += 0.5 * (shares[occupied] * np.log2(shares[occupied] / middle[occupied])).sum()
    return float(np.sqrt(max(divergence, 0.0)))

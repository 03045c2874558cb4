import numpy as np
import pytest
from scipy.stats import binomtest

from analysis.statistics.proportions import proportion_of, wilson_interval


@pytest.mark.parametrize(("n_successes", "n"), [(0, 1), (1, 1), (0, 40), (40, 40), (3, 7), (650, 1000)])
def test_interval_is_scipys(n_successes: int, n: int) -> None:
    expected = binomtest(n_successes, n).proportion_ci(0.95, method="wilson")
    low, high = wilson_interval(np.array([n_successes]), np.array([n]))
    assert (low[0], high[0]) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_interval_by_hand() -> None:
    # Newcombe (1998), table I: 15 of 148 gives 0.0624 to 0.1605
    assert [round(float(end), 4) for end in wilson_interval(15, 148)] == [0.0624, 0.1605]


def test_nothing_of_nothing_is_unknown() -> None:
    low, high = wilson_interval(np.array([0, 1]), np.array([0, 1]))
    assert np.isnan([low[0], high[0]]).all()
    assert high[1] == 1
    assert np.isnan(proportion_of(0, 0))
    assert proportion_of(np.array([1, 0]), np.array([4, 0])).tolist()[0] == 0.25


def test_a_matrix_is_divided_by_its_rows_sums() -> None:
    counts = np.array([[1, 3], [0, 0]])
    shares = proportion_of(counts, counts.sum(axis=1, keepdims=True))
    assert shares[0].tolist() == [0.25, 0.75]
    assert np.isnan(shares[1]).all()

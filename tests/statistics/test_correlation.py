import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analysis.statistics.correlation import rank_correlation


def test_rank_correlation_matches_scipy() -> None:
    generator = np.random.default_rng(2)
    x = pd.Series(generator.integers(0, 9, 30))
    y = x + generator.normal(0, 3, 30)
    correlation, low, high = rank_correlation(x, y)
    assert correlation == pytest.approx(stats.spearmanr(x, y).statistic)
    assert low < correlation < high
    assert all(np.isnan(rank_correlation(pd.Series([5, 5, 5]), pd.Series([1, 2, 3]))))

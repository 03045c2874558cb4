import numpy as np

from analysis.statistics.missing import mean_of_present


def test_mean_of_nothing_is_nan() -> None:
    assert np.isnan(mean_of_present(np.array([np.nan])))
    assert mean_of_present(np.array([np.nan, 2.0])) == 2

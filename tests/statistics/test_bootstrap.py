import numpy as np
import pytest

from analysis.statistics import bootstrap
from analysis.statistics.bootstrap import basic_interval, bootstrap_means, percentile_interval

VALUES = np.random.default_rng(0).exponential(size=(200, 2))


def test_means_spread_as_the_standard_error_says() -> None:
    means = bootstrap_means(VALUES, n_resamples=4000, seed=0)
    assert means.shape == (4000, 2)
    np.testing.assert_allclose(means.mean(axis=0), VALUES.mean(axis=0), rtol=0.01)
    np.testing.assert_allclose(means.std(axis=0), VALUES.std(axis=0) / np.sqrt(200), rtol=0.05)


def test_interval_is_scipys() -> None:
    from scipy.stats import bootstrap as reference

    means = bootstrap_means(VALUES[:, :1], n_resamples=9999, seed=0)
    estimate = VALUES[:, 0].mean()
    for method, ends in (
        ("percentile", percentile_interval(means)),
        ("basic", basic_interval(estimate, means)),
    ):
        expected = reference(
            (VALUES[:, 0],), np.mean, method=method, rng=np.random.default_rng(1)
        ).confidence_interval
        assert [float(end[0]) for end in ends] == pytest.approx(list(expected), abs=0.01)


def test_every_column_sees_the_same_resamples_in_any_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    at_once = bootstrap_means(VALUES, n_resamples=50, seed=3)
    np.testing.assert_allclose(bootstrap_means(VALUES[:, :1], n_resamples=50, seed=3), at_once[:, :1])
    monkeypatch.setattr(bootstrap, "CHUNK_VALUES", 600)
    np.testing.assert_allclose(bootstrap_means(VALUES, n_resamples=50, seed=3), at_once)


def test_what_is_the_same_in_every_image_has_no_spread() -> None:
    assert np.ptp(bootstrap_means(np.ones((5, 1)), n_resamples=20, seed=0)) == 0

import numpy as np
import pytest
from sklearn.covariance import ledoit_wolf
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from analysis.explore.discriminant import class_means, fit_discriminant

RNG = np.random.default_rng(0)
CODES = np.repeat([0, 1, 2], 40)
FEATURES = RNG.normal(size=(120, 6)) + CODES[:, None] * [1, 0, 0.5, 0, 0, 0]


def test_nearest_class_is_that_of_scikit_learn_with_the_same_covariance() -> None:
    class LedoitWolf:
        def fit(self, features: np.ndarray) -> None:
            self.covariance_ = covariance

    centred = FEATURES - class_means(FEATURES, CODES, 3)[CODES]
    covariance = ledoit_wolf(centred, assume_centered=True)[0]
    reference = LinearDiscriminantAnalysis(
        solver="lsqr", covariance_estimator=LedoitWolf(), priors=[1 / 3] * 3
    )
    reference.fit(FEATURES, CODES)
    new = RNG.normal(size=(200, 6))
    distances = fit_discriminant(FEATURES, CODES, 3).squared_distances(new)
    assert (distances.argmin(axis=1) == reference.predict(new)).all()
    log_odds = (distances[:, 0] - distances[:, 1]) / 2
    expected = reference.predict_log_proba(new)
    assert log_odds == pytest.approx(expected[:, 1] - expected[:, 0], abs=1e-3)


def test_class_without_images_is_infinitely_far() -> None:
    distances = fit_discriminant(FEATURES, CODES, 5).squared_distances(FEATURES[:4])
    assert np.isinf(distances[:, 3:]).all()
    assert np.isfinite(distances[:, :3]).all()


def test_constant_features_do_no_harm() -> None:
    constant = np.hstack([FEATURES, np.full((120, 2), 0.3)])
    recognised = fit_discriminant(constant, CODES, 3).squared_distances(constant).argmin(axis=1) == CODES
    without = fit_discriminant(FEATURES, CODES, 3).squared_distances(FEATURES).argmin(axis=1) == CODES
    assert recognised.mean() == pytest.approx(without.mean(), abs=0.05)
    assert np.isfinite(fit_discriminant(np.zeros((4, 3)), np.array([0, 0, 1, 1]), 2).means).all()

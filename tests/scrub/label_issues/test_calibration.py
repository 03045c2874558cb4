"""A label's probability of being wrong holds where wrong labels look like planted ones."""

import numpy as np
import pytest

from analysis.scrub.label_issues.calibration import (
    EDGES,
    doubts,
    doubts_of_all,
    planted_doubts,
    wrong_probability,
)

MIDDLES = (EDGES[:-1] + EDGES[1:]) / 2


def test_doubt_by_hand() -> None:
    probabilities = np.array([[0.9, 0.1]])
    noise = np.array([[0.95, 0.05], [0.2, 0.8]])
    # labelled 0: true 0 in 0.9 * 0.95, else 1 in 0.1 * 0.2
    # labelled 1: true 1 in 0.1 * 0.8, else 0 in 0.9 * 0.05
    expected = [np.log(0.02 / 0.855), np.log(0.045 / 0.08)]
    np.testing.assert_allclose(doubts_of_all(probabilities, noise)[0], expected)
    assert doubts(np.array([1]), probabilities, noise)[0] == pytest.approx(expected[1])


def test_planted_labels_are_drawn_by_what_classes_are_taken_for() -> None:
    """Of three classes the first is only ever taken for the second: the third is hardly planted there."""
    probabilities = np.tile([0.6, 0.4, 0.0], (100, 1))
    noise = np.full((3, 3), 1e-3) + np.diag([1, 1, 1])
    noise[0] = [0.8, 0.2, 1e-6]
    found = planted_doubts(np.zeros(100, dtype=np.int64), probabilities, noise)
    assert found.sum() == pytest.approx(1)
    second = doubts_of_all(probabilities[:1], noise)[0, 1]
    assert found[np.searchsorted(EDGES, second) - 1] == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("share", [0.02, 0.1, 0.3])
def test_probability_is_that_of_wrong_labels_that_look_like_planted_ones(share: float) -> None:
    """Doubts of right labels are normal about -3, of wrong ones about 3: odds by hand."""
    rng = np.random.default_rng(0)
    n = 40_000
    is_wrong = rng.random(n) < share
    doubt = np.where(is_wrong, rng.normal(3, 2, n), rng.normal(-3, 2, n))
    planted = np.histogram(rng.normal(3, 2, n), EDGES)[0] / n
    found = wrong_probability(doubt, planted, wrong_share=share)
    # the likelihoods' ratio of two normal distributions of one variance s is exp((m1 - m2) (x - middle) / s)
    odds = share / (1 - share) * np.exp(6 * doubt / 4)
    np.testing.assert_allclose(found, odds / (1 + odds), atol=0.05)
    for low in (0.2, 0.4, 0.6, 0.8):
        inside = (found >= low) & (found < low + 0.2)
        assert is_wrong[inside].mean() == pytest.approx(found[inside].mean(), abs=0.08)


def test_right_labels_that_look_like_wrong_ones_do_not_raise_the_share() -> None:
    """A quarter look like planted labels, and a tenth are wrong: classes that a model confuses."""
    rng = np.random.default_rng(4)
    n = 40_000
    doubt = np.where(rng.random(n) < 0.25, rng.normal(3, 2, n), rng.normal(-3, 2, n))
    planted = np.histogram(rng.normal(3, 2, n), EDGES)[0] / n
    assert wrong_probability(doubt, planted, wrong_share=0.1).mean() < 0.18  # raised it would be 0.25


def test_labels_that_no_wrong_one_is_among_raise_nothing() -> None:
    rng = np.random.default_rng(1)
    planted = np.histogram(rng.normal(3, 2, 10_000), EDGES)[0] / 10_000
    found = wrong_probability(rng.normal(-3, 2, 10_000), planted, wrong_share=1e-4)
    assert (found > 0.4).sum() <= 2


def test_worse_looks_never_speak_for_a_label() -> None:
    rng = np.random.default_rng(2)
    planted = np.histogram(rng.normal(-5, 1, 1000), EDGES)[0] / 1000  # look better than those that are there
    found = wrong_probability(rng.normal(3, 1, 1000), planted, wrong_share=0.1)
    assert found.max() <= 0.1
    assert found.min() == found.max()


def test_model_that_knows_nothing_believes_no_noise() -> None:
    rng = np.random.default_rng(3)
    planted = np.histogram(rng.normal(0, 1, 10_000), EDGES)[0] / 10_000
    assert wrong_probability(rng.normal(0, 1, 10_000), planted, wrong_share=0.6).max() < 0.1

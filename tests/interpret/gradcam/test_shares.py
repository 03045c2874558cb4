import numpy as np
import pandas as pd
import pytest
from scipy.stats import permutation_test

from analysis.interpret.gradcam.shares import (
    border_weights,
    compare_with_random,
    flag_shares,
    share_inside,
    sign_flip_p_values,
)


@pytest.mark.parametrize(("side_px", "fraction"), [(8, 0.125), (8, 0.0625), (15, 0.1), (16, 0.3), (7, 0.49)])
def test_border_covers_exactly_its_area(side_px: int, fraction: float) -> None:
    weights = border_weights(side_px, fraction)
    assert weights.mean() == pytest.approx(1 - (1 - 2 * fraction) ** 2)
    assert weights == pytest.approx(weights.T)
    assert weights == pytest.approx(weights[::-1])


def test_border_of_whole_and_half_pixels_by_hand() -> None:
    assert border_weights(4, 0.25).tolist() == [[1, 1, 1, 1], [1, 0, 0, 1], [1, 0, 0, 1], [1, 1, 1, 1]]
    assert border_weights(4, 0.125)[0].tolist() == [0.75, 0.5, 0.5, 0.75]


def test_share_inside_by_hand() -> None:
    maps = np.array([[[1.0, 1], [1, 1]], [[3, 0], [0, 1]], [[0, 0], [0, 0]]])
    assert share_inside(maps, np.array([[1.0, 0], [0, 0]])) == pytest.approx(
        [0.25, 0.75, np.nan], nan_ok=True
    )
    own = np.stack([np.ones((2, 2)), np.full((2, 2), np.nan), np.ones((2, 2))])
    assert share_inside(maps, own) == pytest.approx([1, np.nan, np.nan], nan_ok=True)


def test_sign_flips_of_three_pairs_by_hand() -> None:
    found = sign_flip_p_values(np.array([[1.0, 2, 3], [-1, -2, -3], [1, 2, -3], [0, 0, 0]]), seed=0)
    assert found == pytest.approx([1 / 8, 1, 5 / 8, 1])


def test_sign_flips_equal_scipys_permutation_test() -> None:
    differences = np.random.default_rng(2).normal(0.4, 1, size=10)
    expected = permutation_test(
        (differences,), np.mean, permutation_type="samples", alternative="greater", n_resamples=np.inf
    ).pvalue
    assert sign_flip_p_values(differences[None], seed=0) == pytest.approx([expected])


def test_missing_pairs_do_not_count() -> None:
    rows = np.array([[1.0, np.nan, 2, 3, np.nan], [np.nan] * 5])
    assert sign_flip_p_values(rows, seed=0) == pytest.approx([1 / 8, np.nan], nan_ok=True)


def test_many_pairs_are_sampled_and_calibrated() -> None:
    rng = np.random.default_rng(3)
    assert sign_flip_p_values(np.ones((1, 40)), seed=0)[0] == pytest.approx(1 / 20_000)
    p_values = sign_flip_p_values(rng.normal(size=(400, 30)), seed=0)
    assert (p_values < 0.1).mean() == pytest.approx(0.1, abs=0.05)


def test_comparison_by_hand() -> None:
    trained = np.array([0.6, 0.8])
    random = np.array([[0.5, 0.5], [0.3, 0.1]])
    found = compare_with_random(trained, random, seed=0)
    assert found["n_images"] == 2
    assert [found[name] for name in ("share", "random_share", "random_share_low", "random_share_high")] == (
        pytest.approx([0.7, 0.35, 0.2, 0.5])
    )
    assert found["effect_size"] == pytest.approx(0.35 / np.std([0.2, 0.5], ddof=1))
    assert found["p_value"] == 1 / 4


def test_one_random_network_as_high_is_enough_against_a_class() -> None:
    trained = np.full(12, 0.6) + np.linspace(-0.05, 0.05, 12)
    random = np.stack([trained - 0.3] * 4 + [trained[::-1] + 0.01])
    found = compare_with_random(trained, random, seed=0)
    assert found["p_value"] > 0.5
    assert found["effect_size"] > 1


@pytest.mark.parametrize("n", [0, 1])
def test_too_few_images_are_no_result(n: int) -> None:
    found = compare_with_random(np.full(n, 0.9), np.full((3, n), 0.1), seed=0)
    assert found["n_images"] == n
    assert np.isnan(found["share_low"])
    assert found["p_value"] == (pytest.approx(0.5) if n else pytest.approx(np.nan, nan_ok=True))


def test_flags_ask_for_both_surety_and_margin() -> None:
    tests = pd.DataFrame(
        {
            "share": [0.8, 0.8, 0.5, np.nan],
            "random_share_high": [0.4, 0.4, 0.4, np.nan],
            "p_value": [0.01, 0.04, 0.001, np.nan],
        }
    )
    found = flag_shares(tests, is_faithful=True, significance_level=0.05, min_excess_share=0.15)
    assert found["p_value"].tolist() == pytest.approx([0.02, 0.04, 0.003, np.nan], nan_ok=True)
    assert found["is_flagged"].tolist() == [True, True, False, False]
    stricter = flag_shares(tests, is_faithful=True, significance_level=0.03, min_excess_share=0.15)
    assert stricter["is_flagged"].tolist() == [True, False, False, False]
    unfaithful = flag_shares(tests, is_faithful=False, significance_level=0.05, min_excess_share=0.15)
    assert not unfaithful["is_flagged"].any()

import numpy as np
import pandas as pd
import pytest

from analysis.scrub.duplicate_search.yardstick import Yardstick, evidence_of, fit_yardstick


def pairs(z: np.ndarray, rng: np.random.Generator) -> pd.DataFrame:
    """Whose detail agrees so well, as Fisher's z; the coarse better, the weakest parts less."""
    n = len(z)
    return pd.DataFrame(
        {
            "detail_agreement": np.tanh(z),
            "coarse_agreement": np.tanh(z + 0.3 + rng.normal(0, 0.05, n)),
            "weakest_tiles_agreement": np.tanh(z - 0.2 + rng.normal(0, 0.05, n)),
            "self_agreement": 0.0,
            "structure_z": 8.0,
            "colour_agreement": 0.8,
            "hue_degrees": 0.0,
            "rotation_degrees": 0.0,
            "scale": 1.0,
            "distortion": 0.01,
        }
    )


def fitted(copies: np.ndarray, lookalikes: np.ndarray, *, seed: int = 0) -> tuple[Yardstick, pd.DataFrame]:
    """With 240 planted copies that agree as the copies do; the candidates are the copies, then the others."""
    rng = np.random.default_rng(seed)
    planted = pairs(rng.normal(2.0, 0.25, 240), rng)
    candidates = pairs(np.concatenate([copies, lookalikes]), rng)
    return fit_yardstick(planted, candidates), candidates


@pytest.mark.parametrize("middle", [0.2, 0.8, 1.1])
def test_score_tells_copies_from_the_datasets_own_look_alikes(middle: float) -> None:
    """Wherever these lie, and whatever share they are."""
    rng = np.random.default_rng(1)
    for n_copies in (3, 300):
        copies, lookalikes = rng.normal(2.0, 0.25, n_copies), rng.normal(middle, 0.15, 1500)
        yardstick, candidates = fitted(copies, lookalikes)
        score = yardstick.score(candidates)
        assert (score[:n_copies] >= 0.5).mean() >= 0.95
        assert (score[n_copies:] >= 0.5).sum() <= 0.02 * n_copies + 1
    assert yardstick.share == pytest.approx(300 / 1800, abs=0.03)


def test_score_of_look_alikes_that_reach_up_to_copies_says_that_they_cannot_be_told() -> None:
    rng = np.random.default_rng(1)
    yardstick, candidates = fitted(np.empty(0), rng.normal(1.6, 0.25, 1500))
    assert (yardstick.score(candidates) >= 0.5).mean() < 0.01


def test_score_of_copies_alone_does_not_take_them_for_look_alikes() -> None:
    """All candidates may be copies, changed a little more than the planted ones: no tail, no look-alikes."""
    rng = np.random.default_rng(1)
    yardstick, candidates = fitted(rng.normal(1.9, 0.02, 400), np.empty(0))
    assert (yardstick.score(candidates) > 0.9).all()


def test_score_promises_no_more_than_it_holds() -> None:
    """Of the pairs reported at least so many are copies; more where look-alikes fall off fast, as here."""
    rng = np.random.default_rng(1)
    n_copies, counted, expected = 0, 0, 0.0
    for seed in range(6):
        copies, lookalikes = rng.normal(2.0, 0.25, 200), rng.normal(1.1, 0.2, 2000)
        yardstick, candidates = fitted(copies, lookalikes, seed=seed)
        score = yardstick.score(candidates)
        reported = score >= 0.5
        n_copies += reported[:200].sum()
        counted += reported.sum()
        expected += score[reported].sum()
    assert 0.75 < expected / counted < n_copies / counted + 0.05


def test_score_never_falls_as_agreement_grows() -> None:
    rng = np.random.default_rng(1)
    yardstick, _ = fitted(rng.normal(2.0, 0.25, 50), rng.normal(0.8, 0.3, 1500))
    ladder = pairs(np.linspace(-0.5, 3, 200), np.random.default_rng(0))
    ladder["coarse_agreement"] = np.tanh(np.linspace(-0.2, 3.3, 200))
    ladder["weakest_tiles_agreement"] = np.tanh(np.linspace(-0.7, 2.8, 200))
    assert (np.diff(yardstick.score(ladder)) >= 0).all()


def test_score_is_0_where_the_pictures_could_not_be_laid_upon_one_another() -> None:
    rng = np.random.default_rng(1)
    yardstick, candidates = fitted(rng.normal(2.0, 0.25, 50), rng.normal(0.8, 0.3, 500))
    lost = candidates.head(1).assign(distortion=np.nan)
    assert yardstick.score(lost).tolist() == [0.0]


def test_yardstick_without_planted_copies_or_candidates() -> None:
    rng = np.random.default_rng(1)
    some, none = pairs(np.array([0.1, 2.2]), rng), pairs(np.empty(0), rng)
    assert fit_yardstick(none, some).score(some) == pytest.approx([0, 1], abs=0.05)
    assert fit_yardstick(pairs(rng.normal(2.0, 0.2, 100), rng), none).score(some)[0] < 0.05
    assert evidence_of(none).shape == (0, 8)


def test_evidence_counts_only_what_agrees_beyond_a_pictures_own_repetition() -> None:
    pair = pairs(np.array([2.0]), np.random.default_rng(0))
    striped = pair.assign(self_agreement=0.9)
    assert (evidence_of(striped)[0, :3] < evidence_of(pair)[0, :3] - 0.5).all()
    assert (evidence_of(striped)[0, 3:] == evidence_of(pair)[0, 3:]).all()

"""Confident learning by hand, against its invariants, and on classes whose noise is known."""

import numpy as np
import pytest

from analysis.scrub.label_issues.confident_learning import (
    calibrated_joint,
    class_thresholds,
    confident_classes,
    confident_joint,
    count_anchors,
    judge,
    noise_matrix,
    normalised_margin,
    self_confidence,
    shrink_to_mean,
    temper,
    true_class_probabilities,
)

# Five images of three classes; t = (0.65, 0.4, 0.7)
LABELS = np.array([0, 0, 1, 1, 2])
PROBABILITIES = np.array(
    [
        [0.9, 0.05, 0.05],  # class 0, surely
        [0.4, 0.5, 0.1],  # labelled 0, reaches the threshold of 1
        [0.1, 0.6, 0.3],  # class 1
        [0.7, 0.2, 0.1],  # labelled 1, reaches the threshold of 0
        [0.2, 0.1, 0.7],  # class 2
    ]
)


def made_up(n_per_class: int, noise: np.ndarray, *, seed: int = 0) -> tuple[np.ndarray, ...]:
    """Labels given, probabilities of the labels given, true labels; `noise` is P(given | true).

    A quarter of the pictures are hard: they could be of two classes, and the model says so.
    """
    rng = np.random.default_rng(seed)
    n_classes = len(noise)
    clean = np.full((n_per_class * n_classes, n_classes), 1e-4)
    looks_like = np.repeat(np.arange(n_classes), n_per_class)
    clean[np.arange(len(clean)), looks_like] = 1 - 1e-4 * (n_classes - 1)
    hard = rng.permutation(len(clean))[: len(clean) // 4]
    clean[hard] = 0.7 * clean[hard] + 0.3 * np.roll(clean[hard], 1, axis=1)
    true = np.array([rng.choice(n_classes, p=row / row.sum()) for row in clean])
    given = np.array([rng.choice(n_classes, p=noise[j]) for j in true])
    return given, clean @ noise, true


def flips(n_classes: int, rate: float) -> np.ndarray:
    """Symmetric noise."""
    matrix = np.full((n_classes, n_classes), rate / (n_classes - 1))
    np.fill_diagonal(matrix, 1 - rate)
    return matrix


def test_thresholds_are_each_classs_mean_self_confidence() -> None:
    assert class_thresholds(LABELS, PROBABILITIES) == pytest.approx([0.65, 0.4, 0.7])


def test_threshold_of_an_absent_class_is_missing_and_never_reached() -> None:
    thresholds = class_thresholds(LABELS[:4], PROBABILITIES[:4])
    assert np.isnan(thresholds[2])
    assert 2 not in confident_classes(PROBABILITIES, thresholds)


def test_confident_class_is_the_most_probable_of_those_that_reach_their_threshold() -> None:
    assert confident_classes(PROBABILITIES, class_thresholds(LABELS, PROBABILITIES)).tolist() == [
        0,
        1,
        1,
        0,
        2,
    ]
    # 0.5 is the most probable, but not enough for class 0; 0.45 is for class 1; none is for the last image
    probabilities = np.array([[0.5, 0.45, 0.05], [0.6, 0.3, 0.1]])
    assert confident_classes(probabilities, np.array([0.65, 0.4, 0.7])).tolist() == [1, -1]


def test_threshold_that_is_met_exactly_is_reached() -> None:
    labels, probabilities = np.zeros(3, dtype=int), np.tile([0.1, 0.9], (3, 1))
    assert confident_classes(probabilities, class_thresholds(labels, probabilities)).tolist() == [0, 0, 0]


def test_confident_joint_counts_by_hand() -> None:
    confident = confident_classes(PROBABILITIES, class_thresholds(LABELS, PROBABILITIES))
    counts = confident_joint(LABELS, confident, 3)
    assert counts.tolist() == [[1, 1, 0], [1, 1, 0], [0, 0, 1]]


def test_images_that_are_confident_nowhere_are_not_counted() -> None:
    counts = confident_joint(np.array([0, 1, 1]), np.array([-1, 1, 0]), 2)
    assert counts.tolist() == [[0, 0], [1, 1]]


def test_calibrated_joint_has_the_given_labels_as_its_margin() -> None:
    counts = np.array([[3, 1, 0], [0, 0, 0], [1, 0, 4]])
    labels = np.repeat([0, 1, 2], [8, 2, 10])
    joint = calibrated_joint(counts, labels)
    assert joint.sum(axis=1) == pytest.approx([0.4, 0.1, 0.5])
    assert joint[0].tolist() == pytest.approx([0.3, 0.1, 0])
    assert joint[1].tolist() == pytest.approx([0, 0.1, 0])  # confident nowhere: taken as right
    assert joint[2].tolist() == pytest.approx([0.1, 0, 0.4])


def test_margin_and_self_confidence_by_hand() -> None:
    assert self_confidence(LABELS, PROBABILITIES) == pytest.approx([0.9, 0.4, 0.6, 0.2, 0.7])
    assert normalised_margin(LABELS, PROBABILITIES) == pytest.approx([0.925, 0.45, 0.65, 0.25, 0.75])


def test_tempering_undoes_a_power() -> None:
    rng = np.random.default_rng(0)
    right = rng.dirichlet([0.5, 0.5, 0.5], 20_000)
    labels = np.array([rng.choice(3, p=row) for row in right])
    timid = right**0.5
    tempered, exponent = temper(labels, timid / timid.sum(axis=1, keepdims=True), np.eye(3))
    assert exponent == pytest.approx(2, rel=0.05)
    assert tempered.sum(axis=1) == pytest.approx(1)
    assert np.abs(tempered - right).mean() < 0.01


def test_probabilities_of_zero_are_tempered_to_finite_ones() -> None:
    tempered, _ = temper(np.array([0, 1, 0]), np.array([[1.0, 0], [0, 1], [0, 1]]), np.eye(2))
    assert (tempered > 0).all()
    assert tempered.sum(axis=1) == pytest.approx(1)


def test_anchors_are_the_surest_images_whatever_their_label() -> None:
    n = 200
    probabilities = np.column_stack([np.linspace(1, 0, n), np.linspace(0, 1, n)])
    labels = (np.arange(n) >= n // 2).astype(int)
    labels[[1, 3]] = 1
    anchors = count_anchors(labels, probabilities, anchor_fraction=0.2)
    assert anchors.tolist() == [[18, 2], [0, 21]]  # a fifth of 98 and of 102, rounded up


def test_small_classes_have_ten_anchors_or_as_many_as_they_are() -> None:
    labels = np.repeat([0, 1, 2], [100, 30, 4])
    anchors = count_anchors(labels, np.eye(4)[labels], anchor_fraction=0.02)
    assert anchors.sum(axis=1).tolist() == [10, 10, 4, 0]


def test_a_tenth_of_a_class_are_anchors_until_there_are_forty_and_then_the_fraction() -> None:
    labels = np.repeat([0, 1, 2], [250, 1000, 3000])
    anchors = count_anchors(labels, np.eye(3)[labels], anchor_fraction=0.02)
    assert anchors.sum(axis=1).tolist() == [25, 40, 60]


def test_rows_that_differ_by_chance_alone_are_drawn_together_and_others_are_not() -> None:
    mean = np.array([0.8, 0.2])
    alike = shrink_to_mean(np.array([[79, 21], [82, 18], [80, 20]]), mean)
    assert np.ptp(alike[:, 1]) < 0.01
    unlike = shrink_to_mean(np.array([[100, 0], [40, 60], [100, 0]]), mean)
    assert unlike[1, 1] > 0.5
    for shares in (alike, unlike):
        assert shares.sum(axis=1) == pytest.approx(1)


def test_noise_matrix_rows_are_distributions_and_nothing_is_impossible() -> None:
    matrix = noise_matrix(np.array([[20, 0, 0], [3, 17, 0], [0, 0, 20]]))
    assert matrix.sum(axis=1) == pytest.approx(1)
    assert (matrix > 0).all()
    assert matrix[1, 0] > matrix[1, 2]


def test_true_class_by_bayes_rule_by_hand() -> None:
    noise = np.array([[0.9, 0.1], [0.2, 0.8]])
    posterior = true_class_probabilities(np.array([0]), np.array([[0.1, 0.9]]), noise)
    assert posterior[0].tolist() == pytest.approx([0.09 / 0.27, 0.18 / 0.27])
    # where the noise is none, the given label stands if it is possible at all
    stands = true_class_probabilities(np.array([0]), np.array([[0.1, 0.9]]), np.eye(2))
    assert stands[0] == pytest.approx([1, 0])


def test_wrong_labels_make_no_image_less_sure() -> None:
    rng = np.random.default_rng(0)
    true_probabilities = rng.dirichlet([0.1, 0.1, 0.1], 20_000)
    true = np.array([rng.choice(3, p=row) for row in true_probabilities])
    noise = flips(3, 0.1)
    given = np.array([rng.choice(3, p=noise[label]) for label in true])
    _, aware = temper(given, true_probabilities, noise)
    _, unaware = temper(given, true_probabilities, np.eye(3))
    assert aware == pytest.approx(1, rel=0.05)
    assert unaware < 0.7


@pytest.mark.parametrize("rate", [0.05, 0.1, 0.2, 0.4])
def test_planted_noise_is_measured_and_its_labels_are_listed(rate: float) -> None:
    given, probabilities, true = made_up(1000, flips(5, rate))
    verdict = judge(given, probabilities, anchor_fraction=0.1, min_score=0.4)
    estimated = 1 - np.trace(verdict.anchors) / verdict.anchors.sum()
    assert estimated == pytest.approx(rate, abs=0.03)
    is_wrong = given != true
    assert is_wrong[verdict.is_issue].mean() > 0.8
    assert verdict.is_issue[is_wrong].mean() > 0.5
    assert (verdict.suggested == true)[verdict.is_issue & is_wrong].mean() > 0.9


def test_right_labels_of_hard_pictures_are_neither_noise_nor_listed() -> None:
    given, probabilities, _ = made_up(1000, np.eye(5))
    verdict = judge(given, probabilities, anchor_fraction=0.1, min_score=0.4)
    assert verdict.anchors.sum() - np.trace(verdict.anchors) <= 1
    assert verdict.is_issue.sum() <= 5  # of 5,000


def test_class_dependent_noise_is_told_by_its_direction() -> None:
    noise = np.eye(4)
    noise[2, 2], noise[2, 3] = 0.7, 0.3  # of the third class, three in ten are given the last label
    given, probabilities, true = made_up(1000, noise)
    verdict = judge(given, probabilities, anchor_fraction=0.1, min_score=0.4)
    assert verdict.noise[2, 3] == pytest.approx(0.3, abs=0.07)
    assert np.delete(verdict.noise[2], [2, 3]).max() < 0.03
    most_doubtful = np.argsort(-verdict.score)[:200]
    assert (given[most_doubtful] == 3).mean() > 0.95
    assert (true[most_doubtful] == 2).mean() > 0.95


def test_order_of_images_changes_nothing() -> None:
    given, probabilities, _ = made_up(100, flips(3, 0.1))
    probabilities += np.random.default_rng(2).uniform(0, 1e-3, probabilities.shape)  # no ties
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    order = np.random.default_rng(1).permutation(len(given))
    straight = judge(given, probabilities, anchor_fraction=0.1, min_score=0.4)
    shuffled = judge(given[order], probabilities[order], anchor_fraction=0.1, min_score=0.4)
    np.testing.assert_allclose(shuffled.score, straight.score[order], atol=1e-9)
    assert (shuffled.is_issue == straight.is_issue[order]).all()
    np.testing.assert_array_equal(shuffled.anchors, straight.anchors)


def test_renaming_classes_renames_the_verdict() -> None:
    given, probabilities, _ = made_up(100, flips(3, 0.1))
    probabilities += np.random.default_rng(2).uniform(0, 1e-3, probabilities.shape)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    new_name = np.array([2, 0, 1])
    straight = judge(given, probabilities, anchor_fraction=0.1, min_score=0.4)
    renamed = judge(
        new_name[given], probabilities[:, np.argsort(new_name)], anchor_fraction=0.1, min_score=0.4
    )
    np.testing.assert_allclose(renamed.score, straight.score, atol=1e-9)
    assert (renamed.suggested == new_name[straight.suggested]).all()


def test_scores_are_probabilities_also_of_certain_predictions() -> None:
    labels = np.array([0, 1, 0, 1])
    verdict = judge(labels, np.eye(2)[[0, 1, 1, 1]], anchor_fraction=0.5, min_score=0.4)
    assert ((verdict.score >= 0) & (verdict.score <= 1)).all()
    assert verdict.score.argmax() == 2

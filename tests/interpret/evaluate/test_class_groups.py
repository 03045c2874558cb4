from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analysis.contract import InputError
from analysis.interpret.evaluate.accuracy_figures import plot_class_groups
from analysis.interpret.evaluate.class_groups import (
    check_groups,
    compare_groups,
    exchanged_classes,
    exchanged_images,
    group_notes,
    group_scores,
    smallest_p_value,
)

SETTINGS = {"n_permutations": 999, "seed": 0}


def classes_of(n_correct: list[int], n_items: list[int]) -> pd.DataFrame:
    labels = [chr(ord("a") + i) for i in range(len(n_items))]
    recall = np.divide(n_correct, np.maximum(n_items, 1))
    return pd.DataFrame({"label": labels, "n_items": n_items, "n_correct": n_correct, "recall": recall})


PER_CLASS = classes_of([9, 8, 9, 5, 4, 6, 0], [10, 10, 10, 10, 10, 10, 0])
GROUPS = {"good": ["a", "b", "c"], "bad": ["d", "e", "f", "g"]}


def test_unknown_class_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(
        InputError, match=r"group 'pets' names 'catt', which is no class, did you mean 'cat'\?"
    ):
        check_groups({"pets": ["dog", "catt"]}, ["cat", "dog", "ship"])
    with pytest.raises(InputError, match="more than once"):
        check_groups({"pets": ["dog", "dog"]}, ["cat", "dog"])
    check_groups({"pets": ["dog", "cat"], "dogs": ["dog"]}, ["cat", "dog"])


def test_groups_by_hand() -> None:
    scores = group_scores(GROUPS, PER_CLASS).set_index("group")
    assert scores["n_classes"].tolist() == [3, 3]  # g has no images
    assert scores["accuracy"].tolist() == [26 / 30, 15 / 30]
    row = compare_groups(GROUPS, PER_CLASS, **SETTINGS).iloc[0]
    assert row["difference"] == pytest.approx(11 / 30)
    assert row["cohens_h"] == pytest.approx(2 * np.arcsin(np.sqrt(26 / 30)) - np.pi / 2)
    assert row["p_classes_holm"] == pytest.approx(2 / 20)  # the most extreme of 20 deals, either way round


def test_interval_is_newcombes_own_example() -> None:
    """Newcombe (1998), table II, example a, method 10."""
    per_class = classes_of([56, 48], [70, 80])
    row = compare_groups({"x": ["a"], "y": ["b"]}, per_class, **SETTINGS).iloc[0]
    assert (row["difference_low"], row["difference_high"]) == pytest.approx((0.0524, 0.3339), abs=1e-4)


@pytest.mark.parametrize(
    "counts", [((9, 10), (3, 10)), ((7, 20), (5, 9)), ((5, 5), (2, 2)), ((0, 3), (4, 6))]
)
def test_exchanging_images_is_the_permutation_test(counts) -> None:
    (x, n), (y, m) = counts
    found = exchanged_images(np.array([x, y]), np.array([n, m]))
    reference = stats.permutation_test(
        (np.r_[np.ones(x), np.zeros(n - x)], np.r_[np.ones(y), np.zeros(m - y)]),
        lambda a, b, axis: np.abs(a.mean(axis=axis) - b.mean(axis=axis)),
        alternative="greater",
        n_resamples=20_000,
        vectorized=True,
        rng=np.random.default_rng(0),
    )
    assert found == pytest.approx(reference.pvalue, abs=0.015)


def test_exchanging_images_of_equal_groups_is_fishers_test() -> None:
    found = exchanged_images(np.array([80, 60]), np.array([100, 100]))
    assert found == pytest.approx(stats.fisher_exact([[80, 20], [60, 40]]).pvalue)


def test_exchanging_classes_counts_every_deal() -> None:
    classes = np.array([[9, 10], [15, 20], [3, 10], [8, 20], [7, 30]])

    def difference(order) -> float:
        first, second = classes[list(order[:2])].sum(axis=0), classes[list(order[2:])].sum(axis=0)
        return abs(first[0] / first[1] - second[0] / second[1])

    seen = difference(range(5))
    expected = np.mean([difference(order) >= seen - 1e-9 for order in permutations(range(5))])
    rng = np.random.default_rng(0)
    assert exchanged_classes(classes, 2, n_permutations=100, rng=rng) == pytest.approx(expected)
    sampled = exchanged_classes(classes, 2, n_permutations=9, rng=np.random.default_rng(0))
    assert sampled >= 1 / 10  # what was seen is one of the deals tried


def test_exchanging_classes_of_one_kind_finds_nothing_however_many_images() -> None:
    """Classes differ a lot, groups are random: images make every difference sure, classes do not."""
    rng = np.random.default_rng(0)
    p_images, p_classes = [], []
    for _ in range(60):
        n_correct = rng.binomial(5000, rng.uniform(0.4, 0.9, 10))
        per_class = classes_of(n_correct.tolist(), [5000] * 10)
        row = compare_groups({"x": list("abcd"), "y": list("efghij")}, per_class, **SETTINGS).iloc[0]
        p_images.append(row["p_images_holm"])
        p_classes.append(row["p_classes_holm"])
    assert np.mean(np.array(p_images) < 0.05) > 0.8
    assert np.mean(np.array(p_classes) < 0.05) < 0.12


def test_p_values_are_corrected_for_the_number_of_pairs() -> None:
    per_class = classes_of([9, 8, 5, 4], [10] * 4)
    two = compare_groups({"x": ["a", "b"], "y": ["c", "d"]}, per_class, **SETTINGS)
    three = compare_groups({"x": ["a", "b"], "y": ["c", "d"], "z": ["c"]}, per_class, **SETTINGS)
    assert len(three) == 2  # y and z share a class
    both = three.set_index("group_b")["p_images_holm"]
    assert both["y"] == pytest.approx(2 * two["p_images_holm"][0])
    notes = group_notes({"x": ["a", "b"], "y": ["c", "d"], "z": ["c"]}, per_class, three)
    assert notes[0].startswith("1 of 3 pairs of groups are not compared")
    assert notes[1].startswith("x and y; x and z: with so few classes")


def test_smallest_p_value_is_that_of_groups_that_do_not_overlap() -> None:
    rng = np.random.default_rng(0)
    for n_first, n_second in ((3, 3), (3, 4), (1, 1)):
        classes = np.array([[10, 10]] * n_first + [[0, 10]] * n_second)
        found = exchanged_classes(classes, n_first, n_permutations=999, rng=rng)
        assert found == pytest.approx(smallest_p_value(n_first, n_second))


def test_no_groups_no_rows_no_notes() -> None:
    table = compare_groups({}, PER_CLASS, **SETTINGS)
    assert table.empty
    assert "p_classes_holm" in table
    assert group_notes({}, PER_CLASS, table) == []
    assert group_scores({}, PER_CLASS).empty


def test_group_without_images_is_shown_and_not_compared(tmp_path) -> None:
    groups = {"x": ["a"], "absent": ["g"]}
    scores = group_scores(groups, PER_CLASS)
    assert scores["n_items"].tolist() == [10, 0]
    assert compare_groups(groups, PER_CLASS, **SETTINGS).empty
    plot_class_groups(groups, scores, PER_CLASS, split="test").drawing.savefig(tmp_path / "groups.png")

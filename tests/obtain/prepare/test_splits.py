from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import StratifiedShuffleSplit

from analysis.dataset.splits import split_named
from analysis.obtain.prepare.splits import complete_splits, sample_classes, sample_long_tail


def images_of(
    labels: Sequence[str | None],
    *,
    split: str | Sequence[str | None] | None = None,
    content: Sequence[str | None] | None = None,
    group: Sequence[str | None] | None = None,
) -> pd.DataFrame:
    """Rows with a content of their own each, unless `content` says otherwise."""
    n = len(labels)
    return pd.DataFrame(
        {
            "path": [f"{number}.png" for number in range(n)],
            "label": list(labels),
            "split": [split] * n if split is None or isinstance(split, str) else list(split),
            "content_hash": [f"content {i}" for i in range(n)] if content is None else list(content),
            "group": [None] * n if group is None else list(group),
        },
        dtype=object,
    )


def complete(rows: pd.DataFrame, *, validation: float = 0.15, test: float = 0.2, seed: int = 0) -> pd.Series:
    return complete_splits(rows, validation_fraction=validation, test_fraction=test, seed=seed)


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("train", "train"),
        ("TRAIN", "train"),
        ("val", "validation"),
        ("Valid", "validation"),
        ("validation", "validation"),
        (" Test ", "test"),
        ("tests", None),
        ("cat", None),
        ("", None),
    ],
)
def test_split_named_knows_the_usual_names_in_any_case(name: str, split: str | None) -> None:
    assert split_named(name) == split


def test_complete_splits_takes_the_same_share_of_each_class() -> None:
    rows = images_of(["a"] * 100 + ["b"] * 40 + ["c"] * 10)
    counts = pd.crosstab(rows["label"], complete(rows))
    # 0.2 and 0.15 of 100, 40 and 10; 1.5 is rounded up
    assert counts["test"].to_dict() == {"a": 20, "b": 8, "c": 2}
    assert counts["validation"].to_dict() == {"a": 15, "b": 6, "c": 2}
    assert counts["train"].to_dict() == {"a": 65, "b": 26, "c": 6}


def test_complete_splits_gives_the_sizes_of_stratified_shuffle_split() -> None:
    labels = np.repeat(["a", "b", "c"], [300, 120, 80])
    reference = StratifiedShuffleSplit(n_splits=1, test_size=0.25, random_state=0)
    _, expected = next(reference.split(labels, labels))
    rows = images_of(list(labels))
    is_test = complete(rows, validation=0, test=0.25) == "test"
    assert rows.loc[is_test, "label"].value_counts().to_dict() == dict(
        zip(*np.unique(labels[expected], return_counts=True), strict=True)
    )


def test_complete_splits_keeps_copies_together() -> None:
    content = [f"content {number % 30}" for number in range(90)]
    rows = images_of([("a", "b")[number % 2] for number in range(90)], content=content)
    splits = rows.assign(split=complete(rows)).groupby("content_hash")["split"]
    assert (splits.nunique() == 1).all()
    assert splits.first().nunique() == 3


def test_complete_splits_keeps_copies_under_two_labels_together() -> None:
    contents = [f"content {number}" for number in range(20)]
    rows = images_of(["a"] * 20 + ["b"] * 20, content=[*contents, *contents])
    assert (rows.assign(split=complete(rows)).groupby("content_hash")["split"].nunique() == 1).all()


def test_complete_splits_keeps_copies_without_a_label_with_those_that_have_one() -> None:
    contents = [f"content {number}" for number in range(20)]
    rows = images_of(["a"] * 20 + [None] * 20, content=[*contents, *contents])
    split = complete(rows)
    assert split[20:].tolist() == split[:20].tolist()
    assert split.nunique() == 3


def test_complete_splits_counts_an_image_to_its_commonest_label() -> None:
    rows = images_of([*"aaa", *"bbb"], content=[*"xyz", *"zzz"])
    assert set(complete(rows)) == {"train"}  # two images of a and one of b: too few


def test_complete_splits_cuts_no_copy_of_an_image_that_the_dataset_tests_on() -> None:
    train = images_of(["a", "b"] * 50, split="train")
    test = images_of(["a", "b"] * 25, split="test")  # copies of the first fifty
    split = complete(pd.concat([train, test], ignore_index=True), validation=0.5)
    assert set(split[:50]) == {"train"}
    assert (split[50:100] == "validation").sum() == 26  # 0.5 of 25 images in each of two classes, rounded up
    assert set(split[100:]) == {"test"}


@pytest.mark.parametrize(
    ("brought", "expected"),
    [
        (["train", "test"], {"train": 20, "validation": 10, "test": 30}),
        (["train", "validation"], {"train": 20, "validation": 30, "test": 10}),
        (["train"], {"train": 40, "validation": 10, "test": 10}),
        (["train", "validation", "test"], {"train": 20, "validation": 20, "test": 20}),
    ],
)
def test_complete_splits_keeps_splits_and_cuts_the_missing_ones_from_training(
    brought: list[str], expected: dict[str, int]
) -> None:
    given = np.repeat(brought, 60 // len(brought))
    rows = images_of(["a"] * 60, split=list(given))
    fraction = 10 / (given == "train").sum()
    split = complete(rows, validation=fraction, test=fraction)
    assert split.value_counts().to_dict() == expected
    kept = given != "train"
    assert (split[kept] == given[kept]).all()


def test_complete_splits_makes_a_test_split_where_the_given_one_has_no_labels() -> None:
    train = images_of(["a", "b"] * 10, split="train")
    unlabelled = images_of([None] * 5, split="test", content=list("vwxyz"))
    split = complete(pd.concat([train, unlabelled], ignore_index=True))
    assert (split[20:] == "test").all()
    assert (split[:20] == "test").sum() == 4


def test_complete_splits_takes_rows_without_a_split_for_training() -> None:
    rows = images_of(["a"] * 4, split=["test", None, "validation", None])
    assert complete(rows).tolist() == ["test", "train", "validation", "train"]


def test_complete_splits_leaves_unlabelled_and_unread_images_in_training() -> None:
    rows = images_of(
        ["a"] * 30 + [None] * 30, content=[*(f"{i}" for i in range(15)), *[None] * 15, *"x" * 30]
    )
    split = complete(rows, validation=0.3, test=0.3)
    assert set(split[15:]) == {"train"}
    assert set(split[:15]) == {"train", "validation", "test"}


def test_complete_splits_leaves_too_small_classes_in_training() -> None:
    rows = images_of(["one", "two", "two", *["copied"] * 5], content=[*"abc", *"ddeee"])
    assert set(complete(rows)) == {"train"}


def test_complete_splits_serves_every_split_from_three_images() -> None:
    assert sorted(complete(images_of(["a"] * 3))) == ["test", "train", "validation"]
    assert sorted(complete(images_of(["a"] * 3), validation=0.45, test=0.5)) == [
        "test",
        "train",
        "validation",
    ]


@pytest.mark.parametrize("n", range(3, 40))
def test_complete_splits_leaves_no_split_of_a_class_empty(n: int) -> None:
    counts = complete(images_of(["a"] * n), validation=0.05, test=0.9).value_counts()
    assert counts.sum() == n
    assert (counts >= 1).all()
    assert len(counts) == 3


def test_complete_splits_makes_none_where_the_fraction_is_zero() -> None:
    rows = images_of(["a"] * 20)
    assert set(complete(rows, validation=0, test=0)) == {"train"}
    assert set(complete(rows, validation=0)) == {"train", "test"}


def test_complete_splits_depends_neither_on_order_nor_on_names() -> None:
    rows = images_of(["a", "b"] * 50)
    renamed = rows.assign(path=[f"other/{99 - number}.jpg" for number in range(100)]).iloc[::-1]
    assert complete(renamed).sort_index().tolist() == complete(rows).tolist()


def test_complete_splits_moves_few_images_when_the_dataset_grows() -> None:
    rows = images_of(["a", "b"] * 1000)
    before = complete(rows[:1980])
    after = complete(rows)[:1980]
    assert (before != after).sum() < 20  # a new draw would move about a thousand


def test_complete_splits_draws_others_with_another_seed() -> None:
    rows = images_of(["a"] * 200)
    first, second = complete(rows), complete(rows, seed=1)
    assert (first != second).any()
    assert first.value_counts().to_dict() == second.value_counts().to_dict()


def test_complete_splits_takes_no_rows() -> None:
    assert complete(images_of([])).tolist() == []


def test_sample_classes_limits_each_class_in_each_split() -> None:
    labels = ["a"] * 10 + ["b"] * 3 + [None] * 7
    rows = images_of([*labels, *labels], split=["train"] * 20 + ["test"] * 20)
    kept = rows[sample_classes(rows, max_per_class=4, seed=0)]
    assert kept.groupby(["split", "label"]).size().to_dict() == {
        ("train", "a"): 4,
        ("train", "b"): 3,
        ("test", "a"): 4,
        ("test", "b"): 3,
    }
    assert kept["label"].isna().sum() == 14


def test_sample_classes_draws_at_random_by_seed() -> None:
    rows = images_of(["a"] * 1000, split="train")
    first = sample_classes(rows, max_per_class=100, seed=0)
    assert (first == sample_classes(rows, max_per_class=100, seed=0)).all()
    assert (first != sample_classes(rows, max_per_class=100, seed=1)).any()
    assert 400 < np.flatnonzero(first).mean() < 600  # not the first hundred, nor the last


def test_sample_classes_counts_images_that_cannot_be_read() -> None:
    rows = images_of(["a"] * 1000, split="train", content=[None] * 1000)
    kept = sample_classes(rows, max_per_class=100, seed=0)
    assert kept.sum() == 100
    assert 400 < np.flatnonzero(kept).mean() < 600


def test_sample_long_tail_follows_the_formula() -> None:
    labels = ["x"] * 100 + ["y"] * 100 + ["z"] * 100 + [None] * 5
    rows = images_of([*labels, *["x", "z"] * 20], split=["train"] * 305 + ["test"] * 40)
    kept = rows[sample_long_tail(rows, classes=["x", "y", "z"], imbalance_ratio=100, seed=0)]
    # 100 · 100^(−n/2) for n = 0, 1, 2
    assert kept[kept["split"] == "train"]["label"].value_counts().to_dict() == {"x": 100, "y": 10, "z": 1}
    assert (kept["split"] == "test").sum() == 40
    assert kept["label"].isna().sum() == 5


def test_sample_long_tail_takes_no_more_than_there_is_and_leaves_no_class_empty() -> None:
    rows = images_of(["x"] * 50 + ["y"] * 2 + ["z"] * 50, split="train")
    kept = rows[sample_long_tail(rows, classes=["x", "y", "z"], imbalance_ratio=1000, seed=0)]
    assert kept["label"].value_counts().to_dict() == {"x": 50, "y": 2, "z": 1}


# ---- groups ----------------------------------------------------------------------------------------------
def test_complete_splits_keeps_groups_together_and_near_their_shares() -> None:
    patients = [f"p{number // 7}" for number in range(700)]
    rows = images_of([("a", "b")[(number // 7) % 2] for number in range(700)], group=patients)
    split = complete(rows, validation=0.15, test=0.2)
    assert (rows.assign(split=split).groupby("group")["split"].nunique() == 1).all()
    assert pd.crosstab(rows["label"], split)["test"].between(66, 74).all()  # 70 of 350, in sevens
    assert pd.crosstab(rows["label"], split)["validation"].between(49, 56).all()


def test_complete_splits_ties_groups_that_share_a_picture() -> None:
    rows = images_of(
        ["a"] * 60,
        content=[f"content {number}" for number in range(59)] + ["content 0"],
        group=[f"g{number // 3}" for number in range(60)],
    )
    rows.loc[30:, "label"] = "b"
    split = complete(rows)
    assert split[0] == split[59] == split[57]  # the first group holds a copy of an image in the last
    assert split[:3].nunique() == 1


def test_complete_splits_of_unequal_groups_leaves_no_split_of_a_class_empty() -> None:
    group = ["big"] * 50 + ["second"] * 20 + ["third"] * 5
    for seed in range(10):
        split = complete(images_of(["a"] * 75, group=group), seed=seed)
        assert split.nunique() == 3


def test_complete_splits_cuts_no_group_that_the_dataset_tests_on() -> None:
    rows = images_of(["a", "b"] * 20, split=["train"] * 30 + ["test"] * 10, group=["shared"] * 40)
    assert set(complete(rows, validation=0.5)[:30]) == {"train"}


def test_images_without_a_group_are_cut_as_ever() -> None:
    plain = images_of(["a"] * 100)
    some = images_of(["a"] * 100, group=["x", "x", *[None] * 98])
    agree = (complete(plain) == complete(some))[2:]
    assert agree.mean() > 0.95

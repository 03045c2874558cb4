"""Splits without leaks: cases worked out by hand, and properties over many random ones."""

import numpy as np
import pandas as pd
import pytest

from analysis.dataset.copies import component_of
from analysis.scrub.clean.split_repair import repair_splits

SPLITS = ["train", "validation", "test"]


def make_images(*rows: tuple[str, str | None], classes: tuple[str, ...] = ("cat", "dog")) -> pd.DataFrame:
    """Images of (split, label)."""
    splits, labels = zip(*rows, strict=True)
    return pd.DataFrame(
        {
            "path": [f"{i}.png" for i in range(len(rows))],
            "label": pd.Categorical(labels, classes),
            "split": pd.Categorical(splits, SPLITS),
            "is_readable": True,
            "is_dropped": False,
        },
        index=pd.RangeIndex(len(rows), name="item_id"),
    )


def make_pairs(*pairs: tuple[int, int], kind: str = "near") -> pd.DataFrame:
    ends = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return pd.DataFrame({"item_id_a": ends[:, 0], "item_id_b": ends[:, 1], "kind": kind})


def moved(images: pd.DataFrame, *pairs: tuple[int, int]) -> dict[int, str]:
    split = repair_splits(images, make_pairs(*pairs))
    assert split.dtype == images["split"].dtype
    return split[split != images["split"]].to_dict()


FILL = [(split, label) for split in SPLITS for label in ("cat", "dog") for _ in range(10)]  # images 0 to 59


def test_splits_without_copies_stay() -> None:
    assert moved(make_images(*FILL)) == {}
    assert moved(make_images(*FILL), (0, 1), (40, 41)) == {}  # copies within a split do not leak


def test_a_group_goes_where_most_of_it_is() -> None:
    assert moved(make_images(*FILL), (0, 1), (1, 40)) == {40: "train"}
    assert moved(make_images(*FILL), (0, 40), (40, 41)) == {0: "test"}


def test_a_group_over_three_splits_takes_the_fewest_moves() -> None:
    assert moved(make_images(*FILL), (0, 20), (20, 40), (40, 41)) == {0: "test", 20: "test"}


def test_groups_are_connected_through_images_between_them() -> None:
    # 0 and 2 are no pair, but both resemble 1: apart, one of them would leak
    assert moved(make_images(*FILL), (0, 1), (1, 2), (2, 40)) == {40: "train"}


def test_ties_keep_classes_and_splits_in_size() -> None:
    images = make_images(*FILL)
    result = moved(images, *[(i, 40 + i) for i in range(4)])  # four pairs of cats in training and test
    assert sorted(result.values()) == ["test", "test", "train", "train"]
    assert moved(images, (0, 40), (10, 50)) == {0: "test", 50: "train"}  # a cat each way, a dog the other


def test_all_else_equal_the_image_that_is_judged_on_stays() -> None:
    assert moved(make_images(*FILL), (0, 40)) == {0: "test"}


def test_rare_class_is_not_emptied_to_save_a_move() -> None:
    images = make_images(*FILL[:50], *[("train", "dog")] * 3, ("test", "dog"))  # one dog left in test
    assert moved(images, (10, 53), (11, 53)) == {10: "test", 11: "test"}


def test_class_with_one_picture_is_kept_in_training() -> None:
    images = make_images(*FILL, ("train", "eel"), ("test", "eel"), classes=("cat", "dog", "eel"))
    assert moved(images, (60, 61)) == {61: "train"}


def test_dropped_images_neither_move_nor_leak() -> None:
    images = make_images(*FILL)
    images.loc[40, "is_dropped"] = True
    assert moved(images, (0, 40), (1, 41)) == {1: "test"}


def test_images_without_a_label_move_too() -> None:
    images = make_images(*FILL, ("train", None), ("train", None), ("test", None))
    assert moved(images, (60, 62), (61, 62)) == {62: "train"}


@pytest.mark.parametrize("seed", range(30))
def test_repair_of_random_splits_is_leak_free_loses_nothing_and_moves_no_more_than_it_must(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = 400
    classes = tuple(f"class {i}" for i in range(5))
    splits = rng.choice(SPLITS, n, p=[0.6, 0.2, 0.2])
    images = make_images(*zip(splits, rng.choice(classes, n), strict=True), classes=classes)
    pairs = make_pairs(*rng.integers(0, n, (60, 2)))
    split = repair_splits(images, pairs)
    of_a, of_b = (split.loc[pairs[f"item_id_{side}"]].to_numpy() for side in "ab")
    assert (of_a == of_b).all()
    counts = pd.crosstab(images["label"], split)
    assert (counts.sum(axis=1) == images["label"].value_counts().sort_index()).all()
    assert (counts > 0).all(axis=None)
    group = component_of(pairs)
    of_group = images.loc[group.index, "split"].astype(str).groupby(group)
    fewest = sum(len(splits) - splits.value_counts().max() for _, splits in of_group)
    assert (split != images["split"]).sum() == fewest
    pd.testing.assert_series_equal(
        split, repair_splits(images.assign(split=split), pairs)
    )  # nothing left to do

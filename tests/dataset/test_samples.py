import numpy as np
import pandas as pd

from analysis.dataset.samples import balanced_sample, sample_of_training, stratified_folds


def test_sample_takes_rare_classes_whole_and_the_others_evenly() -> None:
    codes = np.repeat([0, 1, 2], [100, 3, 50])
    rows = balanced_sample(codes, 23, seed=0)
    assert np.bincount(codes[rows]).tolist() == [10, 3, 10]
    assert (np.diff(rows) > 0).all()


def test_sample_of_more_than_there_are_is_all() -> None:
    assert balanced_sample(np.array([1, 0, 1]), 10, seed=0).tolist() == [0, 1, 2]
    assert balanced_sample(np.array([], dtype=int), 10, seed=0).tolist() == []


def test_sample_depends_on_the_seed_alone() -> None:
    codes = np.arange(200) % 4
    assert balanced_sample(codes, 20, seed=1).tolist() == balanced_sample(codes, 20, seed=1).tolist()
    assert balanced_sample(codes, 20, seed=1).tolist() != balanced_sample(codes, 20, seed=2).tolist()


def test_sample_of_training_is_of_all_splits_where_there_is_no_training() -> None:
    labels = pd.Categorical(["a", "a", "b", "b", "a", "b"])
    images = pd.DataFrame({"label": labels, "split": ["train", "test"] * 3}, index=range(10, 16))
    assert sample_of_training(images, 9, seed=0).index.tolist() == [10, 12, 14]
    assert sorted(sample_of_training(images, 2, seed=0)["label"]) == ["a", "b"]
    held_out = images[images["split"] == "test"]
    assert sample_of_training(held_out, 9, seed=0).index.tolist() == [11, 13, 15]


def test_folds_spread_each_class_evenly_and_are_of_one_size() -> None:
    codes = np.repeat(np.arange(9), [40, 7, 5, 6, 11, 8, 5, 5, 13])
    folds = stratified_folds(codes, 5, seed=0)
    for code in range(9):
        sizes = np.bincount(folds[codes == code], minlength=5)
        assert np.ptp(sizes) <= 1
    assert np.bincount(folds).tolist() == [20] * 5

"""Samples and folds in which every class has its part."""

from __future__ import annotations

import numpy as np
import pandas as pd


def sample_of_training(images: pd.DataFrame, n: int, *, seed: int) -> pd.DataFrame:
    """At most `n` rows, of each class the same number: of training if there are any, else of all splits."""
    is_training = images["split"].eq("train")
    images = images[is_training] if is_training.any() else images
    return images.iloc[balanced_sample(images["label"].cat.codes.to_numpy(), n, seed=seed)]


def balanced_sample(codes: np.ndarray, n: int, *, seed: int) -> np.ndarray:
    """Positions of at most `n` of the images with these class codes, ascending.

    Each class gets the same number, give or take one, and a class that has fewer is taken whole.
    """
    shuffled = np.random.default_rng(seed).permutation(len(codes))
    first_of_each_class_first = np.argsort(_place_in_class(codes[shuffled]), kind="stable")
    return np.sort(shuffled[first_of_each_class_first[:n]])


def stratified_folds(codes: np.ndarray, n_folds: int, *, seed: int) -> np.ndarray:
    """The fold of each image, 0 to `n_folds` - 1; each class is spread over the folds evenly."""
    shuffled = np.random.default_rng(seed).permutation(len(codes))
    folds = np.empty(len(codes), dtype=int)
    # a class starts where the one before it ended, so that the folds of many small classes are of one size
    order = shuffled[np.argsort(codes[shuffled], kind="stable")]
    folds[order] = np.arange(len(codes)) % n_folds
    return folds


def _place_in_class(codes: np.ndarray) -> np.ndarray:
    return pd.Series(codes).groupby(codes).cumcount().to_numpy()


def stratified_sample(images: pd.DataFrame, n: int, *, rng: np.random.Generator) -> pd.DataFrame:
    """At most `n` rows, in their order, each class in its proportion and none lost while `n` allows it."""
    if len(images) <= n:
        return images
    shuffled = images.iloc[rng.permutation(len(images))]
    by_class = shuffled.groupby("class_index")["class_index"]
    # 0 for each class's first image, so that every class has one before any has its full share
    place = by_class.cumcount() / by_class.transform("size")
    return images.loc[place.sort_values(kind="stable").index[:n].sort_values()].reset_index(drop=True)

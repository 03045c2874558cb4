"""Samples and folds in which every class has its part."""

from __future__ import annotations

import numpy as np
import pandas as pd


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

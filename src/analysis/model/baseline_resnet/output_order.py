"""Whether a checkpoint's outputs probably stand for the classes in another order than the one given.

Its predictions of some images that are not of the test are matched with the labels, one output for each
class, so that most agree (the Hungarian algorithm on the confusion matrix). A match always finds something,
so it is judged on images that it was not made from, each half of the sample by the other's. It counts only if

- by it more than half of the images are right: an untrained network gains by a match too, but is not right;
- more are right than by the order given, beyond chance (the exact test of McNemar);
- no class has most of its images in an output that is another's by it: who takes every grade for the next
  higher one, and the highest for itself, has learnt the order, and another meaning.

How it misleads: of two or three classes, a network that has learnt the opposite of what is asked looks alike.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.stats import binomtest

from analysis.dataset.samples import stratified_folds

SIGNIFICANCE_LEVEL = 0.001  # of each test: a sound checkpoint must not be doubted
Codes = NDArray[np.int64]


@dataclass(frozen=True)
class OtherOrder:
    """`output_of_class[i]` means class i; how many of the `n` images each order gets right."""

    output_of_class: Codes
    n: int
    n_right_as_given: int
    n_right_by_match: int


def other_order(codes: Codes, predicted: Codes, *, n_classes: int, seed: int) -> OtherOrder | None:
    """The order in which the outputs probably stand; None if that given is as good, or none is.

    Parameters
    ----------
    codes, predicted
        (n,) class and output of each image, 0 to `n_classes` - 1.
    """
    half = stratified_folds(codes, 2, seed=seed)
    matched = np.empty_like(codes)
    for number in (0, 1):
        output_of_class = _match(codes[half != number], predicted[half != number], n_classes)
        matched[half == number] = output_of_class[codes[half == number]]
    given, match = predicted == codes, predicted == matched
    if not _is_more(match.sum(), len(codes)) or not _is_better(match, given):
        return None
    output_of_class = _match(codes, predicted, n_classes)
    if any(_is_anothers(predicted[codes == code], output_of_class[code]) for code in np.unique(codes)):
        return None
    return OtherOrder(output_of_class, len(codes), int(given.sum()), int(match.sum()))


def _match(codes: Codes, predicted: Codes, n_classes: int) -> Codes:
    """For each class the output that is its; its own where another would serve no better."""
    agreement = np.eye(n_classes) / (2 * n_classes)  # less than one image in all
    np.add.at(agreement, (codes, predicted), 1)
    _, output_of_class = linear_sum_assignment(agreement, maximize=True)
    return output_of_class


def _is_anothers(predicted: Codes, own: int) -> bool:
    """Whether images of one class are taken for another output more often than for their own."""
    most = np.bincount(predicted).argmax()
    return most != own and _is_better(predicted == most, predicted == own)


def _is_better(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> bool:
    """Whether more images are right by the one than by the other."""
    n_one, n_other = (one & ~other).sum(), (other & ~one).sum()
    return _is_more(n_one, n_one + n_other)


def _is_more(n: int, of: int) -> bool:
    """Whether more than half, beyond chance."""
    return of > 0 and binomtest(int(n), int(of), alternative="greater").pvalue <= SIGNIFICANCE_LEVEL

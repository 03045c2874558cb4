"""The names of the splits, and what people call them."""

from __future__ import annotations

import re

SPLITS = ("train", "validation", "test")
CALLED = {
    "train": ("train", "training", "trn", "trainset"),
    "validation": ("validation", "val", "valid", "dev", "development", "eval", "valset", "devset"),
    "test": ("test", "testing", "tst", "holdout", "testset"),
}
MEANING = {word: split for split, words in CALLED.items() for word in words}
# Words that say nothing beside the name of a split: "train_set", "images_train", "ValData".
FILLERS = {
    *("data", "dataset", "folder", "image", "images", "img", "imgs", "photos", "pictures", "samples"),
    *("set", "split", "subset"),
}


def split_named(name: str) -> str | None:
    """The split that a folder's name or a CSV's value means, in any spelling; None if it means none."""
    splits, others = _words_of(name)
    return splits.pop() if len(splits) == 1 and not others else None


def split_within(name: str) -> str | None:
    """The split that is one of several words of a name, as in "TEST_SIMPLE"; None if none or two are."""
    splits, _ = _words_of(name)
    return splits.pop() if len(splits) == 1 else None


def _words_of(name: str) -> tuple[set[str], set[str]]:
    """The splits that a name's words mean, and those words that mean none and are no fillers or numbers."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)  # "trainSet" is two words
    words = set(re.findall(r"[^\W\d_]+", spaced.casefold()))
    if "hold" in words and "out" in words:
        words = words - {"hold", "out"} | {"holdout"}
    return {MEANING[word] for word in words & MEANING.keys()}, words - MEANING.keys() - FILLERS

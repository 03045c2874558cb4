"""What the folders of a dataset mean: which are splits, which are classes, and what only wraps them.

The structure decides, names help: folders that hold the same subfolders are parts of one dataset (splits,
folds, versions), not classes of it. Where the folders can be read in more than one way, nothing is guessed:
the choices are named with what each would see.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from glob import escape
from pathlib import Path

from analysis.contract import InputError, to_set
from analysis.dataset.splits import split_named, split_within
from analysis.obtain.prepare.wording import counted, listed

Folders = tuple[str, ...]  # those that lead from the dataset's folder to an image

LIKE_EACH_OTHER = 0.5  # of the subfolders that either of two folders has, those that both have
MOST_IMAGES = 2 / 3  # in one of the folders: the dataset's own, beside examples and figures
PART = re.compile(r"(fold|part|batch|chunk|shard)[ _-]?\d+", re.IGNORECASE)


@dataclass(frozen=True)
class Layout:
    """How an image's folders are read.

    Attributes
    ----------
    wrapper
        Folders that hold the whole dataset; what follows them is read.
    split_of
        First folders that are no class but a part of the dataset: their split, None if they have none.
    is_class_first
        Whether the split's folder lies within the class's: `cat/train/1.jpg`.
    unlabelled
        First folders that are neither split nor class.
    label_level
        Where a person chose it: 1 for the first folder, "last", or "all" for all of them joined.
    notes
        What was understood, in sentences, where it is not plain.
    """

    wrapper: Folders = ()
    split_of: dict[str, str | None] = field(default_factory=dict)
    is_class_first: bool = False
    unlabelled: frozenset[str] = frozenset()
    label_level: int | str | None = None
    notes: tuple[str, ...] = ()

    def read(self, folders: Folders) -> tuple[str | None, str | None]:
        """The label and the split that an image's folders give it."""
        if self.label_level is not None:
            return _as_chosen(folders, self.label_level)
        names = folders[len(self.wrapper) :] if folders[: len(self.wrapper)] == self.wrapper else folders
        if not names or names[0] in self.unlabelled:
            return None, None
        if self.is_class_first:
            return names[0], next((split for name in names[1:2] if (split := split_named(name))), None)
        if names[0] in self.split_of:
            return (names[1] if len(names) > 1 else None), self.split_of[names[0]]
        return names[0], None


def understand(folders: Sequence[Folders], *, root: Path, label_level: int | str = "auto") -> Layout:
    """How to read the folders of a dataset's images.

    Raises
    ------
    InputError
        If they can be read in several ways; the sentence names these.
    """
    if label_level != "auto":
        return Layout(label_level=label_level)
    wrapper = _wrapper_of(folders)
    inner = [names[len(wrapper) :] for names in folders]
    notes = (f"The dataset lies in the folder '{'/'.join(wrapper)}', which is no class.",) if wrapper else ()
    tops = _subfolders(inner)
    if _is_class_first(tops):
        said = "Within each class's folder lie those of the splits."
        return Layout(wrapper, is_class_first=True, notes=(*notes, said))
    splits = _splits_among(tops)
    if splits:
        return _with_splits(tops, splits, wrapper, notes)
    _stop_if_ambiguous(tops, inner, root.joinpath(*wrapper))
    parts = _parts_among(tops)
    if parts:
        said = f"The folders {listed(sorted(parts))} are parts of one dataset, not classes."
        return Layout(wrapper, split_of=dict.fromkeys(parts), notes=(*notes, said))
    return Layout(wrapper, notes=notes)


def _as_chosen(folders: Folders, label_level: int | str) -> tuple[str | None, str | None]:
    """By the level that a person chose, counted from 1; a split is any other folder named like one."""
    if isinstance(label_level, int):
        labels = folders[label_level - 1 : label_level]
        others = folders[: label_level - 1] + folders[label_level:]
    else:
        plain = tuple(name for name in folders if split_named(name) is None)
        labels = plain if label_level == "all" else plain[-1:]
        others = folders
    split = next((split for name in others if (split := split_named(name))), None)
    return "/".join(labels) or None, split


Tops = dict[str, Counter]  # first folder -> its subfolders with the images in each; "" for those in none


def _subfolders(folders: Iterable[Folders]) -> Tops:
    tops: Tops = defaultdict(Counter)
    for names in folders:
        if names:
            tops[names[0]][names[1] if len(names) > 1 else ""] += 1
    return dict(tops)


def _wrapper_of(folders: Sequence[Folders]) -> Folders:
    """The chain of folders that all images lie in, as far as it goes on in more than one."""
    wrapper: Folders = ()
    while True:
        inner = {names[len(wrapper) : len(wrapper) + 2] for names in folders}
        tops = {names[0] if names else "" for names in inner}
        if len(tops) > 1 or "" in tops or any(len(names) < 2 for names in inner):
            return wrapper
        (top,) = tops
        if split_named(top):
            return wrapper
        wrapper = (*wrapper, top)


def _classes_in(top: Counter) -> set[str]:
    return set(top) - {""}


def _is_class_first(tops: Tops) -> bool:
    """Whether every folder holds images in folders of splits alone, and is none itself."""
    return bool(tops) and all(
        top and all(map(split_named, top)) and not split_named(name) for name, top in tops.items()
    )


def _splits_among(tops: Tops) -> set[str]:
    """The folders that are splits; trains among vehicles are none, as they hold no folders of classes."""
    named = {name for name in tops if split_named(name)}
    return named if named == set(tops) or any(_classes_in(tops[name]) for name in named) else set()


def _with_splits(tops: Tops, splits: set[str], wrapper: Folders, notes: tuple[str, ...]) -> Layout:
    """Splits, and what lies beside them: more of a split, more of the dataset, or something else."""
    classes = set().union(*(_classes_in(tops[name]) for name in splits))
    split_of: dict[str, str | None] = {name: split_named(name) for name in sorted(splits)}
    unlabelled = set()
    for name in sorted(set(tops) - splits):
        within = _classes_in(tops[name])
        if split := split_within(name):
            split_of[name] = split
            notes = (*notes, f"The folder '{name}' was taken for more of the {split} split.")
        elif within and within <= classes:
            split_of[name] = None
            notes = (*notes, f"The folder '{name}' holds the same classes, and is in no split.")
        else:
            unlabelled.add(name)
            notes = (
                *notes,
                f"The folder '{name}' lies beside the splits and holds none of their classes: its "
                f"{counted(tops[name].total(), 'image')} have no label.",
            )
    return Layout(wrapper, split_of, unlabelled=frozenset(unlabelled), notes=notes)


def _parts_among(tops: Tops) -> set[str]:
    """Folds and the like: numbered folders of the same classes."""
    parts = {name for name in tops if PART.fullmatch(name)}
    return parts if parts == set(tops) and _alike(tops, parts) else set()


def _alike(tops: Tops, names: Iterable[str]) -> bool:
    """Whether at least two folders hold much the same subfolders."""
    within = [_classes_in(tops[name]) for name in names if len(_classes_in(tops[name])) > 1]
    pairs = [(a, b) for i, a in enumerate(within) for b in within[i + 1 :]]
    return any(len(a & b) >= LIKE_EACH_OTHER * len(a | b) for a, b in pairs)


def _stop_if_ambiguous(tops: Tops, folders: Sequence[Folders], root: Path) -> None:
    if _parts_among(tops):
        return
    for name, top in tops.items():
        within = _classes_in(top)
        if len(within) > 1 and within <= set(tops) - {name}:
            raise InputError(
                f"{root}/{name} holds folders named as the classes beside it ({listed(sorted(within))}): "
                f"another version of the dataset. To leave it out, "
                f"{to_set('dataset.exclude', [escape(name)])}; to take its images as more of the "
                f"classes, {to_set('dataset.label_level', 'last')}."
            )
    if _alike(tops, tops):
        raise InputError(
            f"the folders in {root} ({listed(sorted(tops))}) hold the same folders, so that they may be "
            f"classes or parts of one dataset. Say which folder is the label: {_choices(folders)}."
        )
    largest = max(tops, key=lambda name: tops[name].total(), default="")
    if len(tops) > 1 and _is_all_but_lone(tops, largest):
        classes = sorted(_classes_in(tops[largest]))
        raise InputError(
            f"most images of {root} lie a level deeper, in {largest}. Probably {root}/{largest} is the "
            f"dataset ({counted(len(classes), 'class', 'classes')}: {listed(classes)}): audit that. "
            f"If {listed(sorted(tops))} are the classes, {to_set('dataset.label_level', '1')}."
        )


def _is_all_but_lone(tops: Tops, largest: str) -> bool:
    """Whether one folder holds most images in several subfolders, and no other has any subfolder."""
    total = sum(top.total() for top in tops.values())
    others = (tops[name] for name in tops if name != largest)
    is_most = tops[largest].total() >= MOST_IMAGES * total and "" not in tops[largest]
    return is_most and len(tops[largest]) > 1 and not any(map(_classes_in, others))


def _choices(folders: Sequence[Folders]) -> str:
    said = []
    for level in (1, 2, "all"):
        labels = Counter(_as_chosen(names, level)[0] for names in folders)
        labels.pop(None, None)
        said.append(
            f"--set dataset.label_level={level} gives {counted(len(labels), 'class', 'classes')} "
            f"({listed(sorted(labels), at_most=4)})"
        )
    return "; ".join(said)

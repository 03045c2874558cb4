"""Which classes may be mirrored in training: as a person says, or as the stage `geometric` finds safe."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from models.augmentation.parameters import AugmentationParameters

FLIPS = ("horizontal_flip", "vertical_flip")
SAFE = "safe"  # the verdict of the stage `geometric` on a transform that leaves a class its own


def safe_flips(verdicts: pd.DataFrame) -> dict[str, frozenset[str]]:
    """For each flip the labels that it is safe for.

    Parameters
    ----------
    verdicts
        Of the stage `geometric`: `label`, `transform`, `verdict`. A class without a verdict is not safe.
    """
    safe = verdicts[verdicts["verdict"].eq(SAFE)]
    return {flip: frozenset(safe.loc[safe["transform"].eq(flip), "label"].astype(str)) for flip in FLIPS}


def classes_by_flip(
    safe: Mapping[str, frozenset[str]], classes: Sequence[str], parameters: AugmentationParameters
) -> dict[str, np.ndarray]:
    """For each flip a mask (C,) of the classes whose images may be mirrored so.

    Where a parameter is `auto`, these are the classes that `safe` names.
    """

    def mask(flip: str) -> np.ndarray:
        setting = getattr(parameters, flip)
        if setting == "auto":
            return np.array([label in safe[flip] for label in classes])
        return np.full(len(classes), setting)

    return {flip: mask(flip) for flip in FLIPS}


def flip_notes(
    masks: Mapping[str, np.ndarray], classes: Sequence[str], parameters: AugmentationParameters
) -> list[str]:
    """In words, which classes are mirrored, and who says so; nothing where a person said none."""
    notes = []
    for flip, mask in masks.items():
        setting = getattr(parameters, flip)
        if setting is not False:
            by = "which `geometric` finds safe" if setting == "auto" else "as params.yaml says"
            name = flip.replace("_", " ").capitalize()
            notes.append(f"{name} of half of the training images of {_named(mask, classes)}, {by}.")
    return notes


def _named(mask: np.ndarray, classes: Sequence[str]) -> str:
    named = [label for label, is_in in zip(classes, mask, strict=True) if is_in]
    if len(named) == len(classes):
        return "all classes"
    if not named:
        return "no class"
    return (
        f"{len(named)} of {len(classes)} classes ({', '.join(named[:10])}{', …' if len(named) > 10 else ''})"
    )

"""Which classes may be mirrored in training: as a person says, or as the stage `geometric` finds safe."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from models.augmentation.parameters import AugmentationParameters

SAFE = "safe"  # the verdict of analysis.explore.pose_verdicts


def classes_by_flip(
    verdicts: pd.DataFrame, classes: Sequence[str], parameters: AugmentationParameters
) -> dict[str, np.ndarray]:
    """For `horizontal_flip` and `vertical_flip` a mask (C,) of the classes whose images may be mirrored so.

    Parameters
    ----------
    verdicts
        Of the stage `geometric`: `label`, `transform`, `verdict`. Where a parameter is `auto`, a class is
        mirrored if its verdict is safe; one without a verdict is not.
    """
    safe = verdicts[verdicts["verdict"].eq(SAFE)]

    def mask(flip: str) -> np.ndarray:
        setting = getattr(parameters, flip)
        if setting == "auto":
            return np.isin(classes, safe.loc[safe["transform"].eq(flip), "label"].to_numpy(dtype=str))
        return np.full(len(classes), setting)

    return {flip: mask(flip) for flip in ("horizontal_flip", "vertical_flip")}


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

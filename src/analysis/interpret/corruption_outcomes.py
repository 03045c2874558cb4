"""What a classifier said of the same images, clean and under every corruption, and how it is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.interpret.corruptions import CORRUPTIONS, SEVERITIES

CLEAN = "none"  # in place of a corruption's name


@dataclass(frozen=True)
class Outcomes:
    """What a classifier said of n images, clean and under K corruptions at S severities.

    Attributes
    ----------
    actual, clean
        (n,) class index, and the one predicted on the clean image.
    corrupted
        (K, S, n) class index predicted on the corrupted image.
    psnr_db, ssim
        (K, S, n) of the corrupted image against the clean one.
    """

    actual: np.ndarray
    clean: np.ndarray
    corrupted: np.ndarray
    psnr_db: np.ndarray
    ssim: np.ndarray

    @property
    def is_right_clean(self) -> np.ndarray:
        """bool (n,)"""
        return self.clean == self.actual

    @property
    def is_right(self) -> np.ndarray:
        """bool (K, S, n)"""
        return self.corrupted == self.actual

    @property
    def has_flipped(self) -> np.ndarray:
        """bool (K, S, n): the predicted class is another one than on the clean image."""
        return self.corrupted != self.clean

    @property
    def drops(self) -> np.ndarray:
        """(K, n): 1 if right when clean less the share of severities at which it is, in [-1, 1]."""
        return self.is_right_clean - self.is_right.mean(axis=1)


def tabulate_outcomes(outcomes: Outcomes, item_ids: np.ndarray, classes: Sequence[str]) -> pd.DataFrame:
    """One row per image without corruption, then one per corruption, severity and image.

    Returns
    -------
    DataFrame
        `corruption`, `severity` (0 for clean), `item_id`, `label`, `predicted_label`, and of the corrupted
        image against the clean one `psnr_db` and `ssim`.
    """
    n, n_conditions = len(outcomes.actual), len(CORRUPTIONS) * len(SEVERITIES)
    missing = np.full(n, np.nan)
    names = [CLEAN, *(corruption.name for corruption in CORRUPTIONS)]
    predicted = np.concatenate([outcomes.clean, outcomes.corrupted.ravel()])
    return pd.DataFrame(
        {
            "corruption": pd.Categorical(np.repeat(names, [n, *[n * len(SEVERITIES)] * len(CORRUPTIONS)])),
            "severity": np.repeat([0, *SEVERITIES * len(CORRUPTIONS)], n),
            "item_id": np.tile(item_ids, 1 + n_conditions),
            "label": pd.Categorical.from_codes(np.tile(outcomes.actual, 1 + n_conditions), classes),
            "predicted_label": pd.Categorical.from_codes(predicted, classes),
            "psnr_db": np.concatenate([missing, outcomes.psnr_db.ravel()]),
            "ssim": np.concatenate([missing, outcomes.ssim.ravel()]),
        }
    )


def outcomes_of(table: pd.DataFrame) -> Outcomes:
    """What `tabulate_outcomes` wrote down."""
    is_clean = table["severity"] == 0
    clean, corrupted = table[is_clean], table[~is_clean]
    shape = (len(CORRUPTIONS), len(SEVERITIES), len(clean))
    return Outcomes(
        actual=clean["label"].cat.codes.to_numpy(np.int64),
        clean=clean["predicted_label"].cat.codes.to_numpy(np.int64),
        corrupted=corrupted["predicted_label"].cat.codes.to_numpy(np.int64).reshape(shape),
        psnr_db=corrupted["psnr_db"].to_numpy().reshape(shape),
        ssim=corrupted["ssim"].to_numpy().reshape(shape),
    )


def typical_image(outcomes: Outcomes) -> int:
    """Of the images right when clean (of all if none is), that with the median number of mistakes."""
    candidates = np.flatnonzero(outcomes.is_right_clean)
    candidates = candidates if len(candidates) else np.arange(len(outcomes.actual))
    n_wrong = (~outcomes.is_right[..., candidates]).sum(axis=(0, 1))
    return int(candidates[np.argsort(n_wrong, kind="stable")[len(candidates) // 2]])

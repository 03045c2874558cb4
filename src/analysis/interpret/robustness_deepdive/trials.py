"""What `attack_trials` found out, as it is judged."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.interpret.attack_trials.parameters import ATTACKS
from analysis.statistics.proportions import wilson_interval


@dataclass(frozen=True)
class Trials:
    """The tables and arrays of `attack_trials`, and whose images they are.

    Rows of `trial_images`, `trial_pixels` and `spectra` belong together, and so do those of
    `adversarial_examples` and `adversarial_pictures`, and of `occluded_images` and `occlusion_maps`.
    """

    classes: list[str]
    split: str
    trial_images: pd.DataFrame
    trial_pixels: np.ndarray
    attack_outcomes: pd.DataFrame
    attack_checks: pd.DataFrame
    adversarial_examples: pd.DataFrame
    adversarial_pictures: np.ndarray
    filter_outcomes: pd.DataFrame
    wave_errors: pd.DataFrame
    spectra: np.ndarray
    occluded_images: pd.DataFrame
    occlusion_maps: np.ndarray

    @property
    def is_right(self) -> np.ndarray:
        return self.trial_images["is_right"].to_numpy()

    @property
    def attacked(self) -> pd.DataFrame:
        """Rows of `trial_images`."""
        return self.trial_images[self.trial_images["is_attacked"]].reset_index(drop=True)

    def pictures(self, item_ids: np.ndarray) -> np.ndarray:
        """float32 (M, H, H, 3) in [0, 1]"""
        rows = pd.Index(self.trial_images["item_id"]).get_indexer(item_ids)
        return np.asarray(self.trial_pixels[rows], dtype=np.float32) / 255


@dataclass(frozen=True)
class AttackOutcome:
    """What attacks in one norm did to N images at K sizes, as `attack_sweep.Sweep` has it."""

    norm: str
    epsilons: np.ndarray
    is_right: np.ndarray
    is_wrong: dict[str, np.ndarray]
    smallest: np.ndarray


def outcomes_of(attack_outcomes: pd.DataFrame) -> list[AttackOutcome]:
    """One per norm, in the order of the table."""
    found = []
    for norm, rows in attack_outcomes.groupby("norm", sort=False):
        epsilons = rows["epsilon"].unique()
        first = rows[rows["epsilon"] == epsilons[0]]
        is_wrong = {name: rows[f"is_wrong_{name}"].to_numpy().reshape(len(epsilons), -1) for name in ATTACKS}
        right, smallest = (first[name].to_numpy() for name in ("is_right", "smallest"))
        found.append(AttackOutcome(str(norm), epsilons, right, is_wrong, smallest))
    return found


def accuracy_table(result: AttackOutcome) -> pd.DataFrame:
    """One row per ε, the first without an attack: accuracy under each attack, and PGD's 95% interval."""
    n = len(result.is_right)
    n_right = {
        attack: np.r_[result.is_right.sum(), n - result.is_wrong[attack].sum(axis=1)] for attack in ATTACKS
    }
    low, high = wilson_interval(n_right["pgd"], n)
    return pd.DataFrame(
        {"norm": result.norm, "epsilon": np.r_[0, result.epsilons], "n_images": n}
        | {f"accuracy_{attack}": n_right[attack] / n for attack in ATTACKS}
        | {"pgd_low": low, "pgd_high": high}
    )


def median_smallest(result: AttackOutcome) -> float:
    """Median size of the smallest perturbations found of images that are right untouched.

    NaN if there are none, or half of them withstood the largest ε.
    """
    found = result.smallest[result.is_right]
    median = float(np.median(found)) if len(found) else np.nan
    return median if np.isfinite(median) else np.nan


def filter_table(is_right: dict[str, np.ndarray], cutoffs: np.ndarray) -> pd.DataFrame:
    """One row per cut-off: accuracy on what is below it and on what is above, with 95% intervals."""
    n = is_right["low_pass"].shape[1]
    columns = {"cutoff_cycles": cutoffs, "n_images": n}
    for name, right in is_right.items():
        low, high = wilson_interval(right.sum(axis=1), n)
        columns |= {name: right.mean(axis=1), f"{name}_low": low, f"{name}_high": high}
    return pd.DataFrame(columns)

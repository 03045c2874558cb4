"""Attacks on the sample, and whether they can be believed."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.dataset.samples import balanced_sample
from analysis.interpret.attack_trials.attack_checks import check_attacks
from analysis.interpret.attack_trials.attack_sweep import Sweep, sweep, tabulate_sweeps
from analysis.interpret.attack_trials.attacks import Target
from analysis.interpret.attack_trials.parameters import LEVELS, MAX_EXAMPLES, AttackTrialsParameters
from analysis.interpret.attack_trials.sample import SampledImages, as_pictures

Tables = dict[str, pd.DataFrame | np.ndarray]


def attack(
    attacked: SampledImages, target: Target, parameters: AttackTrialsParameters, *, seed: int
) -> Tables:
    """`attack_outcomes`, `attack_checks` and the images misled that may be shown; empty with one class."""
    if len(target.classifier.classes) < 2:
        return _no_attack(attacked)
    epsilons = {"linf": np.divide(parameters.linf_epsilons, LEVELS), "l2": np.array(parameters.l2_epsilons)}
    budget = {"n_steps": parameters.n_steps, "n_restarts": parameters.n_restarts, "seed": seed}
    sweeps = [
        sweep(target, attacked.pixels, attacked.labels, norm=norm, epsilons=sizes, **budget)
        for norm, sizes in epsilons.items()
    ]
    checks = check_attacks(
        target,
        attacked.pixels,
        attacked.labels,
        sweeps,
        evaluated_right=attacked.is_right,
        n_steps=parameters.n_steps,
    )
    return {
        "attack_outcomes": tabulate_sweeps(sweeps, attacked.rows["item_id"].to_numpy()),
        "attack_checks": checks,
        **_examples(attacked, target, sweeps[0], seed=seed),
    }


def _no_attack(attacked: SampledImages) -> Tables:
    return {
        "attack_outcomes": pd.DataFrame({"norm": []}),
        "attack_checks": pd.DataFrame({"passed": []}),
        "adversarial_examples": pd.DataFrame({"item_id": []}),
        "adversarial_pictures": attacked.pictures[:0],
    }


def _examples(attacked: SampledImages, target: Target, result: Sweep, *, seed: int) -> Tables:
    """Images misled by PGD, the same number of each class.

    `adversarial_examples`: `item_id`, `probability` of the label, `misled_to` with `misled_probability`; row
    by row of it `adversarial_pictures`: float32 (M, H, H, 3).
    """
    codes = attacked.rows["class_index"].to_numpy()
    misled = np.flatnonzero(result.is_right & np.isfinite(result.smallest))
    kept = misled[balanced_sample(codes[misled], MAX_EXAMPLES, seed=seed)]
    before, after = (
        target.logits(pixels[kept]).softmax(dim=1).cpu().numpy()
        for pixels in (attacked.pixels, result.search.perturbed)
    )
    names = np.array(target.classifier.classes, dtype=object)
    table = pd.DataFrame(
        {
            "item_id": attacked.rows["item_id"].to_numpy()[kept],
            "probability": before[np.arange(len(kept)), codes[kept]],
            "misled_to": names[after.argmax(axis=1)],
            "misled_probability": after.max(axis=1),
        }
    )
    return {
        "adversarial_examples": table,
        "adversarial_pictures": as_pictures(result.search.perturbed[kept]),
    }

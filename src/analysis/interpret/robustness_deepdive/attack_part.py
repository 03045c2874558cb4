"""How little it takes to mislead the classifier, and whether the attacks can be believed."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.contract import Artifacts, Figure
from analysis.dataset.samples import balanced_sample
from analysis.interpret.robustness_deepdive.attack_checks import check_attacks
from analysis.interpret.robustness_deepdive.attack_sweep import Sweep, accuracy_table, median_smallest, sweep
from analysis.interpret.robustness_deepdive.figures import plot_adversarial_examples, plot_robust_accuracy
from analysis.interpret.robustness_deepdive.findings import LEVELS, find_noise
from analysis.interpret.robustness_deepdive.sample import PartInputs, SampledImages, as_pictures

UNIT = {"linf": LEVELS, "l2": 1}  # by which a size in pixels of [0, 1] is multiplied to be shown
CHECK_COLUMNS = ["check", "norm", "passed", "found", "expected"]


# ---- attacks ---------------------------------------------------------------------------------------------
def attack(attacked: SampledImages, inputs: PartInputs) -> Artifacts:
    parameters = inputs.parameters
    if len(inputs.classes) < 2:
        return Artifacts(
            summary="one class, nothing to mistake it for",
            tables={
                "attack_checks": pd.DataFrame(columns=CHECK_COLUMNS),
                "robust_accuracy": pd.DataFrame(columns=["norm", "epsilon", "n_images"]),
            },
            notes=["There is one class only, so that no attack can mislead the classifier."],
        )
    epsilons = {"linf": np.divide(parameters.linf_epsilons, LEVELS), "l2": np.array(parameters.l2_epsilons)}
    budget = {"n_steps": parameters.n_steps, "n_restarts": parameters.n_restarts, "seed": inputs.seed}
    sweeps = [
        sweep(inputs.target, attacked.pixels, attacked.labels, norm=norm, epsilons=sizes, **budget)
        for norm, sizes in epsilons.items()
    ]
    checks = check_attacks(
        inputs.target,
        attacked.pixels,
        attacked.labels,
        sweeps,
        evaluated_right=attacked.is_right,
        n_steps=parameters.n_steps,
    )
    accuracy = pd.concat([_in_shown_units(accuracy_table(result)) for result in sweeps], ignore_index=True)
    medians = {result.norm: median_smallest(result) * UNIT[result.norm] for result in sweeps}
    failed = checks[~checks["passed"]]
    return Artifacts(
        summary=_summary_of(medians, checks),
        metrics=_attack_metrics(accuracy, medians, failed),
        tables={"attack_checks": checks, "robust_accuracy": accuracy.round(4)},
        figures=[
            plot_robust_accuracy(accuracy, medians, split=inputs.split),
            *_example_figures(attacked, sweeps[0], inputs),
        ],
        findings=find_noise(
            attacked.rows["item_id"].to_numpy(),
            sweeps[0],
            largest=parameters.invisible_epsilon / LEVELS,
            max_errors=parameters.max_noise_errors,
        ),
        notes=_attack_notes(attacked, failed),
    )


def _in_shown_units(accuracy: pd.DataFrame) -> pd.DataFrame:
    return accuracy.assign(epsilon=(accuracy["epsilon"] * accuracy["norm"].map(UNIT)).round(6))


def _summary_of(medians: dict[str, float], checks: pd.DataFrame) -> str:
    half = medians["linf"]
    change = f"a change of {half:.2g}/255 misleads" if np.isfinite(half) else "no change tried misleads"
    passed = f"{checks['passed'].sum()} of {len(checks)} checks of attacks passed"
    return f"{change} the classifier on half of the images, {passed}"


def _attack_metrics(
    accuracy: pd.DataFrame, medians: dict[str, float], failed: pd.DataFrame
) -> dict[str, float]:
    clean = accuracy.iloc[0]
    metrics = {
        "median_minimal_epsilon_linf": medians["linf"],
        "median_minimal_epsilon_l2": medians["l2"],
        "n_failed_checks": len(failed),
        "n_attacked": int(clean["n_images"]),
        "attacked_accuracy": float(clean["accuracy_pgd"]),
    }
    for row in accuracy[accuracy["epsilon"] > 0].itertuples():
        size = f"{row.epsilon:g}".replace(".", "_")
        metrics[f"robust_accuracy_{row.norm}_{size}"] = row.accuracy_pgd
    return metrics


def _attack_notes(attacked: SampledImages, failed: pd.DataFrame) -> list[str]:
    notes = [
        f"A check of the attacks failed, so robust accuracy may be overstated: {row.check} ({row.norm}): "
        f"{row.found}."
        for row in failed.itertuples()
    ]
    if not attacked.is_right.any():
        notes.append("No attacked image is rightly recognised, so that there is nothing to mislead.")
    return notes


def _example_figures(attacked: SampledImages, result: Sweep, inputs: PartInputs) -> list[Figure]:
    """Images misled by PGD, the same number of each class; none if it misled none."""
    codes = attacked.rows["class_index"].to_numpy()
    misled = np.flatnonzero(result.is_right & np.isfinite(result.smallest))
    shown = misled[balanced_sample(codes[misled], inputs.parameters.n_examples, seed=inputs.seed)]
    if len(shown) == 0:
        return []
    before, after = (
        inputs.target.logits(pixels[shown]).softmax(dim=1).cpu().numpy()
        for pixels in (attacked.pixels, result.search.perturbed)
    )
    names = np.array(inputs.classes, dtype=object)
    table = pd.DataFrame(
        {
            "item_id": attacked.rows["item_id"].to_numpy()[shown],
            "label": names[codes[shown]],
            "probability": before[np.arange(len(shown)), codes[shown]],
            "misled_to": names[after.argmax(axis=1)],
            "misled_probability": after.max(axis=1),
            "epsilon": result.smallest[shown] * UNIT["linf"],
        }
    )
    changed = as_pictures(result.search.perturbed[shown])
    return [plot_adversarial_examples(attacked[shown].pictures, changed, table, split=inputs.split)]

"""How little it takes to mislead the classifier, and whether the attacks can be believed."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.contract import Artifacts, Figure
from analysis.dataset.samples import balanced_sample
from analysis.interpret.attack_trials.parameters import LEVELS
from analysis.interpret.robustness_deepdive.figures import plot_adversarial_examples, plot_robust_accuracy
from analysis.interpret.robustness_deepdive.findings import find_noise
from analysis.interpret.robustness_deepdive.parameters import RobustnessDeepdiveParameters
from analysis.interpret.robustness_deepdive.trials import (
    AttackOutcome,
    Trials,
    accuracy_table,
    median_smallest,
    outcomes_of,
)

EXAMPLE_COLUMNS = ["probability", "misled_to", "misled_probability"]
UNIT = {"linf": LEVELS, "l2": 1}  # by which a size in pixels of [0, 1] is multiplied to be shown
CHECK_COLUMNS = ["check", "norm", "passed", "found", "expected"]


def judge_attacks(trials: Trials, parameters: RobustnessDeepdiveParameters, *, seed: int) -> Artifacts:
    if len(trials.classes) < 2:
        return Artifacts(
            summary="one class, nothing to mistake it for",
            tables={
                "attack_checks": pd.DataFrame(columns=CHECK_COLUMNS),
                "robust_accuracy": pd.DataFrame(columns=["norm", "epsilon", "n_images"]),
            },
            notes=["There is one class only, so that no attack can mislead the classifier."],
        )
    outcomes, checks = outcomes_of(trials.attack_outcomes), trials.attack_checks
    accuracy = pd.concat([_in_shown_units(accuracy_table(result)) for result in outcomes], ignore_index=True)
    medians = {result.norm: median_smallest(result) * UNIT[result.norm] for result in outcomes}
    failed = checks[~checks["passed"]]
    return Artifacts(
        summary=_summary_of(medians, checks),
        metrics=_attack_metrics(accuracy, medians, failed),
        tables={"attack_checks": checks, "robust_accuracy": accuracy.round(4)},
        figures=[
            plot_robust_accuracy(accuracy, medians, split=trials.split),
            *_example_figures(trials, outcomes[0], parameters.n_examples, seed=seed),
        ],
        findings=find_noise(
            trials.attacked["item_id"].to_numpy(),
            outcomes[0],
            largest=parameters.invisible_epsilon / LEVELS,
            max_errors=parameters.max_noise_errors,
        ),
        notes=_attack_notes(trials.attacked, failed),
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


def _attack_notes(attacked: pd.DataFrame, failed: pd.DataFrame) -> list[str]:
    notes = [
        f"A check of the attacks failed, so robust accuracy may be overstated: {row.check} ({row.norm}): "
        f"{row.found}."
        for row in failed.itertuples()
    ]
    if not attacked["is_right"].any():
        notes.append("No attacked image is rightly recognised, so that there is nothing to mislead.")
    return notes


def _example_figures(trials: Trials, result: AttackOutcome, n: int, *, seed: int) -> list[Figure]:
    """Images misled by PGD, the same number of each class; none if it misled none."""
    attacked = trials.attacked
    misled = np.flatnonzero(result.is_right & np.isfinite(result.smallest))
    codes = attacked["class_index"].to_numpy()[misled]
    shown = misled[balanced_sample(codes, n, seed=seed)]
    if len(shown) == 0:
        return []
    item_ids = attacked["item_id"].to_numpy()[shown]
    kept = trials.adversarial_examples.set_index("item_id")
    table = pd.DataFrame(
        {
            "item_id": item_ids,
            "label": attacked["label"].astype(object).to_numpy()[shown],
            **{name: kept.loc[item_ids, name].to_numpy() for name in EXAMPLE_COLUMNS},
            "epsilon": result.smallest[shown] * UNIT["linf"],
        }
    )
    changed = trials.adversarial_pictures[kept.index.get_indexer(item_ids)]
    return [plot_adversarial_examples(trials.pictures(item_ids), changed, table, split=trials.split)]

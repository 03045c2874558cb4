from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd

from analysis.contract import Artifacts
from analysis.dataset.samples import balanced_sample
from analysis.interpret.judged_images import split_note
from analysis.interpret.robustness_deepdive.attack_part import attack
from analysis.interpret.robustness_deepdive.findings import KINDS
from analysis.interpret.robustness_deepdive.frequency_part import add_waves, filter_images, measure_spectra
from analysis.interpret.robustness_deepdive.occlusion import occlude
from analysis.interpret.robustness_deepdive.parameters import RobustnessDeepdiveParameters
from analysis.interpret.robustness_deepdive.sample import PartInputs, draw_sample, target_of

CAPTIONS = {
    "attack_checks": "One row per check of the attacks themselves. Where one failed, the classifier may only "
    "look robust, and the accuracies below are not to be trusted.",
    "robust_accuracy": "One row per ε, in 1/255 for L∞ and in pixels of [0, 1] for L2: the share of images "
    "still right under random noise of that size, FGSM and PGD, with PGD's 95% interval. Row 0 is without "
    "an attack.",
    "filters": "One row per cut-off: accuracy on what is left of each image below it (low pass) and above it "
    "(high pass), with 95% intervals.",
}


def robustness_deepdive(
    cleaned_manifest: pd.DataFrame,
    scan: pd.DataFrame,
    predictions: pd.DataFrame,
    model: Path,
    *,
    parameters: RobustnessDeepdiveParameters,
    seed: int,
) -> Artifacts:
    """Attack the classifier in `model`, filter its images, add waves to them and cover parts of them.

    Raises
    ------
    InputError
        If no image has both a picture and a label, or the classifier is of other classes than the manifest.
    """
    classes = list(cleaned_manifest["label"].cat.categories)
    target = target_of(model, classes, parameters)
    sample, split = draw_sample(cleaned_manifest, scan, predictions, target, parameters, seed=seed)
    codes = sample.rows["class_index"].to_numpy()
    attacked = sample[balanced_sample(codes, parameters.n_attacked, seed=seed)]
    inputs = PartInputs(target, parameters, classes, split, seed)
    parts = Artifacts.joined(
        [
            attack(attacked, inputs),
            filter_images(sample, inputs),
            add_waves(attacked, inputs),
            measure_spectra(sample, inputs),
            occlude(sample, inputs),
        ]
    )
    notes = [note for note in (split_note(split), *parts.notes) if note]
    return replace(parts, captions=CAPTIONS, kinds=KINDS, notes=notes)

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from analysis.contract import Artifacts
from analysis.interpret.judged_images import split_note
from analysis.interpret.robustness_deepdive.attack_part import judge_attacks
from analysis.interpret.robustness_deepdive.findings import KINDS
from analysis.interpret.robustness_deepdive.frequency_part import judge_filters, judge_spectra, judge_waves
from analysis.interpret.robustness_deepdive.occlusion_part import show_occlusion
from analysis.interpret.robustness_deepdive.parameters import RobustnessDeepdiveParameters
from analysis.interpret.robustness_deepdive.trials import Trials

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
    *,
    trial_images: pd.DataFrame,
    trial_pixels: np.ndarray,
    attack_outcomes: pd.DataFrame,
    attack_checks: pd.DataFrame,
    adversarial_examples: pd.DataFrame,
    adversarial_pictures: np.ndarray,
    filter_outcomes: pd.DataFrame,
    wave_errors: pd.DataFrame,
    spectra: np.ndarray,
    occluded_images: pd.DataFrame,
    occlusion_maps: np.ndarray,
    parameters: RobustnessDeepdiveParameters,
    seed: int,
) -> Artifacts:
    """Judge what `attack_trials` found out."""
    split = cleaned_manifest.set_index("item_id")["split"][trial_images["item_id"].iloc[0]]
    trials = Trials(
        classes=list(cleaned_manifest["label"].cat.categories),
        split=split,
        trial_images=trial_images,
        trial_pixels=trial_pixels,
        attack_outcomes=attack_outcomes,
        attack_checks=attack_checks,
        adversarial_examples=adversarial_examples,
        adversarial_pictures=adversarial_pictures,
        filter_outcomes=filter_outcomes,
        wave_errors=wave_errors,
        spectra=spectra,
        occluded_images=occluded_images,
        occlusion_maps=occlusion_maps,
    )
    parts = Artifacts.joined(
        [
            judge_attacks(trials, parameters, seed=seed),
            judge_filters(trials, parameters),
            judge_waves(trials),
            judge_spectra(trials),
            show_occlusion(trials, parameters.n_examples, seed=seed),
        ]
    )
    notes = [note for note in (split_note(split), *parts.notes) if note]
    return replace(parts, captions=CAPTIONS, kinds=KINDS, notes=notes)

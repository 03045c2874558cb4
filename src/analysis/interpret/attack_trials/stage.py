from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from analysis.contract import Artifacts
from analysis.dataset.samples import balanced_sample
from analysis.interpret.attack_trials.attack import attack
from analysis.interpret.attack_trials.frequency import fast_fraction, radial_spectrum
from analysis.interpret.attack_trials.frequency_trials import (
    filter_cutoffs,
    fourier_errors,
    right_when_filtered,
    tabulate_filters,
)
from analysis.interpret.attack_trials.occlusion import occlude
from analysis.interpret.attack_trials.parameters import AttackTrialsParameters
from analysis.interpret.attack_trials.sample import SampledImages, draw_sample, target_of

IMAGE_COLUMNS = ["item_id", "label", "class_index", "predicted_label", "is_right"]


def attack_trials(
    cleaned_manifest: pd.DataFrame,
    scan: pd.DataFrame,
    predictions: pd.DataFrame,
    model: Path,
    *,
    parameters: AttackTrialsParameters,
    seed: int,
) -> Artifacts:
    """Attack the classifier in `model`, filter its images, add waves to them and cover parts of them.

    Raises
    ------
    NothingToJudgeError
        If no image has both a picture and a label.
    InputError
        If the classifier is of other classes than the manifest.
    """
    target = target_of(model, list(cleaned_manifest["label"].cat.categories), parameters)
    sample, split = draw_sample(cleaned_manifest, scan, predictions, target, parameters, seed=seed)
    places = balanced_sample(sample.rows["class_index"].to_numpy(), parameters.n_attacked, seed=seed)
    attacked = sample[places]
    images = sample.pixels.cpu().numpy()
    cutoffs = filter_cutoffs(images.shape[-1])
    item_ids = sample.rows["item_id"].to_numpy()
    found = attack(attacked, target, parameters, seed=seed)
    is_right = right_when_filtered(target, sample.pixels, sample.labels, cutoffs)
    waves = fourier_errors(
        target,
        attacked.pixels,
        attacked.labels,
        rms=parameters.wave_rms,
        n_steps=parameters.n_wave_steps,
        seed=seed,
    )
    return Artifacts(
        summary=f"{len(sample.rows):,} {split} images filtered, {len(places):,} of them attacked",
        metrics={"n_images": len(sample.rows), "n_attacked": len(places)},
        tables={
            "trial_images": _table(sample, places, fast_fraction(images)),
            "trial_pixels": np.rint(sample.pictures * 255).astype(np.uint8),
            **found,
            "filter_outcomes": tabulate_filters(is_right, cutoffs, item_ids),
            "wave_errors": waves.assign(rms=parameters.wave_rms),
            "spectra": radial_spectrum(images),
            **occlude(sample, target, patch_fraction=parameters.patch_fraction, seed=seed),
        },
    )


def _table(sample: SampledImages, attacked: np.ndarray, fast: np.ndarray) -> pd.DataFrame:
    """One row per image of the sample; `trial_pixels` and `spectra` hold its pixels and power, row by row."""
    is_attacked = np.isin(np.arange(len(sample.rows)), attacked)
    return sample.rows[IMAGE_COLUMNS].assign(is_attacked=is_attacked, fast_fraction=fast)

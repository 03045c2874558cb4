"""How little does it take to mislead the classifier, and does it see shapes or fine texture?

Method: images of the judged split, the same number of each class, are changed until the classifier is wrong.
**Attacks** are random noise, one step up the loss (FGSM, Goodfellow et al. 2015) and many (PGD, Madry et al.
2018, from the image and from random points, up the cross-entropy and the margin by turns), within ε of the
image: L∞ bounds the change of each pixel, here in 1/255, L2 its length over all pixels in [0, 1]. ε is
measured in the picture, before normalisation. Robust accuracy is the share of images still right, with 95%
Wilson intervals; the median minimal ε is that of the smallest perturbations found of images rightly
recognised, each shrunk by bisection. A weak attack makes any classifier look robust, so that the attacks are
checked themselves (Carlini et al. 2019, Athalye et al. 2018). **Frequencies** are in cycles per image at the
classifier's input size: power spectra, accuracy on what a low-pass or a high-pass filter leaves, and the
Fourier heat map, the error rate with one wave added (Yin et al. 2019). **Occlusion** covers a patch with the
mean colour and looks how far the predicted class's probability falls (Zeiler and Fergus 2014).

How the result misleads: robust accuracy is an upper bound, as a stronger attack may break more. Almost every
network that was not trained against attacks falls to 0 at changes that nobody sees, so a low one is a fact to
know where somebody might attack, and no finding; noise that an attacker did not choose does far less. An L2
size grows with the side of the picture, so it compares only at one input size. Sharp filters leave ringing,
and filtered pictures are like nothing in training, so accuracy on them says what suffices, not what is used.
Waves are cut off at black and white, which takes half of them from a black background. An occlusion map shows
what one patch does alone: where two parts each suffice, it shows neither.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
import pandas as pd
from pydantic import AfterValidator, Field

from analysis.class_sample import balanced_sample
from analysis.explore.significance import first_against_second
from analysis.interpret.deepdive_figures import (
    plot_adversarial_examples,
    plot_filters,
    plot_fourier_map,
    plot_occlusion,
    plot_robust_accuracy,
    plot_spectra,
)
from analysis.interpret.deepdive_findings import KINDS, LEVELS, find_fine_texture, find_noise
from analysis.interpret.judged_images import sample_of_judged, split_note
from analysis.runner import run_stage
from analysis.stage import Artifacts, Figure, StageParameters, no_findings

if TYPE_CHECKING:
    from torch import Tensor

    from analysis.interpret.attack_sweep import Sweep
    from analysis.interpret.attacks import Target

UNIT = {"linf": LEVELS, "l2": 1}  # by which a size in pixels of [0, 1] is multiplied to be shown
SMALLEST_POWER = 1e-12  # far below the rounding of 8 bits: a constant picture has none at all
CHECK_COLUMNS = ["check", "norm", "passed", "found", "expected"]

CAPTIONS = {
    "attack_checks": "One row a check of the attacks themselves. Where one failed, the classifier may only "
    "look robust, and the accuracies below are not to be trusted.",
    "robust_accuracy": "One row an ε, in 1/255 for L∞ and in pixels of [0, 1] for L2: the share of images "
    "still right under random noise of that size, FGSM and PGD, with PGD's 95% interval. Row 0 is without "
    "an attack.",
    "filters": "One row a cut-off: accuracy on what is left of each image below it (low pass) and above it "
    "(high pass), with 95% intervals.",
}


def _ascending(values: tuple[float, ...]) -> tuple[float, ...]:
    if any(b <= a for a, b in zip((0.0, *values), values, strict=False)):
        raise ValueError("sizes must be above 0 and ascend")
    return values


Sizes = Annotated[tuple[float, ...], Field(min_length=1), AfterValidator(_ascending)]


class RobustnessDeepdiveParameters(StageParameters):
    """Sample, sizes and thresholds; see params.yaml."""

    n_images: int = Field(ge=1)
    n_attacked: int = Field(ge=1)
    linf_epsilons: Sizes
    l2_epsilons: Sizes
    n_steps: int = Field(ge=1)
    n_restarts: int = Field(ge=1)
    wave_rms: float = Field(gt=0, le=1)
    n_wave_steps: int = Field(ge=1)
    patch_fraction: float = Field(gt=0, le=1)
    n_examples: int = Field(ge=0, le=20)
    invisible_epsilon: float = Field(gt=0)
    max_noise_errors: float = Field(ge=0, le=1)
    significance_level: float = Field(gt=0, lt=1)
    batch_images: int = Field(ge=1)
    device: Literal["auto", "cpu", "cuda", "mps"]


@dataclass(frozen=True)
class Sample:
    """Images under test, row by row.

    Attributes
    ----------
    rows
        As `readable_images` gives them, with `is_right` and `predicted_label` as `evaluate` found them.
    pixels, labels
        (N, 3, H, H) in [0, 1] and class indices (N,), on the classifier's device.
    """

    rows: pd.DataFrame
    pixels: Tensor
    labels: Tensor

    def __getitem__(self, places: np.ndarray) -> Sample:
        import torch

        chosen = torch.from_numpy(places).to(self.labels.device)
        return Sample(self.rows.iloc[places].reset_index(drop=True), self.pixels[chosen], self.labels[chosen])

    @property
    def is_right(self) -> np.ndarray:
        return self.rows["is_right"].to_numpy()

    @property
    def pictures(self) -> np.ndarray:
        """(N, H, H, 3) in [0, 1]"""
        return as_pictures(self.pixels)


@dataclass(frozen=True)
class Setting:
    """What every part of the stage needs to know."""

    target: Target
    parameters: RobustnessDeepdiveParameters
    classes: list[str]
    split: str
    seed: int


def as_pictures(pixels: Tensor) -> np.ndarray:
    """(N, 3, H, W) -> (N, H, W, 3)"""
    return pixels.permute(0, 2, 3, 1).cpu().numpy()


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
    target = _target(model, classes, parameters)
    sample, split = _draw_sample(cleaned_manifest, scan, predictions, target, parameters, seed=seed)
    codes = sample.rows["class_index"].to_numpy()
    attacked = sample[balanced_sample(codes, parameters.n_attacked, seed=seed)]
    setting = Setting(target, parameters, classes, split, seed)
    parts = [
        _attack(attacked, setting),
        _filter(sample, setting),
        _add_waves(attacked, setting),
        _measure_spectra(sample, setting),
        _occlude(sample, setting),
    ]
    return Artifacts(
        summary=parts[0].summary,
        metrics={name: value for part in parts for name, value in part.metrics.items()},
        tables={name: table for part in parts for name, table in part.tables.items()},
        captions=CAPTIONS,
        figures=[figure for part in parts for figure in part.figures],
        findings=pd.concat([no_findings(), *(p.findings for p in parts if p.findings is not None)]),
        kinds=KINDS,
        notes=[
            note for note in (split_note(split), *(note for part in parts for note in part.notes)) if note
        ],
    )


def _target(model: Path, classes: list[str], parameters: RobustnessDeepdiveParameters) -> Target:
    from analysis.interpret.attacks import Target
    from models.devices import prepare_device
    from models.networks import load_classifier

    classifier = load_classifier(model, classes).to(prepare_device(parameters.device))
    return Target(classifier.requires_grad_(False), parameters.batch_images)


def _draw_sample(
    manifest: pd.DataFrame,
    scan: pd.DataFrame,
    predictions: pd.DataFrame,
    target: Target,
    parameters: RobustnessDeepdiveParameters,
    *,
    seed: int,
) -> tuple[Sample, str]:
    """Images of the judged split with what `evaluate` says of them, and the split's name."""
    import torch

    from models.image_data import decode, readable_images
    from models.networks import in_unit_range

    rows, split = sample_of_judged(readable_images(manifest, scan), parameters.n_images, seed=seed)
    found = predictions[["image_id", "predicted_label", "is_correct"]]
    rows = rows.merge(found, on="image_id", how="left", validate="1:1")
    rows = rows.assign(is_right=rows["is_correct"].astype(bool))
    classifier = target.classifier
    pixels = decode(rows, input_px=classifier.input_px, interpolation=classifier.interpolation)
    device = classifier.mean.device
    labels = torch.from_numpy(rows["class_index"].to_numpy()).to(device)
    return Sample(rows, in_unit_range(pixels).to(device), labels), split


# ---- attacks ---------------------------------------------------------------------------------------------
def _attack(attacked: Sample, setting: Setting) -> Artifacts:
    from analysis.interpret.attack_checks import check_attacks
    from analysis.interpret.attack_sweep import accuracy_table, median_smallest, sweep

    parameters = setting.parameters
    if len(setting.classes) < 2:
        return Artifacts(
            summary="one class, nothing to mistake it for",
            tables={
                "attack_checks": pd.DataFrame(columns=CHECK_COLUMNS),
                "robust_accuracy": pd.DataFrame(columns=["norm", "epsilon", "n_images"]),
            },
            notes=["There is one class only, so that no attack can mislead the classifier."],
        )
    epsilons = {"linf": np.divide(parameters.linf_epsilons, LEVELS), "l2": np.array(parameters.l2_epsilons)}
    budget = {"n_steps": parameters.n_steps, "n_restarts": parameters.n_restarts, "seed": setting.seed}
    sweeps = [
        sweep(setting.target, attacked.pixels, attacked.labels, norm=norm, epsilons=sizes, **budget)
        for norm, sizes in epsilons.items()
    ]
    checks = check_attacks(
        setting.target,
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
            plot_robust_accuracy(accuracy, medians, split=setting.split),
            *_example_figures(attacked, sweeps[0], setting),
        ],
        findings=find_noise(
            attacked.rows["image_id"].to_numpy(),
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


def _attack_notes(attacked: Sample, failed: pd.DataFrame) -> list[str]:
    notes = [
        f"A check of the attacks failed, so robust accuracy may be overstated: {row.check} ({row.norm}): "
        f"{row.found}."
        for row in failed.itertuples()
    ]
    if not attacked.is_right.any():
        notes.append("No attacked image is rightly recognised, so that there is nothing to mislead.")
    return notes


def _example_figures(attacked: Sample, result: Sweep, setting: Setting) -> list[Figure]:
    """Images misled by PGD, the same number of each class; none if it misled none."""
    codes = attacked.rows["class_index"].to_numpy()
    misled = np.flatnonzero(result.is_right & np.isfinite(result.smallest))
    shown = misled[balanced_sample(codes[misled], setting.parameters.n_examples, seed=setting.seed)]
    if len(shown) == 0:
        return []
    before, after = (
        setting.target.logits(pixels[shown]).softmax(dim=1).cpu().numpy()
        for pixels in (attacked.pixels, result.search.perturbed)
    )
    names = np.array(setting.classes, dtype=object)
    table = pd.DataFrame(
        {
            "image_id": attacked.rows["image_id"].to_numpy()[shown],
            "label": names[codes[shown]],
            "probability": before[np.arange(len(shown)), codes[shown]],
            "misled_to": names[after.argmax(axis=1)],
            "misled_probability": after.max(axis=1),
            "epsilon": result.smallest[shown] * UNIT["linf"],
        }
    )
    changed = as_pictures(result.search.perturbed[shown])
    return [plot_adversarial_examples(attacked[shown].pictures, changed, table, split=setting.split)]


# ---- frequencies -----------------------------------------------------------------------------------------
def _filter(sample: Sample, setting: Setting) -> Artifacts:
    from analysis.interpret.frequency_trials import filter_cutoffs, filter_table, right_when_filtered

    px = sample.pixels.shape[-1]
    cutoffs = filter_cutoffs(px)
    is_right = right_when_filtered(setting.target, sample.pixels, sample.labels, cutoffs)
    table = filter_table(is_right, cutoffs)
    half = int(np.flatnonzero(cutoffs <= px / 4)[-1])
    coarse, fine = is_right["low_pass"][half], is_right["high_pass"][half]
    return Artifacts(
        metrics={"low_pass_accuracy": float(coarse.mean()), "high_pass_accuracy": float(fine.mean())},
        tables={"filters": table.round(4)},
        figures=[plot_filters(table, float(sample.is_right.mean()), split=setting.split)],
        findings=find_fine_texture(
            sample.rows["image_id"].to_numpy(),
            coarse & sample.is_right,
            fine & sample.is_right,
            cutoff=cutoffs[half],
            significance_level=setting.parameters.significance_level,
        ),
    )


def _add_waves(attacked: Sample, setting: Setting) -> Artifacts:
    from analysis.interpret.frequency_trials import fourier_errors

    parameters = setting.parameters
    waves = fourier_errors(
        setting.target,
        attacked.pixels,
        attacked.labels,
        rms=parameters.wave_rms,
        n_steps=parameters.n_wave_steps,
        seed=setting.seed,
    )
    error = 1 - float(attacked.is_right.mean())
    return Artifacts(
        metrics={"wave_error_rate": float(waves["error_rate"].mean())},
        figures=[plot_fourier_map(waves, error, rms=parameters.wave_rms, split=setting.split)],
    )


def _measure_spectra(sample: Sample, setting: Setting) -> Artifacts:
    from analysis.interpret.frequency import fast_fraction, radial_spectrum

    images = sample.pixels.cpu().numpy()
    power, fast = radial_spectrum(images), fast_fraction(images)
    codes = sample.rows["class_index"].to_numpy()
    groups = {label: codes == code for code, label in enumerate(setting.classes)}
    outcomes = {"right": sample.is_right, "wrong": ~sample.is_right}
    mistakes = first_against_second(fast, ~sample.is_right, np.zeros(len(fast), dtype=int), 1).iloc[0]
    counts = pd.Series({name: mask.sum() for name, mask in (groups | outcomes).items()})
    figure = plot_spectra(
        _mean_spectra(power, groups), _mean_spectra(power, outcomes), counts, split=setting.split
    )
    return Artifacts(
        metrics={
            "high_frequency_fraction": float(np.median(fast)),
            "mistakes_high_frequency_cliffs_delta": float(mistakes["cliffs_delta"]),
            "mistakes_high_frequency_p_value": float(mistakes["p_value"]),
        },
        figures=[figure],
    )


def _mean_spectra(power: np.ndarray, groups: dict[str, np.ndarray]) -> pd.DataFrame:
    """Geometric mean of each group's spectra (N, K): rows are frequencies, columns the groups with images."""
    logs = np.log(power + SMALLEST_POWER)
    means = {name: np.exp(logs[mask].mean(axis=0)) for name, mask in groups.items() if mask.any()}
    return pd.DataFrame(means, index=pd.RangeIndex(1, power.shape[1] + 1))


# ---- occlusion -------------------------------------------------------------------------------------------
def _occlude(sample: Sample, setting: Setting) -> Artifacts:
    """Maps of some right and some wrong predictions, the same number of each class."""
    from analysis.interpret.occlusion import occlusion_maps

    codes = sample.rows["class_index"].to_numpy()
    n = setting.parameters.n_examples
    places = [np.flatnonzero(mask) for mask in (sample.is_right, ~sample.is_right)]
    shown = np.concatenate([rows[balanced_sample(codes[rows], n, seed=setting.seed)] for rows in places])
    if len(shown) == 0:
        return Artifacts()
    chosen = sample[shown]
    patch_px = max(1, round(setting.parameters.patch_fraction * chosen.pixels.shape[-1]))
    maps, probabilities = occlusion_maps(setting.target, chosen.pixels, patch_px=patch_px)
    table = pd.DataFrame(
        {
            "image_id": chosen.rows["image_id"],
            "label": chosen.rows["label"].astype(str),
            "predicted_label": chosen.rows["predicted_label"].astype(str),
            "probability": probabilities.cpu().numpy(),
            "largest_drop": maps.amax(dim=(1, 2)).cpu().numpy(),
        }
    )
    figure = plot_occlusion(
        chosen.pictures, maps.cpu().numpy(), table, patch_px=patch_px, split=setting.split
    )
    return Artifacts(figures=[figure])


if __name__ == "__main__":
    run_stage(robustness_deepdive)

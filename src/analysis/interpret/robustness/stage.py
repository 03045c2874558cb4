from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import torch

from analysis.contract import Artifacts
from analysis.dataset.readable import left_out_note, readable_images
from analysis.interpret.judged_images import sample_of_judged, split_note
from analysis.interpret.robustness.corruptions import CORRUPTIONS, SEVERITIES, corrupt
from analysis.interpret.robustness.figures import (
    plot_accuracy_by_severity,
    plot_class_fragility,
    plot_conditions,
    plot_drop_against_similarity,
    plot_examples,
)
from analysis.interpret.robustness.findings import KINDS, find_fragile_classes, find_mild_corruptions, worst
from analysis.interpret.robustness.parameters import RobustnessParameters
from analysis.interpret.robustness.scores import (
    Outcomes,
    class_drops,
    excess_drops,
    score_classes,
    score_conditions,
    score_corruptions,
)
from analysis.pipeline.progress import progress
from analysis.statistics.image_similarity import psnr_db, ssim
from analysis.statistics.paired import mean_interval
from models.data.decoding import decode
from models.inference import logits_of
from models.networks.checkpoint import classifier_on
from models.networks.classifier import ImageClassifier, count_flops

AUTO_FLOP = 2e12  # of all forward passes: some ten seconds of two cores
AUTO_IMAGES = (100, 2000)  # fewer say too little, more hardly anything new
N_PREDICTIONS = 1 + len(CORRUPTIONS) * len(SEVERITIES)  # of an image
CAPTIONS = {
    "corruptions": "One row per corruption, means over its five severities on the same images. "
    "corruption_error is the share of wrong predictions, with its 95% interval; flip_rate that of images "
    "whose predicted class changes. mild_drop is the accuracy lost at severity 1, with its 95% interval. "
    "half_at_severity is the first severity at which less than half the clean accuracy is left.",
    "conditions": "One row per corruption and severity. amount is in the unit of the corruption (see the "
    "table of the first figure); psnr_db and ssim say how far the images are from the clean ones, higher is "
    "nearer; accuracy has a 95% interval.",
    "class_fragility": "One row per class, the most fragile first. drop is the accuracy lost on average over "
    "all corruptions and severities, with its 95% interval; more_than_rest by how much that exceeds the "
    "other images' drop; p_value_holm that it does by chance alone, corrected for the number of classes. "
    "mistakes_fraction is the share of all wrong predictions under corruption that name this class: a large "
    "one means that whatever cannot be read is taken for it, which makes it look robust.",
}


def robustness(
    cleaned_manifest: pd.DataFrame,
    scan: pd.DataFrame,
    model: Path,
    *,
    parameters: RobustnessParameters,
    seed: int,
) -> Artifacts:
    """Predict a sample of the judged images, corrupted in every way at every severity.

    Raises
    ------
    InputError
        If no image has both a picture and a label, or the classifier is of other classes than the manifest.
    """
    classes = list(cleaned_manifest["label"].cat.categories)
    classifier = classifier_on(model, classes, parameters.device)
    n = n_affordable(classifier) if parameters.max_images == "auto" else parameters.max_images
    images, split = sample_of_judged(readable_images(cleaned_manifest, scan), n, seed=seed)
    pixels, outcomes = _decode_and_observe(classifier, images, parameters, seed)
    conditions = score_conditions(outcomes, side_px=classifier.input_px)
    corruptions = score_corruptions(outcomes, margin=parameters.max_mild_drop)
    fragility = score_classes(outcomes, classes).sort_values("drop", ascending=False, kind="stable")
    drops = class_drops(outcomes, classes)
    clean_accuracy = outcomes.is_right_clean.mean()
    metrics = _metrics(outcomes, corruptions)
    return Artifacts(
        summary=f"{clean_accuracy:.1%} of {len(images):,} {split} images right, "
        f"{1 - metrics['mean_corruption_error']:.1%} under corruption, worst under {worst(corruptions)}",
        metrics=metrics,
        tables={
            "corruptions": corruptions.drop(columns="p_value_holm").round(4),
            "conditions": conditions.round({"amount": 3, "psnr_db": 1}).round(4),
            "class_fragility": fragility.round(4),
        },
        captions=CAPTIONS,
        figures=[
            plot_examples(pixels, outcomes, images, classes, seed=seed),
            plot_accuracy_by_severity(conditions, outcomes, n_classes=len(classes)),
            plot_conditions(conditions, clean_accuracy, n=len(images)),
            plot_drop_against_similarity(excess_drops(conditions, clean_accuracy), n=len(images)),
            plot_class_fragility(drops, fragility, corruptions),
        ],
        findings=pd.concat(
            [
                find_mild_corruptions(corruptions, outcomes, classes, parameters),
                find_fragile_classes(fragility, drops, parameters),
            ]
        ),
        kinds=KINDS,
        notes=[note for note in (left_out_note(cleaned_manifest, scan), split_note(split)) if note],
    )


def n_affordable(classifier: ImageClassifier) -> int:
    """So many images as `AUTO_FLOP` pay for, within `AUTO_IMAGES`."""
    return int(np.clip(AUTO_FLOP / (N_PREDICTIONS * count_flops(classifier)), *AUTO_IMAGES))


def _decode_and_observe(
    classifier: ImageClassifier, images: pd.DataFrame, parameters: RobustnessParameters, seed: int
) -> tuple[np.ndarray, Outcomes]:
    size = {"input_px": classifier.input_px, "interpolation": classifier.interpolation}
    pixels = decode(images, **size).permute(0, 2, 3, 1).numpy()  # (n, 3, H, W) -> (n, H, W, 3)
    outcomes = observe(classifier, pixels, images, batch_images=parameters.batch_images, seed=seed)
    return pixels, outcomes


def observe(
    classifier: ImageClassifier,
    pixels: np.ndarray,
    images: pd.DataFrame,
    *,
    batch_images: int,
    seed: int,
) -> Outcomes:
    """Corrupt uint8 `pixels` (n, H, W, 3) of `images` (`item_id`, `class_index`) and predict them."""
    shape = (len(CORRUPTIONS), len(SEVERITIES), len(pixels))
    corrupted, psnr, similarity = np.empty(shape, dtype=np.int64), np.empty(shape), np.empty(shape)
    with progress(description="robustness", unit="conditions", total=corrupted[..., 0].size) as bar:
        for place in np.ndindex(shape[:2]):
            corruption, severity = CORRUPTIONS[place[0]], SEVERITIES[place[1]]
            changed = np.stack(
                [
                    corrupt(image, corruption, severity, seed=seed, item_id=item_id)
                    for image, item_id in zip(pixels, images["item_id"], strict=True)
                ]
            )
            corrupted[place] = predicted_classes(classifier, changed, batch_images)
            psnr[place], similarity[place] = psnr_db(pixels, changed), ssim(pixels, changed)
            bar.update()
    clean = predicted_classes(classifier, pixels, batch_images)
    return Outcomes(images["class_index"].to_numpy(), clean, corrupted, psnr, similarity)


def predicted_classes(classifier: ImageClassifier, pixels: np.ndarray, batch_images: int) -> np.ndarray:
    """int64 (n,): class index for each of the uint8 images (n, H, W, 3)."""
    images = torch.from_numpy(pixels).permute(0, 3, 1, 2)  # (n, H, W, 3) -> (n, 3, H, W)
    logits = logits_of(classifier, images, batch_images=batch_images, device=classifier.mean.device)
    return logits.argmax(dim=1).cpu().numpy()


def _metrics(outcomes: Outcomes, corruptions: pd.DataFrame) -> dict[str, float]:
    drop, drop_low, drop_high = mean_interval(outcomes.drops.mean(axis=0))
    clean_accuracy = outcomes.is_right_clean.mean()
    chance = 1 / len(np.unique(outcomes.actual))  # of a sample with as many images of each class
    skill = clean_accuracy - chance
    at_severity = outcomes.is_right.mean(axis=(0, 2))
    named = zip(CORRUPTIONS, corruptions["corruption_error"], strict=True)
    return {
        "n_images": len(outcomes.actual),
        "clean_accuracy": clean_accuracy,
        "mean_corruption_error": 1 - outcomes.is_right.mean(),
        "relative_mean_corruption_error": drop,
        "relative_mean_corruption_error_low": drop_low,
        "relative_mean_corruption_error_high": drop_high,
        "skill_lost_fraction": drop / skill if skill > 0 else np.nan,
        "mean_flip_rate": outcomes.has_flipped.mean(),
        **{f"accuracy_at_severity_{s}": value for s, value in zip(SEVERITIES, at_severity, strict=True)},
        "n_corruptions_that_halve_accuracy": int(corruptions["half_at_severity"].notna().sum()),
        **{f"corruption_error_{corruption.name}": error for corruption, error in named},
    }

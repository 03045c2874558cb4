from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import torch

from analysis.contract import Artifacts
from analysis.dataset.readable import readable_images
from analysis.interpret.corruption_outcomes import Outcomes, tabulate_outcomes, typical_image
from analysis.interpret.corruption_trials.parameters import CorruptionTrialsParameters
from analysis.interpret.corruptions import CORRUPTIONS, SEVERITIES, corrupt
from analysis.interpret.judged_images import sample_of_judged
from analysis.progress import progress
from analysis.statistics.image_similarity import psnr_db, ssim
from models.data.decoding import decode
from models.inference import logits_of
from models.networks.checkpoint import classifier_on
from models.networks.classifier import ImageClassifier, count_flops

AUTO_FLOP = 2e12  # of all forward passes: some ten seconds of two cores
AUTO_IMAGES = (100, 2000)  # fewer say too little, more hardly anything new
N_PREDICTIONS = 1 + len(CORRUPTIONS) * len(SEVERITIES)  # of an image
CAPTION = (
    "One row per image without corruption (severity 0), then one per corruption, severity and image: what it "
    "is taken for, and how far it is from the clean image, by PSNR and SSIM; higher is nearer."
)


def corruption_trials(
    cleaned_manifest: pd.DataFrame,
    scan: pd.DataFrame,
    model: Path,
    *,
    parameters: CorruptionTrialsParameters,
    seed: int,
) -> Artifacts:
    """Predict a sample of the judged images, corrupted in every way at every severity.

    Raises
    ------
    NothingToJudgeError
        If no image has both a picture and a label.
    InputError
        If the classifier is of other classes than the manifest.
    """
    classes = list(cleaned_manifest["label"].cat.categories)
    classifier = classifier_on(model, classes, parameters.device)
    n = n_affordable(classifier) if parameters.max_images == "auto" else parameters.max_images
    images, split = sample_of_judged(readable_images(cleaned_manifest, scan), n, seed=seed)
    size = {"input_px": classifier.input_px, "interpolation": classifier.interpolation}
    pixels = decode(images, **size).permute(0, 2, 3, 1).numpy()  # (n, 3, H, W) -> (n, H, W, 3)
    outcomes = observe(classifier, pixels, images, batch_images=parameters.batch_images, seed=seed)
    place = typical_image(outcomes)
    return Artifacts(
        summary=f"{len(images):,} {split} images predicted {N_PREDICTIONS} times each",
        metrics={"n_images": len(images), "n_predictions": len(images) * N_PREDICTIONS},
        tables={
            "corruption_outcomes": tabulate_outcomes(outcomes, images["item_id"].to_numpy(), classes),
            "corrupted_example": all_corrupted(pixels[place], seed=seed, item_id=images["item_id"][place]),
        },
        captions={"corruption_outcomes": CAPTION},
    )


def n_affordable(classifier: ImageClassifier) -> int:
    """So many images as `AUTO_FLOP` pay for, within `AUTO_IMAGES`."""
    return int(np.clip(AUTO_FLOP / (N_PREDICTIONS * count_flops(classifier)), *AUTO_IMAGES))


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
    with progress(description="corruption_trials", unit="conditions", total=corrupted[..., 0].size) as bar:
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


def all_corrupted(image: np.ndarray, *, seed: int, item_id: int) -> np.ndarray:
    """uint8 (K, 1 + S, H, W, 3): the image (H, W, 3) in every way at every severity, 0 the clean one."""
    draws = {"seed": seed, "item_id": item_id}
    return np.stack([[corrupt(image, c, s, **draws) for s in (0, *SEVERITIES)] for c in CORRUPTIONS])

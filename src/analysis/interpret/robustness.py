"""Under which conditions does the classifier break, and for which classes first?

Method: a sample of the judged images, the same number of each class, is brought to the network's input size,
corrupted in fourteen ways at five severities (Hendrycks and Dietterich 2019; see `corruptions` for where we
depart from them), and predicted. All is paired: the same images throughout, with the same draws. Input size
because there their severities are defined, and every network sees the same kind of pixels: what happens to a
larger original before it is resized, and may vanish by that, is not looked at.

Their mean corruption error divides by the errors that AlexNet makes on the same images, which do not exist
for another dataset. Here the mean corruption error is the plain mean of the error over corruptions and
severities, the relative one that above the clean error, and skill lost the latter over all there was to lose:
accuracy above guessing. Errors of a trivial classifier as divisor were left aside: what hardly works on clean
images loses next to nothing, and a quotient by that says nothing.

Accuracies have Wilson's (1927) intervals; what severity 1 costs is a difference of paired proportions with
Tango's (1998) interval and test, corrected for the corruptions by Holm (1979); means over conditions have
Student's intervals over the images. Classes are compared with the other images by Mann and Whitney's test of
what each image loses, corrected for the classes.

How the result misleads: severities are no measure of harm, so corruptions compare at one severity only as far
as PSNR and SSIM agree, and these know nothing of meaning: a shift changes nearly every pixel and leaves the
picture what it is. A class that is hardly recognised clean has little to lose and looks robust, and so does
one for which everything is taken that cannot be read. Intervals hold for new images of the same source;
conditions in use are neither these nor alone. Nothing was tuned on what is seen here, and nothing should be:
trained on a corruption, a network passes that one and few others.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
import pandas as pd
from pydantic import Field
from tqdm import tqdm

from analysis.interpret.corruptions import CORRUPTIONS, SEVERITIES, corrupt
from analysis.interpret.image_similarity import psnr_db, ssim
from analysis.interpret.judged_images import sample_of_judged, split_note
from analysis.interpret.robustness_figures import (
    plot_accuracy_by_severity,
    plot_class_fragility,
    plot_conditions,
    plot_drop_against_similarity,
    plot_examples,
)
from analysis.interpret.robustness_scores import (
    Outcomes,
    class_drops,
    excess_drops,
    mean_interval,
    score_classes,
    score_conditions,
    score_corruptions,
)
from analysis.runner import run_stage
from analysis.stage import Artifacts, FindingKind, StageParameters, findings_of

if TYPE_CHECKING:
    import torch

    from models.networks import ImageClassifier

AUTO_FLOP = 2e12  # of all forward passes: some ten seconds of two cores
AUTO_IMAGES = (100, 2000)  # fewer say too little, more hardly anything new
N_PREDICTIONS = 1 + len(CORRUPTIONS) * len(SEVERITIES)  # of an image

MILD_CORRUPTION = FindingKind(
    name="fragile_to_mild_corruption",
    title="Classes lost to a corruption that is hardly seen",
    severity="medium",
    why="A change that leaves the picture what it is for any person costs the classifier surely more than "
    "the margin. Whatever makes such pictures in use (another camera, compression, framing) makes it wrong "
    "as often.",
    action="See in the figure of examples whether such pictures occur in use. If so, add the change to the "
    "augmentation in training, or collect images that have it, and look here again at the other corruptions.",
)
FRAGILE_CLASS = FindingKind(
    name="class_fragile_to_corruption",
    title="Classes that corruption costs far more than the rest",
    severity="medium",
    why="The average hides them: in poor conditions whoever meets these classes meets a much worse "
    "classifier.",
    action="See in the figure of classes which corruptions cost them most, and in evaluate what they are "
    "taken for. Collect images of these classes in such conditions, or augment for them.",
)
KINDS = (MILD_CORRUPTION, FRAGILE_CLASS)
CAPTIONS = {
    "corruptions": "One row a corruption, means over its five severities on the same images. "
    "corruption_error is the share of wrong predictions, with its 95% interval; flip_rate that of images "
    "whose predicted class changes. mild_drop is the accuracy lost at severity 1, with its 95% interval. "
    "half_at_severity is the first severity at which less than half the clean accuracy is left.",
    "conditions": "One row a corruption and severity. amount is in the unit of the corruption (see the table "
    "of the first figure); psnr_db and ssim say how far the images are from the clean ones, higher is "
    "nearer; accuracy has a 95% interval.",
    "class_fragility": "One row a class, the most fragile first. drop is the accuracy lost on average over "
    "all corruptions and severities, with its 95% interval; more_than_rest by how much that exceeds the "
    "other images' drop; p_value_holm that it does by chance alone, corrected for the number of classes. "
    "mistakes_fraction is the share of all wrong predictions under corruption that name this class: a large "
    "one means that whatever cannot be read is taken for it, which makes it look robust.",
}


class RobustnessParameters(StageParameters):
    """Size of the sample and what is flagged; see params.yaml."""

    max_images: Literal["auto"] | Annotated[int, Field(ge=1)]
    max_mild_drop: float = Field(ge=0, lt=1)
    class_margin: float = Field(ge=0, le=1)
    significance_level: float = Field(gt=0, lt=1)
    batch_images: int = Field(ge=1)
    device: Literal["auto", "cpu", "cuda", "mps"]


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
    from models.image_data import left_out_note, readable_images
    from models.networks import load_classifier

    classes = list(cleaned_manifest["label"].cat.categories)
    classifier = load_classifier(model, classes)
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
        f"{1 - metrics['mean_corruption_error']:.1%} under corruption, worst under {_worst(corruptions)}",
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
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        classifier(torch.zeros(1, 3, classifier.input_px, classifier.input_px))
    return int(np.clip(AUTO_FLOP / (N_PREDICTIONS * counter.get_total_flops()), *AUTO_IMAGES))


def _decode_and_observe(
    classifier: ImageClassifier, images: pd.DataFrame, parameters: RobustnessParameters, seed: int
) -> tuple[np.ndarray, Outcomes]:
    from models.devices import prepare_device
    from models.image_data import decode

    size = {"input_px": classifier.input_px, "interpolation": classifier.interpolation}
    pixels = decode(images, **size).permute(0, 2, 3, 1).numpy()  # (n, 3, H, W) -> (n, H, W, 3)
    device = prepare_device(parameters.device)
    outcomes = observe(
        classifier, pixels, images, batch_images=parameters.batch_images, device=device, seed=seed
    )
    return pixels, outcomes


def observe(
    classifier: ImageClassifier,
    pixels: np.ndarray,
    images: pd.DataFrame,
    *,
    batch_images: int,
    device: torch.device,
    seed: int,
) -> Outcomes:
    """Corrupt uint8 `pixels` (n, H, W, 3) of `images` (`image_id`, `class_index`) and predict them."""
    classifier.eval().to(device)
    shape = (len(CORRUPTIONS), len(SEVERITIES), len(pixels))
    corrupted, psnr, similarity = np.empty(shape, dtype=np.int64), np.empty(shape), np.empty(shape)
    with tqdm(total=corrupted[..., 0].size, desc="robustness", unit="condition", leave=False) as progress:
        for place in np.ndindex(shape[:2]):
            corruption, severity = CORRUPTIONS[place[0]], SEVERITIES[place[1]]
            changed = np.stack(
                [
                    corrupt(image, corruption, severity, seed=seed, image_id=image_id)
                    for image, image_id in zip(pixels, images["image_id"], strict=True)
                ]
            )
            corrupted[place] = predicted_classes(classifier, changed, batch_images, device)
            psnr[place], similarity[place] = psnr_db(pixels, changed), ssim(pixels, changed)
            progress.update()
    clean = predicted_classes(classifier, pixels, batch_images, device)
    return Outcomes(images["class_index"].to_numpy(), clean, corrupted, psnr, similarity)


def predicted_classes(
    classifier: ImageClassifier, pixels: np.ndarray, batch_images: int, device: torch.device
) -> np.ndarray:
    """int64 (n,): class index for each of the uint8 images (n, H, W, 3)."""
    import torch

    from models.networks import in_unit_range

    with torch.inference_mode():
        parts = [
            classifier(in_unit_range(batch.permute(0, 3, 1, 2).to(device))).argmax(dim=1).cpu().numpy()
            for batch in torch.from_numpy(pixels).split(batch_images)
        ]
    return np.concatenate(parts)


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


def find_mild_corruptions(
    corruptions: pd.DataFrame, outcomes: Outcomes, classes: list[str], parameters: RobustnessParameters
) -> pd.DataFrame:
    """The classes that lose more than the margin where severity 1 surely costs all images more than it."""
    lost = pd.DataFrame((outcomes.is_right_clean.astype(float) - outcomes.is_right[:, 0]).T)
    by_class = lost.groupby(outcomes.actual).mean()
    parts = []
    for place, row in enumerate(corruptions.itertuples()):
        if row.p_value_holm >= parameters.significance_level:
            continue
        drops = by_class[place]
        drops = drops[drops > parameters.max_mild_drop]
        detail = [
            f"{row.corruption} at severity 1 costs {drop:.0%} of this class's images; {row.mild_drop:.0%} of "
            f"all, at least {row.mild_low:.0%} with 95% confidence"
            for drop in drops
        ]
        parts.append(
            pd.DataFrame({"label": [classes[i] for i in drops.index], "drop": drops, "detail": detail})
        )
    if not parts:
        return findings_of(MILD_CORRUPTION, label=[])
    worst_first = pd.concat(parts).sort_values("drop", ascending=False, kind="stable")
    joined = worst_first.groupby("label", sort=False).agg({"drop": "max", "detail": "; ".join})
    return findings_of(MILD_CORRUPTION, label=joined.index, score=joined["drop"], detail=joined["detail"])


def _worst(corruptions: pd.DataFrame) -> str:
    row = corruptions.loc[corruptions["corruption_error"].idxmax()]
    return f"{row['corruption']} ({1 - row['corruption_error']:.0%})"


def find_fragile_classes(
    fragility: pd.DataFrame, drops: pd.DataFrame, parameters: RobustnessParameters
) -> pd.DataFrame:
    """Classes whose images surely lose more than the others, by the margin on average."""
    is_sure = fragility["p_value_holm"] < parameters.significance_level
    rows = fragility[is_sure & (fragility["more_than_rest"] > parameters.class_margin)]
    detail = [
        f"loses {row.drop:.0%} under corruption on average (95% interval {row.drop_low:.0%} to "
        f"{row.drop_high:.0%}, {row.n_images:,} images), {100 * row.more_than_rest:.0f} points more than the "
        f"rest; most to {drops.loc[row.label].idxmax()}, {drops.loc[row.label].max():.0%}"
        for row in rows.itertuples()
    ]
    return findings_of(FRAGILE_CLASS, label=rows["label"], score=rows["drop"], detail=detail)


if __name__ == "__main__":
    run_stage(robustness)

"""What does a ResNet18 reach on this dataset without any tricks?

Method: torchvision's ResNet18 (He et al. 2016) on whole images squeezed to a square, shifted at random and,
if the parameters say so, mirrored; AdamW with one cycle of the learning rate (Smith and Topin 2018). The
epoch with the best macro-F1 on validation is kept; training stops when that has not improved for a while.

How the result misleads: it is a floor, not a verdict. A low score may be the dataset's fault or the recipe's,
with its few epochs, small images and random weights. The validation score is a little too good, because
validation chose the epoch; `evaluate` judges on test. Another machine or device rounds sums in another order,
which training makes into a slightly different network.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
import pandas as pd
from pydantic import Field

from analysis.runner import run_stage
from analysis.stage import Artifacts, InputError, StageParameters
from models.input_size import suited_input_px
from models.training_figures import plot_training_curves

if TYPE_CHECKING:
    from torch import Tensor

    from models.image_data import Augment, Batches
    from models.networks import ImageClassifier
    from models.pretrained import Start
    from models.training import TrainingRun

GIGABYTE = 10**9
TINY_PX = 16  # up to this input, the stem for photographs would leave the first block fewer than 5×5 pixels


class BaselineResnetParameters(StageParameters):
    weights: Annotated[str, Field(min_length=1)]
    input_px: Literal["auto"] | Annotated[int, Field(ge=8, le=1024)]
    interpolation: Literal["auto", "nearest", "bilinear", "area", "bicubic", "lanczos"]
    keep_resolution: Literal["auto"] | bool
    max_training_images: Annotated[int, Field(ge=2)] | None
    epochs: Annotated[int, Field(ge=1)]
    patience: Annotated[int, Field(ge=1)]
    batch_images: Annotated[int, Field(ge=2)]
    learning_rate: Annotated[float, Field(gt=0)]
    weight_decay: Annotated[float, Field(ge=0)]
    shift_fraction: Annotated[float, Field(ge=0, le=0.5)]
    horizontal_flip: bool
    device: Literal["auto", "cpu", "cuda", "mps"]
    precision: Literal["32-true", "16-mixed", "bf16-mixed"]
    cache_gigabytes: Annotated[float, Field(ge=0)]


def baseline_resnet(
    cleaned_manifest: pd.DataFrame,
    scan: pd.DataFrame,
    normalisation: pd.DataFrame,
    methods: pd.DataFrame,
    *,
    parameters: BaselineResnetParameters,
    seed: int,
    model: Path,
    dvclive: Path,
) -> Artifacts:
    """Train on the readable, labelled images of the training split; write the classifier to `model`.

    Raises
    ------
    InputError
        If fewer than two classes have images to train on, or weights, device or learning rate do not serve.
    """
    from models.devices import prepare_device
    from models.networks import ImageClassifier, save_classifier, seeded_weights
    from models.pretrained import find_start, load_backbone
    from models.training import train

    device = prepare_device(parameters.device)
    input_px, keep_resolution = _input_of(scan, parameters)
    start = find_start(weights_for(parameters.weights, keep_resolution=keep_resolution))
    images = _images_by_split(cleaned_manifest, scan, parameters.max_training_images, seed)
    with seeded_weights(seed):
        classifier = ImageClassifier(
            architecture="resnet18",
            classes=list(cleaned_manifest["label"].cat.categories),
            input_px=input_px,
            interpolation=_interpolation_of(methods, parameters),
            keep_resolution=keep_resolution,
            **_normalisation(normalisation, start),
        )
    load_backbone(classifier, start)
    training, validation = _batches(images, classifier, parameters, seed)
    run = train(
        classifier,
        training,
        validation,
        epochs=parameters.epochs,
        patience=parameters.patience,
        learning_rate=parameters.learning_rate,
        weight_decay=parameters.weight_decay,
        device=device,
        precision=parameters.precision,
        dvclive=dvclive,
        checkpoints=model.parent / "checkpoints",
    )
    save_classifier(classifier, model)
    return Artifacts(
        summary=_summary(start, run, images),
        metrics=_metrics(
            classifier, run, images, n_left_out=len(cleaned_manifest) - len(_labelled(cleaned_manifest, scan))
        ),
        figures=[plot_training_curves(run, images)],
        notes=_notes(cleaned_manifest, scan, start, images),
    )


def _interpolation_of(methods: pd.DataFrame, parameters: BaselineResnetParameters) -> str:
    """The one named, or the one that the stage `interpolation` recommends, bilinear where it could not."""
    if parameters.interpolation != "auto":
        return parameters.interpolation
    recommended = methods.loc[methods["is_recommended"].eq(True), "method"]
    return recommended.iloc[0] if len(recommended) else "bilinear"


def _labelled(manifest: pd.DataFrame, scan: pd.DataFrame) -> pd.DataFrame:
    from models.image_data import readable_images

    return readable_images(manifest, scan).query("class_index >= 0")


def _images_by_split(
    manifest: pd.DataFrame, scan: pd.DataFrame, max_training_images: int | None, seed: int
) -> dict[str, pd.DataFrame]:
    """The images to train on (sampled down to the maximum) and those to validate on."""
    from models.image_data import stratified_sample

    labelled = _labelled(manifest, scan)
    training, validation = (labelled[labelled["split"] == split] for split in ("train", "validation"))
    if training["class_index"].nunique() < 2:
        raise InputError(
            f"The training split has {len(training)} readable, labelled images of "
            f"{training['class_index'].nunique()} classes; training needs two classes. See the findings of "
            "quality_checks and label_analysis for what is missing."
        )
    if max_training_images is not None:
        training = stratified_sample(training, max_training_images, rng=np.random.default_rng(seed))
    return {"train": training, "validation": validation}


def _input_of(scan: pd.DataFrame, parameters: BaselineResnetParameters) -> tuple[int, bool]:
    """Side of the input in pixels, and whether the stem keeps its resolution."""
    input_px = suited_input_px(scan) if parameters.input_px == "auto" else parameters.input_px
    keeps = input_px <= TINY_PX if parameters.keep_resolution == "auto" else parameters.keep_resolution
    return input_px, keeps


def weights_for(weights: str, *, keep_resolution: bool) -> str:
    """ImageNet's weights, if nobody says otherwise, but not for a stem that they were not trained with."""
    if weights != "auto":
        return weights
    return "scratch" if keep_resolution else "imagenet"


def _normalisation(normalisation: pd.DataFrame, start: Start) -> dict[str, list[float]]:
    """The channels' mean and standard deviation: the dataset's own, or those of the weights' training."""
    from models.pretrained import IMAGENET_MEAN, IMAGENET_STD

    if start.state is not None:
        return {"mean": list(IMAGENET_MEAN), "std": list(IMAGENET_STD)}
    own = normalisation.set_index("channel").loc[["red", "green", "blue"]]
    return {"mean": list(own["mean"]), "std": list(own["std"])}


def _batches(
    images: dict[str, pd.DataFrame],
    classifier: ImageClassifier,
    parameters: BaselineResnetParameters,
    seed: int,
) -> tuple[Batches, Batches | None]:
    from models.image_data import Batches, ImageStore

    n_bytes = sum(len(rows) for rows in images.values()) * 3 * classifier.input_px**2

    def store(split: str) -> ImageStore:
        return ImageStore(
            images[split],
            input_px=classifier.input_px,
            interpolation=classifier.interpolation,
            is_kept=n_bytes <= parameters.cache_gigabytes * GIGABYTE,
            description=f"decoding {split}",
        )

    batch_images = parameters.batch_images
    augment = _augmentation(parameters, classifier.input_px)
    training = Batches(store("train"), batch_images=batch_images, seed=seed, augment=augment)
    if images["validation"].empty:
        return training, None
    return training, Batches(store("validation"), batch_images=batch_images)


def _augmentation(parameters: BaselineResnetParameters, input_px: int) -> Augment:
    from models.augmentation import random_horizontal_flip, random_shift

    def augment(images: Tensor, labels: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        if parameters.horizontal_flip:
            images = random_horizontal_flip(images, rng)
        return random_shift(images, rng, max_px=round(parameters.shift_fraction * input_px)), labels

    return augment


def _summary(start: Start, run: TrainingRun, images: dict[str, pd.DataFrame]) -> str:
    text = (
        f"ResNet18 {start.description}, {len(images['train']):,} images, {len(run.curves)} epochs, "
        f"kept epoch {run.best_epoch}"
    )
    if images["validation"].empty:
        return text
    return f"{text}, validation macro-F1 {run.at_best('validation_macro_f1'):.3f}"


def _metrics(
    classifier: ImageClassifier, run: TrainingRun, images: dict[str, pd.DataFrame], *, n_left_out: int
) -> dict[str, float]:
    return {
        "n_training_images": len(images["train"]),
        "n_validation_images": len(images["validation"]),
        "n_left_out": n_left_out,
        "input_px": classifier.input_px,
        "n_parameters": sum(weights.numel() for weights in classifier.parameters()),
        "n_epochs": len(run.curves),
        "best_epoch": run.best_epoch,
        "train_loss": run.at_best("train_loss"),
        "validation_loss": run.at_best("validation_loss"),
        "validation_macro_f1": run.at_best("validation_macro_f1"),
    }


def _notes(
    manifest: pd.DataFrame, scan: pd.DataFrame, start: Start, images: dict[str, pd.DataFrame]
) -> list[str]:
    from models.image_data import left_out_note

    training = images["train"]
    labelled = _labelled(manifest, scan)
    n_all = int((labelled["split"] == "train").sum())
    classes = manifest["label"].cat.categories
    absent = classes.difference(training["label"].unique(), sort=False)
    notes = [f"Training started {start.description}.", left_out_note(manifest, scan)]
    if len(training) < n_all:
        notes.append(
            f"Trained on {len(training):,} of {n_all:,} images, a stratified sample: raise "
            "baseline_resnet.max_training_images to train on more."
        )
    if images["validation"].empty:
        notes.append("There is no validation split: training ran all epochs and kept the last one's weights.")
    if len(absent):
        notes.append(
            f"{len(absent)} classes have no image to train on and are never predicted: "
            f"{', '.join(absent[:10])}" + (", …" if len(absent) > 10 else ".")
        )
    return [note for note in notes if note]


if __name__ == "__main__":
    run_stage(baseline_resnet)

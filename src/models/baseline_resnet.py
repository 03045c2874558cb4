"""What does a ResNet reach on this dataset, trained by a sound and plain recipe?

Method: a ResNet of torchvision's (He et al. 2016) on whole images squeezed to a square, shifted at random and
mirrored where `geometric` finds that safe; AdamW with one cycle of the learning rate (Smith and Topin 2018).
With pretrained weights a new head is trained first, on a frozen backbone, then the last stages with it, the
earlier the slower (Howard and Ruder 2018). The epoch with the best macro-F1 on validation is kept; training
stops when that has not improved for a while. A checkpoint from elsewhere is taken as it is, untrained.

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
from analysis.stage import NO_FILE, Artifacts, StageParameters
from models.augmentation_parameters import AugmentationParameters
from models.flips import flip_notes
from models.training_figures import plot_training_curves

if TYPE_CHECKING:
    from models.fitting import FittedClassifier
    from models.networks import ImageClassifier

Part = Literal["stem", "layer1", "layer2", "layer3", "layer4"]


class TrainerParameters(StageParameters):
    """What computes, and in which precision."""

    devices: Annotated[int, Field(ge=1)]
    num_nodes: Annotated[int, Field(ge=1)]
    precision: Literal["auto", "32-true", "16-mixed", "bf16-mixed"]
    compile: bool


class BaselineResnetParameters(StageParameters):
    architecture: Literal["resnet18", "resnet34", "resnet50"]
    checkpoint: Annotated[str, Field(min_length=1)]
    checkpoint_classes: Literal["auto"] | tuple[str, ...]
    weights: Annotated[str, Field(pattern=r"^(auto|scratch|imagenet|file|https://.+)$")]
    weights_file: Annotated[str, Field(min_length=1)]
    input_px: Literal["auto"] | Annotated[int, Field(ge=8, le=1024)]
    interpolation: Literal["auto", "nearest", "bilinear", "area", "bicubic", "lanczos"]
    normalisation: Literal["auto", "dataset", "imagenet"]
    keep_resolution: Literal["auto"] | bool
    max_training_images: Annotated[int, Field(ge=2)] | None
    epochs: Annotated[int, Field(ge=1)]
    head_epochs: Annotated[int, Field(ge=0)]
    unfrozen: tuple[Part, ...]
    patience: Annotated[int, Field(ge=1)]
    batch_images: Annotated[int, Field(ge=2)]
    learning_rate: Annotated[float, Field(gt=0)]
    layer_decay: Annotated[float, Field(gt=0, le=1)]
    weight_decay: Annotated[float, Field(ge=0)]
    label_smoothing: Annotated[float, Field(ge=0, lt=1)]
    class_weights: Literal["none", "balanced", "effective_number"]
    augmentation: AugmentationParameters
    device: Literal["auto", "cpu", "cuda", "mps"]
    trainer: TrainerParameters
    cache_gigabytes: Annotated[float, Field(ge=0)]


def baseline_resnet(
    cleaned_manifest: pd.DataFrame,
    scan: pd.DataFrame,
    normalisation: pd.DataFrame,
    methods: pd.DataFrame,
    augmentations: pd.DataFrame,
    thumbnails: np.ndarray,
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
    from models.augmentation_figures import plot_augmented
    from models.batch_contract import CONTRACT_CAPTION
    from models.fitting import fit_classifier
    from models.networks import save_classifier

    if parameters.checkpoint != NO_FILE:
        return _adopt_checkpoint(
            cleaned_manifest, scan, normalisation, methods, parameters, model=model, dvclive=dvclive
        )
    fitted = fit_classifier(
        cleaned_manifest,
        scan,
        normalisation,
        methods,
        augmentations,
        thumbnails,
        parameters=parameters,
        seed=seed,
        dvclive=dvclive,
        checkpoints=model.parent / "checkpoints",
    )
    save_classifier(fitted.classifier, model)
    return Artifacts(
        summary=_summary(fitted),
        metrics=_metrics(fitted, cleaned_manifest, scan),
        tables={"training_dynamics": fitted.dynamics, "batch_contract": fitted.contract},
        captions={"batch_contract": CONTRACT_CAPTION},
        figures=[
            plot_training_curves(fitted.run, fitted.images),
            plot_augmented(fitted.training, fitted.classifier.classes, seed=seed),
        ],
        notes=[
            *_notes(fitted, cleaned_manifest, scan),
            *flip_notes(fitted.flips, fitted.classifier.classes, parameters.augmentation),
        ],
    )


def _adopt_checkpoint(
    manifest: pd.DataFrame,
    scan: pd.DataFrame,
    normalisation: pd.DataFrame,
    methods: pd.DataFrame,
    parameters: BaselineResnetParameters,
    *,
    model: Path,
    dvclive: Path,
) -> Artifacts:
    """Write the checkpoint's classifier to `model`; nothing is trained, so there are no curves."""
    from models.batch_contract import CONTRACT_COLUMNS
    from models.fitting import channel_statistics, input_of, interpolation_of
    from models.networks import save_classifier
    from models.trained_elsewhere import classifier_from
    from models.training_dynamics import TrainingDynamics

    given = parameters.checkpoint_classes
    classifier = classifier_from(
        Path(parameters.checkpoint),
        list(manifest["label"].cat.categories),
        architecture=parameters.architecture,
        checkpoint_classes=None if given == "auto" else given,
        input_px=input_of(scan, parameters)[0],
        interpolation=interpolation_of(methods, parameters),
        **channel_statistics(normalisation, parameters.normalisation, is_pretrained=True),
    )
    save_classifier(classifier, model)
    dvclive.mkdir(exist_ok=True)
    size = f"{classifier.input_px}×{classifier.input_px} pixels"
    return Artifacts(
        summary=f"{classifier.architecture} of {parameters.checkpoint}, not trained here",
        metrics=_size_of(classifier) | {"n_training_images": 0},
        tables={
            "training_dynamics": TrainingDynamics(0).table(manifest["image_id"].head(0)),
            "batch_contract": pd.DataFrame(columns=CONTRACT_COLUMNS),
        },
        notes=[
            f"The classifier is that of {parameters.checkpoint}. Nothing was trained here, so there are no "
            "training curves, and what it was trained on is not known: a test image may be among it.",
            f"It sees images of {size}, {classifier.interpolation} interpolation, normalised by mean "
            f"{_numbers(classifier.mean)} and standard deviation {_numbers(classifier.std)}. If it was "
            "trained on others, set input_px, interpolation and normalisation of baseline_resnet to those.",
        ],
    )


def _numbers(values: object) -> str:
    return ", ".join(f"{value:.3f}" for value in values.flatten().tolist())


def _size_of(classifier: ImageClassifier) -> dict[str, int]:
    return {
        "input_px": classifier.input_px,
        "n_parameters": sum(weights.numel() for weights in classifier.parameters()),
    }


def _summary(fitted: FittedClassifier) -> str:
    images, run = fitted.images, fitted.run
    text = (
        f"{fitted.classifier.architecture} {fitted.start.description}, {len(images['train']):,} images, "
        f"{len(run.curves)} epochs, kept epoch {run.best_epoch}"
    )
    if images["validation"].empty:
        return text
    return f"{text}, validation macro-F1 {run.at_best('validation_macro_f1'):.3f}"


def _metrics(fitted: FittedClassifier, manifest: pd.DataFrame, scan: pd.DataFrame) -> dict[str, float]:
    from models.fitting import labelled_images

    run = fitted.run
    return {
        "n_training_images": len(fitted.images["train"]),
        "n_validation_images": len(fitted.images["validation"]),
        "n_left_out": len(manifest) - len(labelled_images(manifest, scan)),
        "n_leaked_left_out": len(fitted.leaked),
        **_size_of(fitted.classifier),
        "n_epochs": len(run.curves),
        "best_epoch": run.best_epoch,
        "train_loss": run.at_best("train_loss"),
        "validation_loss": run.at_best("validation_loss"),
        "validation_macro_f1": run.at_best("validation_macro_f1"),
        "n_never_learnt": int((fitted.dynamics["n_learnt_epochs"] == 0).sum()),
    }


def _notes(fitted: FittedClassifier, manifest: pd.DataFrame, scan: pd.DataFrame) -> list[str]:
    from models.fitting import labelled_images
    from models.image_data import left_out_note

    training = fitted.images["train"]
    n_all = int((labelled_images(manifest, scan)["split"] == "train").sum()) - len(fitted.leaked)
    classes = manifest["label"].cat.categories
    absent = classes.difference(training["label"].unique(), sort=False)
    notes = [f"Training started {fitted.start.description}.", left_out_note(manifest, scan)]
    if n_leaked := len(fitted.leaked):
        notes.append(
            f"{n_leaked:,} training images are left out, as validation or test hold the same pictures: the "
            "scores would count what was learnt by heart."
        )
    if len(training) < n_all:
        notes.append(
            f"Trained on {len(training):,} of {n_all:,} images, a stratified sample: raise "
            "baseline_resnet.max_training_images to train on more."
        )
    if fitted.images["validation"].empty:
        notes.append("There is no validation split: training ran all epochs and kept the last one's weights.")
    if len(absent):
        notes.append(
            f"{len(absent)} classes have no image to train on and are never predicted: "
            f"{', '.join(absent[:10])}" + (", …" if len(absent) > 10 else ".")
        )
    return [note for note in notes if note]


if __name__ == "__main__":
    run_stage(baseline_resnet)

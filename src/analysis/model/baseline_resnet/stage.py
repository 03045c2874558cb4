from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from analysis.contract import NO_FILE, Artifacts
from analysis.dataset.samples import balanced_sample
from analysis.model.baseline_resnet.augmentation_figures import plot_augmented
from analysis.model.baseline_resnet.figures import plot_training_curves
from analysis.model.baseline_resnet.notes import (
    ignored_notes,
    metrics_of,
    notes_on,
    numbers,
    order_notes,
    size_of,
    summary_of,
    weights_metrics,
)
from analysis.model.baseline_resnet.output_order import OtherOrder, other_order
from analysis.model.baseline_resnet.parameters import BaselineResnetParameters
from models.augmentation.flips import flip_notes
from models.data.batch_checks import CONTRACT_CAPTION, CONTRACT_COLUMNS
from models.inference import PREDICTED_TOGETHER, predict_images
from models.networks.checkpoint import save_classifier
from models.networks.classifier import ImageClassifier
from models.networks.pretrained import NORMALISATION, WeightsFile
from models.networks.trained_elsewhere import classifier_from
from models.training.devices import prepare_device
from models.training.dynamics import TrainingDynamics
from models.training.fitting import (
    fit_classifier,
    interpolation_of,
    labelled_images,
    network_of,
    normalisation_for,
)
from models.training.inputs import TrainingInputs, advice_of

ORDER_IMAGES, ORDER_IMAGES_PER_CLASS = 1000, 20  # by which the order of a checkpoint's outputs is judged


def baseline_resnet(
    cleaned_manifest: pd.DataFrame,
    scan: pd.DataFrame,
    thumbnails: np.ndarray,
    *,
    channel_statistics: pd.DataFrame,
    interpolation_methods: pd.DataFrame,
    augmentation_verdicts: pd.DataFrame,
    parameters: BaselineResnetParameters,
    seed: int,
    model: Path,
    dvclive: Path,
) -> Artifacts:
    """Train on the readable, labelled images of the training split; write the classifier to `model`.

    Raises
    ------
    NothingToJudgeError
        If fewer than two classes have images to train on.
    InputError
        If weights, device or learning rate do not serve.
    """
    advice = advice_of(channel_statistics, interpolation_methods, augmentation_verdicts)
    inputs = TrainingInputs(cleaned_manifest, scan, thumbnails, advice)
    if parameters.checkpoint != NO_FILE:
        return _adopt_checkpoint(inputs, parameters, seed=seed, model=model, dvclive=dvclive)
    checkpoints = model.parent / "checkpoints"
    fitted = fit_classifier(
        inputs, parameters=parameters, seed=seed, dvclive=dvclive, checkpoints=checkpoints
    )
    save_classifier(fitted.classifier, model)
    return Artifacts(
        summary=summary_of(fitted),
        metrics=metrics_of(fitted, cleaned_manifest, scan),
        tables={"training_dynamics": fitted.dynamics, "batch_contract": fitted.contract},
        captions={"batch_contract": CONTRACT_CAPTION},
        figures=[
            plot_training_curves(fitted.run, fitted.images),
            plot_augmented(fitted.training, fitted.classifier.classes, seed=seed),
        ],
        notes=[
            *notes_on(fitted, cleaned_manifest, scan),
            *flip_notes(fitted.flips, fitted.classifier.classes, parameters.augmentation),
        ],
    )


def _adopt_checkpoint(
    inputs: TrainingInputs, parameters: BaselineResnetParameters, *, seed: int, model: Path, dvclive: Path
) -> Artifacts:
    """Write the checkpoint's classifier to `model`; nothing is trained, so there are no curves."""
    given = parameters.checkpoint_classes
    path = Path(parameters.checkpoint)
    classifier, ignored = classifier_from(
        path,
        inputs.classes,
        architecture=parameters.architecture,
        checkpoint_classes=None if given == "auto" else given,
        input_px=network_of(inputs.scan, parameters, checkpoint=parameters.checkpoint).input_px,
        interpolation=interpolation_of(inputs.advice, parameters),
        **normalisation_for(inputs.advice, parameters, NORMALISATION)._asdict(),
    )
    save_classifier(classifier, model)
    other = _other_order(classifier, inputs, parameters, seed=seed)
    dvclive.mkdir(exist_ok=True)
    size = f"{classifier.input_px}×{classifier.input_px} pixels"
    return Artifacts(
        summary=f"{classifier.architecture} of {parameters.checkpoint}, not trained here"
        + (", ITS OUTPUTS PROBABLY IN ANOTHER ORDER (see the notes)" if other else ""),
        metrics=size_of(classifier) | {"n_training_images": 0} | weights_metrics(WeightsFile.at(path)),
        tables={
            "training_dynamics": TrainingDynamics(0).table(inputs.manifest["item_id"].head(0)),
            "batch_contract": pd.DataFrame(columns=CONTRACT_COLUMNS),
        },
        notes=[
            *order_notes(other, inputs.classes, None if given == "auto" else given),
            *ignored_notes(ignored),
            f"The classifier is that of {parameters.checkpoint}. Nothing was trained here, so there are no "
            "training curves, and what it was trained on is not known: a test image may be among it.",
            f"It sees images of {size}, {classifier.interpolation} interpolation, normalised by mean "
            f"{numbers(classifier.mean)} and standard deviation {numbers(classifier.std)}. If it was "
            "trained on others, set input_px, interpolation and normalisation of baseline_resnet to those.",
        ],
    )


def _other_order(
    classifier: ImageClassifier, inputs: TrainingInputs, parameters: BaselineResnetParameters, *, seed: int
) -> OtherOrder | None:
    """By a sample of the labelled images that are not of the test, the same number of each class."""
    images = labelled_images(inputs.manifest, inputs.scan).query("split in ['train', 'validation']")
    n_classes = len(inputs.classes)
    n = min(ORDER_IMAGES, ORDER_IMAGES_PER_CLASS * n_classes)
    images = images.iloc[balanced_sample(images["class_index"].to_numpy(), n, seed=seed)]
    device = prepare_device(parameters.device)
    found = predict_images(classifier, images, batch_images=PREDICTED_TOGETHER, device=device)
    predicted = found.probabilities.argmax(axis=1)
    return other_order(images["class_index"].to_numpy(), predicted, n_classes=n_classes, seed=seed)

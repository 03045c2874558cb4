"""From tables and parameters to a trained classifier: the images, the network, its weights, the training."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch

import models
from analysis.contract import NO_FILE, InputError, NothingToJudgeError
from analysis.dataset.input_size import LITE, TINY_PX, NetworkChoice, choose_network
from analysis.dataset.readable import readable_images
from analysis.dataset.samples import stratified_sample
from models.augmentation.flips import classes_by_flip
from models.augmentation.images import new_augmentation
from models.data.batch_checks import check_contract
from models.data.batches import Batches
from models.data.leaks import leaked_images
from models.data.store import ImageStore, cache_device_of
from models.losses.class_weights import class_weights
from models.networks.classifier import ImageClassifier
from models.networks.pretrained import (
    NORMALISATION,
    InitialWeights,
    Normalisation,
    find_initial_weights,
    load_backbone,
)
from models.seeding import seeded_torch
from models.training.hardware import Hardware, hardware_for
from models.training.inputs import Advice, TrainingInputs
from models.training.loop import TrainingRun, train
from models.training.module import Objective
from models.training.parameters import TrainingParameters
from models.training.phases import PARTS, Phase, training_phases

AUTO_EPOCHS = {"scratch": 10, "pretrained": 3}  # docs/training.md: what three reach
AUTO_BATCH_IMAGES = {"scratch": 128, "pretrained": 32}


@dataclass(frozen=True)
class FittedClassifier:
    """A trained classifier, what it was trained on, and how that went.

    Attributes
    ----------
    images
        Those trained and validated on, by split.
    leaked
        `item_id` of the training images that were left out, as validation or test hold them too.
    flips
        Classes (C,) whose images were mirrored, by the name of the flip.
    training
        The batches as they were trained on.
    contract
        See `check_contract`.
    """

    classifier: ImageClassifier
    initial_weights: InitialWeights
    images: dict[str, pd.DataFrame]
    leaked: np.ndarray
    flips: dict[str, np.ndarray]
    training: Batches
    contract: pd.DataFrame
    run: TrainingRun

    @property
    def dynamics(self) -> pd.DataFrame:
        """One row per training image; see `TrainingDynamics.table`."""
        return self.run.dynamics.table(self.images["train"]["item_id"])


def fit_classifier(
    inputs: TrainingInputs,
    *,
    parameters: TrainingParameters,
    seed: int,
    dvclive: Path,
    checkpoints: Path,
) -> FittedClassifier:
    """Train on the readable, labelled images of the training split.

    Parameters
    ----------
    dvclive, checkpoints
        Folders for the training curves, and for the state while training lasts. What another call left in
        `checkpoints` is gone on from if it was of the same training, and deleted at the end.

    Raises
    ------
    NothingToJudgeError
        If fewer than two classes have images to train on.
    InputError
        If weights, device or learning rate do not serve.
    """
    prepared = prepare_training(inputs, parameters=parameters, seed=seed)
    classifier, images = prepared.classifier, prepared.images
    counts = np.bincount(images["train"]["class_index"], minlength=len(classifier.classes))
    run = train(
        classifier,
        prepared.training,
        prepared.validation,
        phases=prepared.phases,
        patience=parameters.patience,
        weight_decay=parameters.weight_decay,
        objective=Objective(parameters.label_smoothing, class_weights(counts, parameters.class_weights)),
        hardware=prepared.hardware,
        dvclive=dvclive,
        checkpoints=checkpoints / _digest_of(classifier, images, prepared.flips, parameters, seed),
    )
    shutil.rmtree(checkpoints)
    return FittedClassifier(
        classifier,
        prepared.initial_weights,
        images,
        prepared.leaked,
        prepared.flips,
        prepared.training,
        prepared.contract,
        run,
    )


@dataclass(frozen=True)
class PreparedTraining:
    """All that `train` needs: the network and its initial weights, images, batches, phases and device."""

    classifier: ImageClassifier
    initial_weights: InitialWeights
    phases: list[Phase]
    images: dict[str, pd.DataFrame]
    leaked: np.ndarray
    flips: dict[str, np.ndarray]
    training: Batches
    validation: Batches | None
    contract: pd.DataFrame
    hardware: Hardware


def prepare_training(
    inputs: TrainingInputs, *, parameters: TrainingParameters, seed: int
) -> PreparedTraining:
    """Choose the images, build the network, load its weights, and check the batches."""
    hardware = hardware_for(parameters)
    architecture, weights, input_px = choice = network_of(inputs.scan, parameters)
    keep_resolution = keeps_resolution(choice, parameters)
    interpolation = interpolation_of(inputs.advice, parameters)
    readable = readable_images(inputs.manifest, inputs.scan)
    leaked = leaked_images(readable, inputs.thumbnails, input_px=input_px, interpolation=interpolation)
    images = images_by_split(inputs.manifest, inputs.scan, leaked, parameters.max_training_images, seed)
    initial_weights = find_initial_weights(weights, Path(parameters.weights_file), architecture)
    normalisation = normalisation_for(inputs.advice, parameters, initial_weights.normalisation)
    with seeded_torch(seed):
        classifier = ImageClassifier(
            architecture=architecture,
            classes=inputs.classes,
            input_px=input_px,
            interpolation=interpolation,
            keep_resolution=keep_resolution,
            **normalisation._asdict(),
        )
    phases = _phases(load_backbone(classifier, initial_weights), parameters)
    flips = classes_by_flip(inputs.advice.safe_flips, classifier.classes, parameters.augmentation)
    batch_images = batch_images_of(parameters, is_pretrained=initial_weights.is_pretrained)
    training, validation = _batches(images, classifier, parameters, flips, hardware, batch_images, seed)
    contract = check_contract(
        training, validation, n_classes=len(classifier.classes), input_px=input_px, n_leaked=len(leaked)
    )
    return PreparedTraining(
        classifier, initial_weights, phases, images, leaked, flips, training, validation, contract, hardware
    )


def interpolation_of(advice: Advice, parameters: TrainingParameters) -> str:
    """The one named, or the one that is advised."""
    return advice.interpolation if parameters.interpolation == "auto" else parameters.interpolation


def labelled_images(manifest: pd.DataFrame, scan: pd.DataFrame) -> pd.DataFrame:
    return readable_images(manifest, scan).query("class_index >= 0")


def images_by_split(
    manifest: pd.DataFrame,
    scan: pd.DataFrame,
    leaked: np.ndarray,
    max_training_images: int | None,
    seed: int,
) -> dict[str, pd.DataFrame]:
    """The images to train on (without those leaked, sampled down to the maximum) and to validate on."""
    labelled = labelled_images(manifest, scan)
    labelled = labelled[~labelled["item_id"].isin(leaked)]
    training, validation = (labelled[labelled["split"] == split] for split in ("train", "validation"))
    if training["class_index"].nunique() < 2:
        found = f"those of training are {len(training):,} of one" if len(training) else "training has none"
        raise NothingToJudgeError(f"a classifier learns from readable images of two classes, but {found}")
    if max_training_images is not None:
        training = stratified_sample(training, max_training_images, rng=np.random.default_rng(seed))
    return {"train": training, "validation": validation}


def network_of(
    scan: pd.DataFrame, parameters: TrainingParameters, *, checkpoint: str = NO_FILE
) -> NetworkChoice:
    """See `choose_network`."""
    named = parameters.model_dump(include={"architecture", "weights", "input_px"})
    return choose_network(scan, **named, checkpoint=checkpoint)


def keeps_resolution(choice: NetworkChoice, parameters: TrainingParameters) -> bool:
    """Whether the stem shrinks nothing."""
    is_lite = choice.architecture == LITE
    if parameters.keep_resolution == "auto":
        return choice.input_px <= TINY_PX and not is_lite
    if parameters.keep_resolution and is_lite:
        raise InputError(
            "baseline_resnet.keep_resolution is true, but efficientnet_lite0 has no stem that keeps the "
            "resolution: set keep_resolution to auto, or baseline_resnet.architecture to resnet18."
        )
    return parameters.keep_resolution


def normalisation_for(
    advice: Advice, parameters: TrainingParameters, of_weights: Normalisation | None
) -> Normalisation:
    """As the pretrained weights expect it, or the dataset's own."""
    if parameters.normalisation == "imagenet":
        return NORMALISATION
    if parameters.normalisation == "auto" and of_weights:
        return of_weights
    return Normalisation(advice.mean, advice.std)


def batch_images_of(parameters: TrainingParameters, *, is_pretrained: bool) -> int:
    """The one named, or fewer where training is short, so that it has steps enough."""
    auto = AUTO_BATCH_IMAGES["pretrained" if is_pretrained else "scratch"]
    return auto if parameters.batch_images == "auto" else parameters.batch_images


def _phases(pretrained: set[str], parameters: TrainingParameters) -> list[Phase]:
    auto = AUTO_EPOCHS["pretrained" if pretrained else "scratch"]
    return training_phases(
        [part for part in PARTS if part not in pretrained],
        n_epochs=auto if parameters.epochs == "auto" else parameters.epochs,
        n_head_epochs=parameters.head_epochs,
        unfrozen=parameters.unfrozen,
        learning_rate=parameters.learning_rate,
        layer_decay=parameters.layer_decay,
    )


def _batches(
    images: dict[str, pd.DataFrame],
    classifier: ImageClassifier,
    parameters: TrainingParameters,
    flips: dict[str, np.ndarray],
    hardware: Hardware,
    batch_images: int,
    seed: int,
) -> tuple[Batches, Batches | None]:
    input_px = classifier.input_px
    n_bytes = sum(len(rows) for rows in images.values()) * 3 * input_px**2
    # several processes would keep them on the first one's GPU
    keeper = hardware.device if hardware.n_devices == 1 else torch.device("cpu")
    home = cache_device_of(n_bytes, device=keeper, cache_gigabytes=parameters.cache_gigabytes)

    def store(split: str) -> ImageStore:
        return ImageStore(
            images[split],
            input_px=input_px,
            interpolation=classifier.interpolation,
            home=home,
            description=f"decoding {split}",
        )

    augment = new_augmentation(
        parameters.augmentation, flips, n_classes=len(classifier.classes), input_px=input_px
    )
    in_batches = {"batch_images": batch_images, "device": hardware.device}
    training = Batches(store("train"), seed=seed, augment=augment, **in_batches)
    if images["validation"].empty:
        return training, None
    return training, Batches(store("validation"), **in_batches)


def _digest_of(
    classifier: ImageClassifier,
    images: dict[str, pd.DataFrame],
    flips: dict[str, np.ndarray],
    parameters: TrainingParameters,
    seed: int,
) -> str:
    """Of all that a training's result depends on: what to train, on what, how, and this code."""
    digest = hashlib.blake2b(digest_size=16)
    digest.update(f"{parameters.model_dump_json()} {seed} {torch.__version__}".encode())
    for rows in images.values():
        digest.update(rows[["path", "class_index"]].to_csv().encode())
    for values in (*flips.values(), *(weights.numpy() for weights in classifier.state_dict().values())):
        digest.update(values.tobytes())
    for module in sorted(Path(models.__file__).parent.rglob("*.py")):
        digest.update(module.read_bytes())
    return digest.hexdigest()

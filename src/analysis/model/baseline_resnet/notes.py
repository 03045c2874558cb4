from __future__ import annotations

import pandas as pd

from analysis.dataset.readable import left_out_note
from models.networks.classifier import ImageClassifier
from models.training.fitting import FittedClassifier, labelled_images


def numbers(values: object) -> str:
    return ", ".join(f"{value:.3f}" for value in values.flatten().tolist())


def size_of(classifier: ImageClassifier) -> dict[str, int]:
    return {
        "input_px": classifier.input_px,
        "n_parameters": sum(weights.numel() for weights in classifier.parameters()),
    }


def summary_of(fitted: FittedClassifier) -> str:
    images, run = fitted.images, fitted.run
    text = (
        f"{fitted.classifier.architecture} {fitted.initial_weights.description}, "
        f"{len(images['train']):,} images, {len(run.curves)} epochs, kept epoch {run.best_epoch}"
    )
    if images["validation"].empty:
        return text
    return f"{text}, validation macro-F1 {run.at_best('validation_macro_f1'):.3f}"


def metrics_of(fitted: FittedClassifier, manifest: pd.DataFrame, scan: pd.DataFrame) -> dict[str, float]:
    run = fitted.run
    return {
        "n_training_images": len(fitted.images["train"]),
        "n_validation_images": len(fitted.images["validation"]),
        "n_left_out": len(manifest) - len(labelled_images(manifest, scan)),
        "n_leaked_left_out": len(fitted.leaked),
        **size_of(fitted.classifier),
        "n_epochs": len(run.curves),
        "best_epoch": run.best_epoch,
        "train_loss": run.at_best("train_loss"),
        "validation_loss": run.at_best("validation_loss"),
        "validation_macro_f1": run.at_best("validation_macro_f1"),
        "n_never_learnt": int((fitted.dynamics["n_learnt_epochs"] == 0).sum()),
    }


def notes_on(fitted: FittedClassifier, manifest: pd.DataFrame, scan: pd.DataFrame) -> list[str]:
    training = fitted.images["train"]
    n_all = int((labelled_images(manifest, scan)["split"] == "train").sum()) - len(fitted.leaked)
    classes = manifest["label"].cat.categories
    absent = classes.difference(training["label"].unique(), sort=False)
    notes = [f"Training started {fitted.initial_weights.description}.", left_out_note(manifest, scan)]
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

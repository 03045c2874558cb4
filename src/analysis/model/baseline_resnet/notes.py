from __future__ import annotations

import json
import shlex
from collections import Counter
from collections.abc import Sequence

import pandas as pd

from analysis.contract import Metrics
from analysis.dataset.readable import left_out_note
from analysis.model.baseline_resnet.output_order import OtherOrder
from models.networks.classifier import ImageClassifier
from models.networks.pretrained import WeightsFile
from models.networks.trained_elsewhere import names_of_outputs
from models.training.fitting import FittedClassifier, labelled_images

MAX_GROUPS_NAMED = 6


def numbers(values: object) -> str:
    return ", ".join(f"{value:.3f}" for value in values.flatten().tolist())


def size_of(classifier: ImageClassifier) -> dict[str, int]:
    return {
        "input_px": classifier.input_px,
        "n_parameters": sum(weights.numel() for weights in classifier.parameters()),
    }


def weights_metrics(file: WeightsFile | None) -> dict[str, str | int | None]:
    """Which weights it started from: name, SHA-256 and size of their file."""
    if file is None:
        return {"weights": "scratch", "weights_sha256": None, "weights_bytes": None}
    return {"weights": file.name, "weights_sha256": file.sha256, "weights_bytes": file.n_bytes}


def summary_of(fitted: FittedClassifier) -> str:
    images, run = fitted.images, fitted.run
    text = (
        f"{fitted.classifier.architecture} {fitted.initial_weights.description}, "
        f"{len(images['train']):,} images, {len(run.curves)} epochs, kept epoch {run.best_epoch}"
    )
    if images["validation"].empty:
        return text
    return f"{text}, validation macro-F1 {run.at_best('validation_macro_f1'):.3f}"


def metrics_of(fitted: FittedClassifier, manifest: pd.DataFrame, scan: pd.DataFrame) -> Metrics:
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
        **weights_metrics(fitted.initial_weights.file),
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


def order_notes(
    other: OtherOrder | None, classes: Sequence[str], checkpoint_classes: Sequence[str] | None
) -> list[str]:
    """The setting under which a checkpoint's outputs would agree with the labels, if they do not as given."""
    if other is None:
        return []
    meant = {classes[output]: classes[code] for code, output in enumerate(other.output_of_class)}
    names = [meant.get(name, name) for name in names_of_outputs(classes, checkpoint_classes)]
    setting = f"baseline_resnet.checkpoint_classes={json.dumps(names, ensure_ascii=False)}"
    return [
        "The checkpoint's outputs probably stand for the classes in another order than "
        f"baseline_resnet.checkpoint_classes says: of {other.n:,} images of training and validation "
        f"{other.n_right_as_given:,} are right as it stands, {other.n_right_by_match:,} would be with --set "
        f"{shlex.quote(setting)}. Nothing was reordered: look up the order that the network was trained with."
    ]


def ignored_notes(ignored: Sequence[str]) -> list[str]:
    """Which tensors of a checkpoint were left out, those of one kind together."""
    if not ignored:
        return []
    groups = Counter(name.split(".")[0] for name in ignored)
    named = [
        f"{group} ({n:,})" if n > 1 else next(name for name in ignored if name.split(".")[0] == group)
        for group, n in groups.most_common(MAX_GROUPS_NAMED)
    ]
    more = ", …" if len(groups) > MAX_GROUPS_NAMED else ""
    return [
        f"{len(ignored):,} tensors of the checkpoint are no part of the network and are left out: "
        f"{', '.join(named)}{more}."
    ]

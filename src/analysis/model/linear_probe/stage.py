from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from analysis.contract import Artifacts
from analysis.dataset.readable import left_out_note
from analysis.model.linear_probe.figures import plot_learning_curve
from analysis.model.linear_probe.images import ProbedImages, probed_images
from analysis.model.linear_probe.linear_head import choose_strength, learning_curve, predictions_of
from analysis.model.linear_probe.parameters import LinearProbeParameters
from analysis.statistics.classification import confusion_counts, overall_scores, per_class_scores

CAPTIONS = {
    "linear_probe": "One row per class, over the judged split. recall is the share of its images that the "
    "probe recognises, with its 95% interval; precision the share of images given this label that belong to "
    "it; f1 their harmonic mean.",
}


def linear_probe(
    cleaned_manifest: pd.DataFrame,
    scan: pd.DataFrame,
    thumbnails: np.ndarray,
    embeddings: np.ndarray,
    *,
    parameters: LinearProbeParameters,
    backbone: str,
    seed: int,
) -> Artifacts:
    """Train a linear head on the embeddings of the training images and predict those held out.

    Raises
    ------
    NothingToJudgeError
        If fewer than two classes have images to train on.
    """
    probed = probed_images(
        cleaned_manifest,
        scan,
        thumbnails,
        embeddings,
        max_training_images=parameters.max_training_images,
        seed=seed,
    )
    strength = choose_strength(probed)
    predictions = predictions_of(probed, strength=strength)
    curve = learning_curve(probed, strength=strength)
    split = probed.judged_split
    per_class = _scores_of(predictions, split, probed.classes)
    n_training = np.bincount(probed.codes[probed.training], minlength=len(probed.classes))
    names = pd.Categorical.from_codes(predictions["predicted_index"], categories=probed.classes)
    return Artifacts(
        summary=_summary(overall_scores(per_class), probed, backbone),
        metrics=_metrics(predictions, probed, curve) | {"inverse_regularisation": strength},
        tables={
            "linear_probe": per_class.assign(n_training_images=n_training).round(4),
            "probe_predictions": predictions.assign(predicted_label=names)[
                ["item_id", "split", "label", "predicted_label"]
            ],
        },
        captions=CAPTIONS,
        figures=[plot_learning_curve(curve, split=split)] if len(curve) > 1 else [],
        notes=[*filter(None, [left_out_note(cleaned_manifest, scan)]), *_notes(probed, curve)],
    )


def _scores_of(predictions: pd.DataFrame, split: str, classes: list[str]) -> pd.DataFrame:
    rows = predictions[predictions["split"] == split]
    actual, predicted = rows["class_index"].to_numpy(), rows["predicted_index"].to_numpy()
    return per_class_scores(confusion_counts(actual, predicted, n_classes=len(classes)), classes)


def _metrics(predictions: pd.DataFrame, probed: ProbedImages, curve: pd.DataFrame) -> dict[str, float]:
    """Named apart from the network's scores; of training there is an accuracy only by cross-validation."""
    of_split = {
        split: overall_scores(_scores_of(predictions, split, probed.classes))
        for split in ("test", "validation", "train")
    }
    last = curve.iloc[-1] if len(curve) > 1 else dict.fromkeys(("gain", "gain_low", "gain_high"), np.nan)
    return {
        **{f"probe_test_{name}": value for name, value in of_split["test"].items()},
        "probe_validation_accuracy": of_split["validation"]["accuracy"],
        "probe_cross_validated_accuracy": of_split["train"]["accuracy"],
        **{
            f"{name.replace('gain', 'gain_of_last_doubling')}": last[name]
            for name in ("gain", "gain_low", "gain_high")
        },
        "n_training_images": len(probed.training),
        "n_test_images": len(probed.rows_of("test")),
        "n_leaked_left_out": probed.n_leaked,
        "n_dimensions": probed.features.shape[1],
    }


def _summary(overall: Mapping[str, float], probed: ProbedImages, backbone: str) -> str:
    split = probed.judged_split
    n = len(probed.training) if split == "train" else len(probed.rows_of(split))
    return (
        f"{overall['accuracy']:.1%} of {n:,} {split} images right (95% interval "
        f"{overall['accuracy_low']:.1%} to {overall['accuracy_high']:.1%}) by a linear head on features of "
        f"{backbone}"
    )


def _notes(probed: ProbedImages, curve: pd.DataFrame) -> list[str]:
    notes, n = [], len(probed.training)
    if probed.n_leaked:
        notes.append(
            f"{probed.n_leaked:,} training images are left out, as validation or test hold the same pictures."
        )
    if n < probed.n_training:
        notes.append(
            f"Trained on {n:,} of {probed.n_training:,} images, a stratified sample: raise "
            "linear_probe.max_training_images to train on more."
        )
    absent = len(probed.classes) - len(np.unique(probed.codes[probed.training]))
    if absent:
        notes.append(f"{absent} classes have no image to train on and are never predicted.")
    if probed.judged_split == "train":
        notes.append(
            "No image is held out: the accuracy is cross-validated on training, and there is no curve."
        )
    elif len(curve) > 1:
        last = curve.iloc[-1]
        notes.append(
            f"From half of the training images to all {n:,} the probe gains {100 * last['gain']:+.1f} points "
            f"(95% interval {100 * last['gain_low']:+.1f} to {100 * last['gain_high']:+.1f})."
        )
    return notes

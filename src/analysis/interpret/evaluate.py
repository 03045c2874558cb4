"""How good is the baseline, on which classes is it not, and what does it confuse?

Method: every readable image is predicted once, in every split. The labelled ones of the test split (else of
validation, else of training) are judged: accuracy and recall with 95% intervals (Wilson 1927), balanced
accuracy, macro-F1 and log loss.

How the result misleads: labels are taken for the truth, so a wrong one counts as a mistake, and a test image
that is also in training flatters the score. Intervals hold for new images from the same source, not from
another one. The probabilities are as the network gives them, which is often too sure.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from pydantic import Field

from analysis.interpret.classification_metrics import (
    confusion_counts,
    log_loss,
    overall_scores,
    per_class_scores,
)
from analysis.interpret.evaluation_figures import (
    plot_class_recall,
    plot_confident_mistakes,
    plot_confusion_matrix,
)
from analysis.interpret.judged_images import SPLITS, split_note, split_to_judge
from analysis.runner import run_stage
from analysis.stage import Artifacts, FindingKind, StageParameters, findings_of

if TYPE_CHECKING:
    from models.inference import Predictions

LOW_ACCURACY = FindingKind(
    name="accuracy_below_minimum",
    title="The classifier is not good enough",
    severity="high",
    why="Its accuracy is below the minimum that was asked for. What is built on it will be wrong too "
    "often, and what the report says of its reasons says little.",
    action="Look at the classes named here, mend what Scrub found in them, then train longer, on larger "
    "images or from pretrained weights (baseline_resnet in params.yaml).",
)
LOW_RECALL = FindingKind(
    name="class_recall_low",
    title="Classes recognised far worse than the rest",
    severity="medium",
    why="The average hides them: whoever meets these classes meets a worse classifier.",
    action="See in the confusion matrix what they are taken for. Look for wrong labels and near duplicates "
    "across the two classes first, then collect more images of them.",
)
KINDS = (LOW_ACCURACY, LOW_RECALL)
CAPTIONS = {
    "per_class": "One row a class, over the judged split. recall is the share of its images that were "
    "recognised, with its 95% interval; precision the share of images given this label that belong to it; "
    "f1 their harmonic mean."
}


class EvaluateParameters(StageParameters):
    """Thresholds and sizes; see params.yaml."""

    minimum_accuracy: float = Field(ge=0, le=1)
    recall_margin: float = Field(ge=0, le=1)
    n_mistakes: int = Field(ge=0, le=200)
    batch_images: int = Field(ge=1)
    device: Literal["auto", "cpu", "cuda", "mps"]


def evaluate(
    cleaned_manifest: pd.DataFrame, scan: pd.DataFrame, model: Path, *, parameters: EvaluateParameters
) -> Artifacts:
    """Predict every readable image with the classifier in `model`, and judge the predictions.

    Raises
    ------
    InputError
        If no image has both a picture and a label, or the classifier is of other classes than the manifest.
    """
    from models.image_data import left_out_note, readable_images

    classes = list(cleaned_manifest["label"].cat.categories)
    images = readable_images(cleaned_manifest, scan)
    found = _predict(model, images, classes, parameters)
    images = images.assign(
        predicted_index=found.probabilities.argmax(axis=1), confidence=found.probabilities.max(axis=1)
    )
    labelled = images[images["class_index"] >= 0]
    split = split_to_judge(labelled)
    judged = labelled[labelled["split"] == split]
    counts = confusion_counts(
        judged["class_index"].to_numpy(), judged["predicted_index"].to_numpy(), n_classes=len(classes)
    )
    per_class = per_class_scores(counts, classes)
    overall = overall_scores(per_class)
    mistakes = _most_confident_mistakes(judged, parameters.n_mistakes)
    notes = [left_out_note(cleaned_manifest, scan), split_note(split)]
    return Artifacts(
        summary=f"{overall['accuracy']:.1%} of {len(judged):,} {split} images right, "
        f"macro-F1 {overall['macro_f1']:.3f}",
        metrics=_metrics(
            labelled, found.probabilities, per_class, n_left_out=len(cleaned_manifest) - len(labelled)
        ),
        tables={
            "predictions": _predictions_table(cleaned_manifest, images, found),
            "per_class": per_class,
            "confusion": _confusion_table(judged, classes),
        },
        captions=CAPTIONS,
        figures=[
            plot_confusion_matrix(counts, classes, split=split),
            plot_class_recall(per_class, split=split),
            *([plot_confident_mistakes(mistakes, classes, split=split)] if len(mistakes) else []),
        ],
        findings=pd.concat(
            [
                _find_low_accuracy(per_class, overall, parameters),
                _find_low_recall(per_class, overall, parameters),
            ]
        ),
        kinds=KINDS,
        notes=[note for note in notes if note],
    )


def _predict(
    model: Path, images: pd.DataFrame, classes: list[str], parameters: EvaluateParameters
) -> Predictions:
    from models.devices import prepare_device
    from models.inference import predict
    from models.networks import load_classifier

    classifier = load_classifier(model, classes)
    device = prepare_device(parameters.device)
    return predict(classifier, images, batch_images=parameters.batch_images, device=device)


def _predictions_table(manifest: pd.DataFrame, images: pd.DataFrame, found: Predictions) -> pd.DataFrame:
    """One row an image of the manifest, in its order; nothing predicted where there is no picture."""
    classes = manifest["label"].cat.categories
    table = manifest[["image_id", "split", "label"]].reset_index(drop=True)
    predicted = pd.DataFrame(
        {
            "image_id": images["image_id"],
            "predicted_label": pd.Categorical.from_codes(images["predicted_index"], categories=classes),
            "probabilities": list(found.probabilities),
            "embedding": list(found.embeddings),
        }
    )
    table = table.merge(predicted, on="image_id", how="left", validate="1:1")
    is_judged = table["label"].notna() & table["predicted_label"].notna()
    is_correct = (table["label"].astype(str) == table["predicted_label"].astype(str)).astype("boolean")
    return table.assign(is_correct=is_correct.where(is_judged))


def _confusion_table(judged: pd.DataFrame, classes: list[str]) -> pd.DataFrame:
    """One row an image, as DVC's `confusion` template counts them."""
    names = np.array(classes, dtype=object)
    return pd.DataFrame(
        {"actual": names[judged["class_index"]], "predicted": names[judged["predicted_index"]]}
    )


def _metrics(
    labelled: pd.DataFrame, probabilities: np.ndarray, per_class: pd.DataFrame, *, n_left_out: int
) -> dict[str, float]:
    """Scores by split; recall by class is that of the judged split."""
    metrics: dict[str, float] = {}
    for split in SPLITS:
        images = labelled[labelled["split"] == split]
        actual, predicted = images["class_index"].to_numpy(), images["predicted_index"].to_numpy()
        counts = confusion_counts(actual, predicted, n_classes=len(per_class))
        scores = overall_scores(per_class_scores(counts, per_class["label"]))
        scores["log_loss"] = log_loss(probabilities[images.index], actual)
        kept = scores if split == "test" else {"accuracy": scores["accuracy"]}
        metrics |= {f"{split}_{name}": value for name, value in kept.items()}
    metrics |= {"n_test_images": int((labelled["split"] == "test").sum()), "n_left_out": n_left_out}
    return metrics | {f"recall_{row.label}": row.recall for row in per_class.itertuples()}


def _most_confident_mistakes(judged: pd.DataFrame, n: int) -> pd.DataFrame:
    wrong = judged[judged["class_index"] != judged["predicted_index"]]
    return wrong.sort_values("confidence", ascending=False, kind="stable").head(n)


def _find_low_accuracy(
    per_class: pd.DataFrame, overall: dict[str, float], parameters: EvaluateParameters
) -> pd.DataFrame:
    """The classes that pull the accuracy below the minimum, if it is below."""
    is_low = overall["accuracy"] < parameters.minimum_accuracy
    rows = per_class[(per_class["recall"] < parameters.minimum_accuracy) & is_low]
    detail = [
        f"{row.recall:.0%} of {row.n_images:,} images recognised; {overall['accuracy']:.1%} over all "
        f"classes, where at least {parameters.minimum_accuracy:.0%} are asked for"
        for row in rows.itertuples()
    ]
    return findings_of(LOW_ACCURACY, label=rows["label"], score=1 - rows["recall"], detail=detail)


def _find_low_recall(
    per_class: pd.DataFrame, overall: dict[str, float], parameters: EvaluateParameters
) -> pd.DataFrame:
    """Classes whose recall is surely below the mean recall by more than the margin."""
    limit = overall["balanced_accuracy"] - parameters.recall_margin
    rows = per_class[per_class["recall_high"] < limit]
    detail = [
        f"{row.recall:.0%} of {row.n_images:,} images recognised, at most {row.recall_high:.0%} with 95% "
        f"confidence; classes on average {overall['balanced_accuracy']:.0%}"
        for row in rows.itertuples()
    ]
    return findings_of(LOW_RECALL, label=rows["label"], score=1 - rows["recall"], detail=detail)


if __name__ == "__main__":
    run_stage(evaluate)

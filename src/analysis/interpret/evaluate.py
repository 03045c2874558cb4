"""How good is the baseline, on which classes is it not, and what does it confuse?

Method: every readable image is predicted once, in every split. The labelled ones of the test split (else of
validation, else of training) are judged. Shares (accuracy, recall) have Wilson intervals (1927). AUROC and
average precision rank the images by the probability of one class, against the rest. Calibration: the expected
calibration error in bins of equal width and of equally many images, Brier score and log loss, each beside
what labels drawn as likely as the probabilities say would give, and with the temperature (Guo et al. 2017)
that fits the validation images. The accuracy is then given without images that are also in training, and
between the bounds that doubted labels leave open. Groups of classes (evaluate.class_groups) are compared in
two ways: exchanging images, and exchanging whole classes. All intervals are of 95%; those of differences are
of the same images (bootstrap).

How the result misleads: intervals hold for new images from the same source, taken as independent, and not for
another source; nor do they hold what another training would have given. Labels are taken for the truth unless
they are doubted, and wrong labels that nobody doubts are in every number. Copies are left out as far as Scrub
found them, also of training images that a training on a sample never met, and what is left may be easier or
harder for other reasons. ECE depends on its bins and is above 0 by chance, most of all with few images: read
it beside what a calibrated classifier would show. A temperature fitted on validation images that are copies
of training images is too low. With AUROC, a rare class among many looks better than it is to find: see its
average precision, whose chance level is the class's share. An interval without width, where no image is
ranked wrongly, says that there are too few images to be wrong on. Groups thought of after the result was seen
prove nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import pandas as pd
from pydantic import Field

from analysis.interpret.adjusted_accuracy import Doubts, doubts_about
from analysis.interpret.class_groups import check_groups
from analysis.interpret.classification_metrics import overall_scores
from analysis.interpret.evaluation_findings import KINDS, gate_failure
from analysis.interpret.evaluation_parts import (
    judge_adjusted,
    judge_calibration,
    judge_groups,
    judge_ranking,
    judge_recognition,
)
from analysis.interpret.judged_images import SPLITS, split_note, split_to_judge
from analysis.interpret.judged_predictions import Judged
from analysis.runner import run_stage
from analysis.stage import Artifacts, StageParameters

if TYPE_CHECKING:
    from models.inference import Predictions

ClassName = Annotated[str, Field(coerce_numbers_to_str=True)]  # YAML reads the class "7" as a number


class EvaluateParameters(StageParameters):
    """Thresholds and sizes; see params.yaml."""

    minimum_accuracy: float = Field(ge=0, le=1)
    fail_below_minimum: bool
    recall_margin: float = Field(ge=0, le=1)
    max_overconfidence: float = Field(ge=0, le=1)
    class_groups: dict[ClassName, Annotated[list[ClassName], Field(min_length=1)]]
    n_mistakes: int = Field(ge=0, le=200)
    n_pairs_shown: int = Field(ge=0, le=20)
    n_calibration_bins: int = Field(ge=2, le=100)
    n_resamples: int = Field(ge=100, le=100_000)
    batch_images: int = Field(ge=1)
    device: Literal["auto", "cpu", "cuda", "mps"]


def evaluate(
    cleaned_manifest: pd.DataFrame,
    scan: pd.DataFrame,
    model: Path,
    duplicates: pd.DataFrame,
    label_issues: pd.DataFrame,
    *,
    parameters: EvaluateParameters,
    seed: int,
) -> Artifacts:
    """Predict every readable image with the classifier in `model`, and judge the predictions.

    Raises
    ------
    InputError
        If no image has both a picture and a label, the classifier is of other classes than the manifest, or
        `class_groups` names a class that there is not.
    """
    from models.image_data import left_out_note, readable_images

    classes = list(cleaned_manifest["label"].cat.categories)
    check_groups(parameters.class_groups, classes)
    images = readable_images(cleaned_manifest, scan)
    found = _predict(model, images, classes, parameters)
    images = images.assign(
        predicted_index=found.probabilities.argmax(axis=1), confidence=found.probabilities.max(axis=1)
    )
    labelled = images[images["class_index"] >= 0]
    by_split = {split: Judged.of(split, labelled, found.probabilities, classes) for split in SPLITS}
    judged = by_split[split_to_judge(labelled)]
    training = pd.Index(by_split["train"].images["image_id"])
    doubts = doubts_about(judged.images, training, cleaned_manifest, duplicates, label_issues)
    parts = _parts(by_split, judged, doubts, parameters, seed=seed)
    metrics = _joined(part.metrics for part in parts)
    overall = overall_scores(judged.per_class)
    n_images = {
        "n_test_images": len(by_split["test"].images),
        "n_left_out": len(cleaned_manifest) - len(labelled),
    }
    return Artifacts(
        summary=_summary(judged, overall, overconfidence=metrics["overconfidence"]),
        metrics=metrics | n_images | judged.recalls,
        tables=_joined(part.tables for part in parts)
        | {"predictions": _predictions_table(cleaned_manifest, images, found)},
        captions=_joined(part.captions for part in parts),
        figures=[figure for part in parts for figure in part.figures],
        findings=pd.concat(part.findings for part in parts if part.findings is not None),
        kinds=KINDS,
        notes=[
            *filter(None, [left_out_note(cleaned_manifest, scan), split_note(judged.split)]),
            *(note for part in parts for note in part.notes),
        ],
        failure=gate_failure(judged, overall, minimum=parameters.minimum_accuracy)
        if parameters.fail_below_minimum
        else "",
    )


def _summary(judged: Judged, overall: Mapping[str, float], *, overconfidence: float) -> str:
    worst = judged.per_class.loc[judged.per_class["recall"].idxmin()]
    return (
        f"{overall['accuracy']:.1%} of {len(judged.images):,} {judged.split} images right (95% interval "
        f"{overall['accuracy_low']:.1%} to {overall['accuracy_high']:.1%}), macro-F1 "
        f"{overall['macro_f1']:.3f}, worst on {worst['label']} ({worst['recall']:.0%}), confidence "
        f"{100 * abs(overconfidence):.1f} points {'above' if overconfidence > 0 else 'below'} accuracy"
    )


def _parts(
    by_split: Mapping[str, Judged],
    judged: Judged,
    doubts: Doubts,
    parameters: EvaluateParameters,
    *,
    seed: int,
) -> list[Artifacts]:
    """In the order of the report."""
    resampling = {"n_resamples": parameters.n_resamples, "seed": seed}
    return [
        judge_recognition(
            judged,
            by_split,
            minimum_accuracy=parameters.minimum_accuracy,
            recall_margin=parameters.recall_margin,
            n_pairs=parameters.n_pairs_shown,
            n_mistakes=parameters.n_mistakes,
        ),
        judge_adjusted(judged, doubts, **resampling),
        judge_calibration(
            judged,
            by_split["validation"],
            max_overconfidence=parameters.max_overconfidence,
            n_bins=parameters.n_calibration_bins,
            **resampling,
        ),
        judge_ranking(judged),
        judge_groups(judged, parameters.class_groups, n_permutations=parameters.n_resamples, seed=seed),
    ]


def _joined(mappings: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    return {key: value for mapping in mappings for key, value in mapping.items()}


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


if __name__ == "__main__":
    run_stage(evaluate)

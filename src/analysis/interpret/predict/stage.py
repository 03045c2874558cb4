from __future__ import annotations

from collections.abc import Iterator
from itertools import islice, pairwise
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.contract import Artifacts, NothingToJudgeError
from analysis.dataset.readable import left_out_note, readable_images
from analysis.interpret.kept_pictures import keep_pictures
from analysis.interpret.predict.mistakes import mistakes_to_keep
from analysis.interpret.predict.parameters import PredictParameters
from models.inference import Predictions, predict_batches
from models.networks.checkpoint import classifier_on

PART_IMAGES = 4096  # predicted images written together: 8 MB of embeddings


def predict(
    cleaned_manifest: pd.DataFrame, scan: pd.DataFrame, model: Path, *, parameters: PredictParameters
) -> Iterator[dict[str, pd.DataFrame | np.ndarray]]:
    """Yield the tables `predictions` and `classifier_embeddings` part by part, row by row the manifest's.

    Raises
    ------
    NothingToJudgeError
        If no image has a picture.
    InputError
        If the classifier is of other classes than the manifest.
    """
    images = readable_images(cleaned_manifest, scan)
    if images.empty:
        raise NothingToJudgeError("no image has a picture that is not dropped")
    classes = list(cleaned_manifest["label"].cat.categories)
    classifier = classifier_on(model, classes, parameters.device)
    batches = predict_batches(
        classifier, images, batch_images=parameters.batch_images, device=classifier.mean.device
    )
    n_batches = max(1, PART_IMAGES // parameters.batch_images)
    is_predicted = cleaned_manifest["item_id"].isin(images["item_id"]).to_numpy()
    surest = []
    for rows in _parts(is_predicted, n_batches * parameters.batch_images):
        found = Predictions.joined([*islice(batches, n_batches)])
        surest.append((found.probabilities.argmax(axis=1), found.probabilities.max(axis=1)))
        yield {
            "predictions": _table(cleaned_manifest[rows], is_predicted[rows], found.probabilities),
            "classifier_embeddings": _aligned(found.embeddings, is_predicted[rows]),
        }
    predicted_index, confidence = (np.concatenate(values) for values in zip(*surest, strict=True))
    mistakes = mistakes_to_keep(images.assign(predicted_index=predicted_index, confidence=confidence))
    return _rest(cleaned_manifest, scan, len(images), found.embeddings.shape[1], keep_pictures(mistakes))


def _parts(is_predicted: np.ndarray, n_predicted: int) -> list[slice]:
    """All rows, cut so that each part but the last has so many predicted ones, and the last has some."""
    first_of_part = np.flatnonzero(is_predicted)[n_predicted::n_predicted]
    return [slice(start, end) for start, end in pairwise([0, *first_of_part, len(is_predicted)])]


def _table(manifest: pd.DataFrame, is_predicted: np.ndarray, probabilities: np.ndarray) -> pd.DataFrame:
    """One row per image of the manifest, in its order; nothing predicted where there is no picture."""
    table = manifest[["item_id", "split", "label"]].reset_index(drop=True)
    codes = np.full(len(table), -1)
    codes[is_predicted] = probabilities.argmax(axis=1)
    rows = pd.Series([*probabilities], index=np.flatnonzero(is_predicted), dtype=object)
    is_correct = pd.array(codes == table["label"].cat.codes, dtype="boolean")
    is_correct[(codes < 0) | table["label"].isna()] = pd.NA
    return table.assign(
        predicted_label=pd.Categorical.from_codes(codes, categories=table["label"].cat.categories),
        probabilities=rows.reindex(table.index),
        is_correct=is_correct,
    )


def _aligned(embeddings: np.ndarray, is_predicted: np.ndarray) -> np.ndarray:
    rows = np.full((len(is_predicted), embeddings.shape[1]), np.nan, dtype=np.float32)
    rows[is_predicted] = embeddings
    return rows


def _rest(
    manifest: pd.DataFrame, scan: pd.DataFrame, n: int, n_dimensions: int, pictures: pd.DataFrame
) -> Artifacts:
    n_left_out = len(manifest) - n
    note = left_out_note(manifest, scan)
    return Artifacts(
        summary=f"{n:,} images predicted, {n_left_out:,} without a picture or dropped",
        metrics={"n_predicted": n, "n_not_predicted": n_left_out, "n_dimensions": n_dimensions},
        tables={"mistake_pictures": pictures},
        notes=[note] if note else [],
    )

import inspect
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analysis.contract import InputError, NothingToJudgeError
from analysis.dataset.readable import readable_images
from analysis.interpret.predict import stage as predict_stage
from analysis.interpret.predict.mistakes import mistakes_to_keep
from analysis.interpret.predict.parameters import PredictParameters
from analysis.pipeline.dag import load_stages
from analysis.pipeline.outputs import OutputWriter

REPOSITORY = Path(__file__).parents[3]
CLASSES, CENTRES = ["dark", "grey", "light"], [0.0, 0.5, 1.0]
DARK, GREY, LIGHT = 10, 128, 250  # levels that the grey classifier takes for these classes
ROWS = [
    ("light", "train", LIGHT),
    ("dark", "test", None),
    (None, "test", GREY),
    ("dark", "validation", GREY),
    ("dark", "test", DARK),
    (None, "train", None),
]
PREDICTED = ["light", "", "grey", "grey", "dark", ""]


def written(tmp_path: Path, monkeypatch, parts) -> dict:
    """What the runner makes of a stage's parts."""
    monkeypatch.chdir(tmp_path)
    writer = OutputWriter(load_stages(REPOSITORY)["predict"], root="images")
    writer.write(writer.drain(parts))
    return {
        "predictions": pd.read_parquet("data/predictions.parquet"),
        "schema": pq.read_schema("data/predictions.parquet"),
        "classifier_embeddings": np.load("data/classifier_embeddings.npy", mmap_mode="r"),
    }


@pytest.fixture
def start(tmp_path: Path, make_dataset, make_grey_classifier):
    """The running stage, for images of (label, split, level)."""

    def started(rows: Sequence[tuple], *, batch_images: int = 64, classes: Sequence[str] = CLASSES):
        from models.networks.checkpoint import save_classifier

        save_classifier(make_grey_classifier(CLASSES, CENTRES), tmp_path / "model.pt")
        manifest, scan = make_dataset(rows, classes=classes)
        parameters = PredictParameters(batch_images=batch_images, device="cpu")
        return predict_stage.predict(manifest, scan, tmp_path / "model.pt", parameters=parameters)

    return started


def test_predictions_are_one_row_an_image_in_the_manifests_order(predict_grey) -> None:
    _, _, found = predict_grey(ROWS, CLASSES, CENTRES, classes=CLASSES)
    predictions = found["predictions"]
    assert predictions["item_id"].tolist() == [0, 1, 2, 3, 4, 5]
    assert predictions["split"].tolist() == ["train", "test", "test", "validation", "test", "train"]
    assert predictions["label"].tolist() == ["light", "dark", np.nan, "dark", "dark", np.nan]
    assert predictions["predicted_label"].tolist() == ["light", np.nan, "grey", "grey", "dark", np.nan]
    assert predictions["is_correct"].tolist() == [True, pd.NA, pd.NA, False, True, pd.NA]
    assert predictions["label"].cat.categories.tolist() == CLASSES
    assert predictions["predicted_label"].cat.categories.tolist() == CLASSES


@pytest.mark.parametrize("batch_images", [1, 2, 64])
def test_what_is_written_is_the_same_in_parts_and_at_once(
    start, tmp_path, monkeypatch, batch_images: int
) -> None:
    monkeypatch.setattr(predict_stage, "PART_IMAGES", 1)
    found = written(tmp_path, monkeypatch, start(ROWS, batch_images=batch_images))
    predictions = found["predictions"]
    assert found["schema"].field("probabilities").type == pa.list_(pa.float32())
    assert predictions["predicted_label"].astype(object).fillna("").tolist() == PREDICTED
    for name in ("label", "predicted_label"):
        assert predictions[name].cat.categories.tolist() == CLASSES
    logits = [-10 * (DARK / 255 - centre) ** 2 for centre in CENTRES]
    expected = np.exp(logits) / np.exp(logits).sum()
    assert predictions["probabilities"][4] == pytest.approx(expected, abs=1e-4)
    assert predictions["probabilities"].isna().tolist() == [False, True, False, False, False, True]


def test_embeddings_are_the_networks_and_nan_where_nothing_is_predicted(
    start, tmp_path, monkeypatch, make_dataset, make_grey_classifier
) -> None:
    from models.data.decoding import decode
    from models.networks.classifier import in_unit_range

    monkeypatch.setattr(predict_stage, "PART_IMAGES", 2)
    embeddings = written(tmp_path, monkeypatch, start(ROWS, batch_images=2))["classifier_embeddings"]
    assert isinstance(embeddings, np.memmap)
    assert (embeddings.shape, embeddings.dtype) == ((len(ROWS), 512), np.float32)
    assert np.isnan(embeddings).all(axis=1).tolist() == [False, True, False, False, False, True]
    classifier = make_grey_classifier(CLASSES, CENTRES)
    images = readable_images(*make_dataset(ROWS, classes=CLASSES))
    direct = classifier.embed(in_unit_range(decode(images, input_px=classifier.input_px)))
    np.testing.assert_allclose(embeddings[[0, 2, 3, 4]], direct.detach().numpy(), atol=1e-6)
    assert embeddings[4, 0] == pytest.approx(DARK / 255, abs=1e-4)


def test_parts_are_yielded_before_the_next_images_are_opened(start, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(predict_stage, "PART_IMAGES", 2)
    rows = [("dark", "test", DARK)] * 5
    stage = start(rows, batch_images=2)
    assert inspect.isgenerator(stage)
    assert len(next(stage)["classifier_embeddings"]) == 2
    for i in (2, 3, 4):
        (tmp_path / f"{i:04d}.png").unlink()
    with pytest.raises(InputError, match=r"0002\.png could be read when it was scanned"):
        next(stage)


def test_unreadable_images_are_counted(start, drained) -> None:
    _, rest = drained(start(ROWS))
    assert rest.metrics == {"n_predicted": 4, "n_not_predicted": 2, "n_dimensions": 512}


def test_mistakes_of_the_judged_split_are_kept_as_they_are_seen(predict_grey) -> None:
    rows = [("dark", "test", 180), ("dark", "test", DARK), ("light", "validation", 0), (None, "test", 3)]
    _, _, found = predict_grey(rows, CLASSES, CENTRES, classes=CLASSES)
    (kept,) = found["mistake_pictures"].to_dict("records")
    assert (kept["item_id"], kept["height_px"], kept["width_px"]) == (0, 8, 8)
    assert set(kept["pixels"]) == {180}


def test_kept_are_the_surest_of_all_and_of_each_pair_often_confused(monkeypatch) -> None:
    from analysis.interpret.predict import mistakes

    monkeypatch.setattr(mistakes, "MAX_MISTAKES", 1)
    monkeypatch.setattr(mistakes, "MAX_PAIRS", 1)
    monkeypatch.setattr(mistakes, "PICTURES_PER_PAIR", 2)
    images = pd.DataFrame(
        {
            "item_id": range(6),
            "split": "test",
            "class_index": [0, 0, 0, 1, 1, -1],
            "predicted_index": [1, 1, 1, 0, 1, 0],
            "confidence": [0.5, 0.7, 0.6, 0.9, 1.0, 1.0],
        }
    )
    assert mistakes_to_keep(images)["item_id"].tolist() == [3, 1, 2]


def test_classifier_of_other_classes_is_refused(start) -> None:
    with pytest.raises(InputError, match="run baseline_resnet again"):
        next(start([("dark", "test", DARK)], classes=["dark", "light"]))


def test_nothing_to_predict_is_said(start) -> None:
    with pytest.raises(NothingToJudgeError, match="no image has a picture"):
        next(start([("dark", "test", None)]))

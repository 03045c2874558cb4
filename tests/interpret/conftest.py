"""What the stage `predict` makes of small datasets, for the tests of the stages that judge it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.contract import Artifacts

Parts = list[dict[str, pd.DataFrame | np.ndarray]]


@pytest.fixture
def drained() -> Callable[..., tuple[Parts, Artifacts]]:
    """What a stage that yields its tables part by part yields, and what it returns."""

    def drain(stage: Iterator) -> tuple[Parts, Artifacts]:
        parts = []
        while True:
            try:
                parts.append(next(stage))
            except StopIteration as end:
                return parts, end.value

    return drain


@pytest.fixture
def predict_grey(tmp_path: Path, make_dataset, make_grey_classifier, drained) -> Callable[..., tuple]:
    """Manifest, scan and the tables of `predict` for the classifier with these `centres` of grey.

    The classifier's file is gone afterwards.
    """

    def predicted(
        rows: Sequence[tuple],
        known: Sequence[str],
        centres: Sequence[float],
        *,
        classes: Sequence[str] | None = None,
        batch_images: int = 64,
    ) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, Any]]:
        from analysis.interpret.predict.parameters import PredictParameters
        from analysis.interpret.predict.stage import predict
        from models.networks.checkpoint import save_classifier

        path = tmp_path / "model.pt"
        save_classifier(make_grey_classifier(known, centres), path)
        manifest, scan = make_dataset(rows, classes=classes)
        parameters = PredictParameters(batch_images=batch_images, device="cpu")
        parts, rest = drained(predict(manifest, scan, path, parameters=parameters))
        path.unlink()
        joined = {
            "predictions": pd.concat([part["predictions"] for part in parts], ignore_index=True),
            "classifier_embeddings": np.concatenate([part["classifier_embeddings"] for part in parts]),
        }
        return manifest, scan, joined | dict(rest.tables)

    return predicted


@pytest.fixture
def written_and_read(tmp_path: Path) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    """A stage's tables as the next one gets them."""

    def read(tables: Mapping[str, Any]) -> dict[str, Any]:
        found = dict(tables)
        for name, table in tables.items():
            if isinstance(table, pd.DataFrame):
                table.to_parquet(tmp_path / f"{name}.parquet", index=False)
                found[name] = pd.read_parquet(tmp_path / f"{name}.parquet")
        return found

    return read

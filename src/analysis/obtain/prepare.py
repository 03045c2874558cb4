"""Which images and labels are there, and which split does each belong to?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import pandas as pd
from pydantic import Field, model_validator

from analysis.obtain.content_hash import examine_files
from analysis.obtain.sources import natural_key, read_folder, write_digits
from analysis.obtain.splits import SPLITS, complete_splits
from analysis.runner import STATE_DIR, run_stage
from analysis.stage import Artifacts, InputError, StageParameters

Fraction = Annotated[float, Field(ge=0, lt=1)]


class DatasetParameters(StageParameters):
    source: Literal["digits", "folder", "csv", "torchvision"]
    path: Path
    image_root: Path
    name: str
    path_column: str
    label_column: str
    split_column: str
    validation_fraction: Fraction
    test_fraction: Fraction
    max_per_class: Annotated[int, Field(ge=1)] | None
    imbalance_ratio: Annotated[float, Field(ge=1)]

    @model_validator(mode="after")
    def _leave_images_for_training(self) -> DatasetParameters:
        if self.validation_fraction + self.test_fraction >= 1:
            raise ValueError("validation_fraction and test_fraction must sum to less than 1")
        return self


def prepare(*, dataset: DatasetParameters, seed: int, images: Path) -> Artifacts:
    rows = _read_source(dataset, images)
    examined = examine_files(rows["path"], memo=STATE_DIR / "content_hashes.parquet")
    rows = rows.assign(**{column: examined[column] for column in examined})
    rows["split"] = complete_splits(
        rows,
        validation_fraction=dataset.validation_fraction,
        test_fraction=dataset.test_fraction,
        seed=seed,
    )
    partial, final = images.as_posix(), (images.parent.parent / images.name).as_posix()
    rows["path"] = [
        final + p.removeprefix(partial) if p.startswith(partial + "/") else p for p in rows["path"]
    ]
    classes = sorted(rows["label"].dropna().unique(), key=natural_key)
    manifest = pd.DataFrame(
        {
            "image_id": np.arange(len(rows), dtype=np.int64),
            "path": rows["path"],
            "label": pd.Categorical(rows["label"], categories=classes),
            "split": pd.Categorical(rows["split"], [s for s in SPLITS if (rows["split"] == s).any()]),
            "bytes": rows["bytes"],
            "content_hash": rows["content_hash"],
            "status": rows["status"],
        }
    )
    return Artifacts(
        summary=f"{len(rows):,} images of {len(classes):,} classes",
        metrics={"n_images": len(rows), "n_classes": len(classes)},
        tables={"manifest": manifest},
    )


def _read_source(dataset: DatasetParameters, images: Path) -> pd.DataFrame:
    match dataset.source:
        case "digits":
            return write_digits(images)
        case "folder":
            return read_folder(dataset.path)
        case _:
            raise InputError(f"'{dataset.source}' comes soon")


if __name__ == "__main__":
    run_stage(prepare)

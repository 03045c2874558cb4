"""Which images and labels are there, and which split does each belong to?

Lists every image that the dataset names (see `sources`), hashes its content, completes the splits (see
`splits`) and gives each image one row of the manifest, on which all other stages stand. Nothing is dropped
silently: an image that is missing, or must not or cannot be opened, keeps its row and says so in `status`.

How it misleads: what the dataset does not name, such as an image that its CSV leaves out, is not seen. Only
byte-for-byte copies are kept on one side of a split that is made here; near copies, such as frames of one
film, are not, and then test results look better than they are. Splits that the dataset brings are kept as
they are, with their leaks.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import pandas as pd
from pydantic import Field, model_validator

from analysis.obtain.content_hash import examine_files
from analysis.obtain.folder_walk import natural_key
from analysis.obtain.sources import Listing, listed, read_csv, read_folder, write_digits
from analysis.obtain.splits import SPLITS, complete_splits, sample_classes, sample_long_tail
from analysis.runner import STATE_DIR, run_stage
from analysis.stage import Artifacts, InputError, StageParameters

# what keeps an image from being opened, and how it is said in a sentence
SAID = {
    "missing": "missing",
    "empty": "empty",
    "unreadable": "not readable for this user",
    "outside_root": "outside the dataset's folder",
    "symlink_loop": "a symbolic link that leads in a circle",
    "not_a_file": "no file",
    "bad_name": "not named in UTF-8",
}
Fraction = Annotated[float, Field(ge=0, lt=1)]


class DatasetParameters(StageParameters):
    """The dataset, and what to do where it brings no splits."""

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
    imbalance_ratio: Annotated[float, Field(ge=1, allow_inf_nan=False)]

    @model_validator(mode="after")
    def _leaves_images_for_training(self) -> DatasetParameters:
        if self.validation_fraction + self.test_fraction >= 1:
            raise ValueError("validation_fraction and test_fraction must sum to less than 1")
        return self


def prepare(*, dataset: DatasetParameters, seed: int, images: Path) -> Artifacts:
    """List the dataset, complete its splits, and draw the sample that the parameters ask for.

    Parameters
    ----------
    dataset
        Section `dataset` of params.yaml.
    seed
        For splits and samples.
    images
        Empty folder for the images of a source that brings no files of its own.

    Raises
    ------
    InputError
        If no image can be opened, none is for training, or there are fewer than two classes.
    """
    listing = _list_images(dataset, images)
    named = _examine(listing.rows)
    rows = named.assign(
        split=complete_splits(
            named,
            validation_fraction=dataset.validation_fraction,
            test_fraction=dataset.test_fraction,
            seed=seed,
        )
    )
    classes = sorted(rows["label"].dropna().unique(), key=natural_key)
    _check(rows, classes, dataset)
    kept = rows[_sample(rows, classes, dataset, seed)]
    manifest = _manifest(kept, classes, images)
    skipped = {
        "n_left_out": len(rows) - len(kept),
        "n_hidden": listing.n_hidden,
        "n_other_files": listing.n_other_files,
    }
    return Artifacts(
        summary=_summary(manifest),
        metrics=_metrics(manifest) | skipped,
        tables={"manifest": manifest, "dataset": _description(manifest, dataset)},
        captions={
            "dataset": "Which dataset this is. The hash is the same wherever the images lie and whatever "
            "they are called; it changes with any image, label or split."
        },
        notes=[*listing.notes, *_split_notes(named, rows), *_skipped_notes(skipped)],
    )


def _list_images(dataset: DatasetParameters, images: Path) -> Listing:
    match dataset.source:
        case "digits":
            return write_digits(images)
        case "folder":
            return read_folder(dataset.path)
        case "csv":
            return read_csv(
                dataset.path,
                image_root=dataset.image_root,
                path_column=dataset.path_column,
                label_column=dataset.label_column,
                split_column=dataset.split_column,
            )
        case "torchvision":
            from analysis.obtain.torchvision_download import write_torchvision

            return write_torchvision(dataset.name, images, downloads=STATE_DIR / "downloads")


def _examine(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with `bytes` and `content_hash`; only files whose path is sound are looked at."""
    sound = rows.index[rows["status"] == "ok"]
    found = examine_files(rows.loc[sound, "path"].tolist(), memo=STATE_DIR / "content_hashes.parquet")
    found = found.set_index(sound).reindex(rows.index)
    return rows.assign(
        bytes=found["bytes"],
        content_hash=found["content_hash"],
        status=found["status"].fillna(rows["status"]),
    )


def _check(rows: pd.DataFrame, classes: Sequence[str], dataset: DatasetParameters) -> None:
    is_csv = dataset.source == "csv"
    if not (rows["status"] == "ok").any():
        first = rows.iloc[0]
        raise InputError(
            f"none of the {len(rows):,} images that {dataset.path} names can be opened; the first, "
            f"'{first['path']}', is {SAID[first['status']]}. "
            + ("Correct dataset.image_root in params.yaml." if is_csv else "Mend the files, or give access.")
        )
    if len(classes) < 2:
        found = f"only one class, '{classes[0]}'" if classes else "no class"
        raise InputError(
            f"{dataset.path} names {found} for its {len(rows):,} images, where at least two are needed. "
            + ("Name the column with the classes" if is_csv else "Name the folder of the class folders")
            + f" in params.yaml, dataset.{'label_column' if is_csv else 'path'}."
        )
    labelled = rows.loc[rows["label"].notna(), "split"].unique()
    if "train" not in labelled:
        raise InputError(
            f"{dataset.path} has no labelled image for training: its splits are {listed(labelled)}. Add a "
            "training split, or set dataset.path in params.yaml to a folder without splits; all are made."
        )


def _sample(rows: pd.DataFrame, classes: Sequence[str], dataset: DatasetParameters, seed: int) -> pd.Series:
    """Mask of the images to keep: first `max_per_class` of each class and split, of these the long tail."""
    is_kept = pd.Series(True, index=rows.index)
    if dataset.max_per_class is not None:
        is_kept &= sample_classes(rows, max_per_class=dataset.max_per_class, seed=seed)
    if dataset.imbalance_ratio > 1:
        tail = sample_long_tail(
            rows[is_kept], classes=classes, imbalance_ratio=dataset.imbalance_ratio, seed=seed
        )
        is_kept &= tail.reindex(rows.index, fill_value=False)
    return is_kept


def _manifest(rows: pd.DataFrame, classes: Sequence[str], images: Path) -> pd.DataFrame:
    rows = rows.reset_index(drop=True)
    splits = [name for name in SPLITS if (rows["split"] == name).any()]
    return pd.DataFrame(
        {
            "image_id": np.arange(len(rows), dtype=np.int64),
            "path": _final_paths(rows["path"], images),
            "label": pd.Categorical(rows["label"], categories=classes),
            "split": pd.Categorical(rows["split"], categories=splits),
            "bytes": rows["bytes"],
            "content_hash": rows["content_hash"],
            "status": rows["status"],
        }
    )


def _final_paths(paths: pd.Series, images: Path) -> list[str]:
    """The runner has us write to `data/.partial/images` and moves that to `data/images` when all is well."""
    partial, final = images.as_posix() + "/", (images.parent.parent / images.name).as_posix() + "/"
    return [final + path.removeprefix(partial) if path.startswith(partial) else path for path in paths]


def _summary(manifest: pd.DataFrame) -> str:
    n_classes = len(manifest["label"].cat.categories)
    sizes = ", ".join(f"{name} {n:,}" for name, n in manifest["split"].value_counts(sort=False).items())
    n_faulty = (manifest["status"] != "ok").sum()
    faulty = f", {n_faulty:,} that cannot be opened" if n_faulty else ""
    return f"{len(manifest):,} images of {n_classes:,} classes ({sizes}){faulty}"


def _metrics(manifest: pd.DataFrame) -> dict[str, float]:
    return {
        "n_images": len(manifest),
        "n_classes": len(manifest["label"].cat.categories),
        **{f"n_{name}": (manifest["split"] == name).sum() for name in SPLITS},
        "n_blank_labels": manifest["label"].isna().sum(),
        "n_exact_duplicates": manifest["content_hash"].dropna().duplicated().sum(),
        **{f"n_{status}": (manifest["status"] == status).sum() for status in SAID},
        "total_bytes": manifest["bytes"].sum(),
    }


def _description(manifest: pd.DataFrame, dataset: DatasetParameters) -> pd.DataFrame:
    """What a reader needs to tell one dataset from another."""
    named = {"digits": "scikit-learn", "torchvision": dataset.name}
    described = {
        "source": dataset.source,
        "from": named.get(dataset.source, dataset.path.as_posix()),
        "images": len(manifest),
        "classes": listed(manifest["label"].cat.categories, at_most=50),
        "dataset_hash": _dataset_hash(manifest),
    }
    return pd.DataFrame({"property": described.keys(), "value": described.values()})


def _dataset_hash(manifest: pd.DataFrame) -> str:
    """BLAKE2b-128 over content, label and split of all images, in whatever order they come."""
    columns = manifest[["content_hash", "label", "split", "status"]].astype(object).fillna("")
    lines = sorted("\0".join(row) for row in columns.itertuples(index=False))
    return hashlib.blake2b("\n".join(lines).encode(), digest_size=16).hexdigest()


def _split_notes(named: pd.DataFrame, rows: pd.DataFrame) -> list[str]:
    """How the completed splits of `rows` differ from those that the dataset brings."""
    notes = []
    labelled = rows[rows["label"].notna()]
    brought = set(named.loc[labelled.index, "split"].dropna())
    n_unassigned = named["split"].isna().sum()
    if brought and n_unassigned:
        notes.append(f"Images without a split, taken for training: {n_unassigned:,}.")
    in_training = set(labelled.loc[labelled["split"] == "train", "label"])
    for name in sorted(set(labelled["split"]) - brought - {"train"}):
        here = labelled.loc[labelled["split"] == name, "label"]
        notes.append(
            f"The dataset brings no labelled {name} split. Images cut from training for one: {len(here):,}."
        )
        absent = sorted(in_training - set(here), key=natural_key)
        if absent:
            notes.append(f"Classes with too few distinct images to be in the {name} split: {listed(absent)}.")
    return notes


def _skipped_notes(skipped: dict[str, int]) -> list[str]:
    reasons = {
        "n_left_out": "Images left out by max_per_class or imbalance_ratio",
        "n_hidden": "Hidden files and folders skipped",
        "n_other_files": "Files skipped that have no extension of an image",
    }
    return [f"{reasons[name]}: {n:,}." for name, n in skipped.items() if n]


if __name__ == "__main__":
    run_stage(prepare)

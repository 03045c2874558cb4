from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.contract import Artifacts, InputError, to_set
from analysis.dataset.content_hash import examine_files
from analysis.dataset.file_kinds import IMAGE, kind_of
from analysis.dataset.splits import SPLITS
from analysis.obtain.prepare.folders.folder_walk import natural_key
from analysis.obtain.prepare.folders.links import LINK_OUTSIDE
from analysis.obtain.prepare.notes import (
    FAULTS_IN_WORDS,
    describe,
    limits_of,
    metrics_of,
    skipped_notes,
    split_notes,
    summary_of,
    understood,
)
from analysis.obtain.prepare.parameters import DatasetParameters
from analysis.obtain.prepare.sources import Listing, read_csv, read_folder, write_digits
from analysis.obtain.prepare.splits import complete_splits, sample_classes, sample_long_tail
from analysis.obtain.prepare.torchvision_source import write_torchvision

N_LOOKED_AT = 100  # files, to see whether any is an image at all


def prepare(
    *, dataset: DatasetParameters, seed: int, images: Path, outputs: Mapping[str, Path], memory: Path
) -> Artifacts:
    """List the dataset, complete its splits, and draw the sample that the parameters ask for.

    Parameters
    ----------
    dataset
        Section `dataset` of params.yaml.
    seed
        For splits and samples.
    images
        Empty folder for the images of a source that brings no files of its own.
    outputs
        `images` is where they will lie in the end.
    memory
        Folder that outlives the run: contents that were hashed before, and downloads.

    Raises
    ------
    InputError
        If no image can be opened, or none of some is an image.
    """
    listing = _list_images(dataset, images, memory)
    print(*understood(listing), *listing.notes, sep="\n", flush=True)  # before anything takes long
    named = _examine(listing.rows, memory)
    rows = named.assign(
        split=complete_splits(
            named,
            validation_fraction=dataset.validation_fraction,
            test_fraction=dataset.test_fraction,
            seed=seed,
        )
    )
    classes = sorted(rows["label"].dropna().unique(), key=natural_key)
    _check(rows, dataset)
    limits = limits_of(rows)
    for limit in limits:
        print(limit, flush=True)
    kept = rows[_sample(rows, classes, dataset, seed)]
    manifest = _manifest(kept, classes, written=images, final=outputs["images"])
    skipped = {
        "n_left_out": len(rows) - len(kept),
        "n_hidden": listing.n_hidden,
        "n_other_files": listing.n_other_files,
        "n_masks": listing.n_masks,
        "n_excluded": listing.n_excluded,
    }
    return Artifacts(
        summary=summary_of(manifest),
        metrics=metrics_of(manifest) | skipped,
        tables={"manifest": manifest, "dataset": describe(manifest, dataset)},
        captions={
            "dataset": "Which dataset this is. The hash is the same wherever the images lie and whatever "
            "they are called; it changes with any image, label or split."
        },
        notes=[*listing.notes, *limits, *split_notes(named, rows), *skipped_notes(skipped)],
    )


def _list_images(dataset: DatasetParameters, images: Path, memory: Path) -> Listing:
    match dataset.source:
        case "digits":
            return write_digits(images)
        case "folder":
            return read_folder(
                dataset.path,
                label_level=dataset.label_level,
                exclude=dataset.exclude,
                group_pattern=dataset.group_pattern,
                follow_links=dataset.follow_links,
                rename_labels=dataset.rename_labels,
            )
        case "csv":
            return read_csv(
                dataset.path,
                image_root=dataset.image_root,
                path_column=dataset.path_column,
                label_column=dataset.label_column,
                split_column=dataset.split_column,
                group_column=dataset.group_column,
                rename_labels=dataset.rename_labels,
                combine_labels=dataset.combine_labels,
                follow_links=dataset.follow_links,
            )
        case "torchvision":
            return write_torchvision(dataset.name, images, downloads=memory / "downloads")


def _examine(rows: pd.DataFrame, memory: Path) -> pd.DataFrame:
    """The rows with `bytes` and `content_hash`; only files whose path is sound are looked at."""
    sound = rows.index[rows["status"] == "ok"]
    found = examine_files(rows.loc[sound, "path"].tolist(), memo=memory / "content_hashes.parquet")
    found = found.set_index(sound).reindex(rows.index)
    return rows.assign(
        bytes=found["bytes"],
        content_hash=found["content_hash"],
        status=found["status"].fillna(rows["status"]),
    )


def _check(rows: pd.DataFrame, dataset: DatasetParameters) -> None:
    if not (rows["status"] == "ok").any():
        first = rows.iloc[0]
        if first["status"] == LINK_OUTSIDE:
            advice = f"If the links are yours, {to_set('dataset.follow_links', 'all')}."
        elif dataset.source == "csv":
            setting = to_set("dataset.image_root", _folder_named(rows) or "/PATH/TO/FOLDER")
            advice = f"To name the folder that holds them, {setting}."
        else:
            advice = "Mend the files, or give access."
        raise InputError(
            f"none of the {len(rows):,} images that {dataset.path} names can be opened; the first, "
            f"'{first['path']}', is {FAULTS_IN_WORDS[first['status']]}. {advice}"
        )
    _check_are_images(rows)


def _folder_named(rows: pd.DataFrame) -> str:
    """The deepest folder of all files that are there, but outside of the dataset's; "" if none is."""
    outside = rows.loc[rows["status"] == "outside_root", "path"]
    folders = {str(Path(path).parent.absolute()) for path in outside if Path(path).is_file()}
    return os.path.commonpath(folders) if folders else ""


def _check_are_images(rows: pd.DataFrame) -> None:
    """Stop where none of some files, spread over the dataset, is an image, but a pointer or a page."""
    paths = rows.loc[rows["status"] == "ok", "path"]
    kinds = [kind_of(path) for path in paths.iloc[:: max(1, len(paths) // N_LOOKED_AT)]]
    known = [kind for kind in kinds if kind is not None]
    if known and len(known) == len(kinds) and IMAGE not in known:
        commonest, n = Counter(known).most_common(1)[0]
        raise InputError(
            f"of {len(paths):,} files that are named as images none of the {len(kinds)} looked at is one; "
            f"{n} are each a {commonest.name}: {commonest.advice}."
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


def _manifest(rows: pd.DataFrame, classes: Sequence[str], *, written: Path, final: Path) -> pd.DataFrame:
    rows = rows.reset_index(drop=True)
    splits = [name for name in SPLITS if (rows["split"] == name).any()]
    return pd.DataFrame(
        {
            "item_id": np.arange(len(rows), dtype=np.int64),
            "path": _moved(rows["path"], written, final),
            "label": pd.Categorical(rows["label"], categories=classes),
            "split": pd.Categorical(rows["split"], categories=splits),
            "bytes": rows["bytes"],
            "content_hash": rows["content_hash"],
            "group": rows["group"].astype("string"),
            "status": rows["status"],
        }
    )


def _moved(paths: pd.Series, written: Path, final: Path) -> list[str]:
    """Those within `written` as they will be called within `final`."""
    old, new = written.as_posix() + "/", final.as_posix() + "/"
    return [new + path.removeprefix(old) if path.startswith(old) else path for path in paths]

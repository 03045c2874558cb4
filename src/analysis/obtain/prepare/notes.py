from __future__ import annotations

import hashlib

import pandas as pd

from analysis.dataset.splits import SPLITS
from analysis.obtain.prepare.folders.folder_walk import natural_key
from analysis.obtain.prepare.parameters import DatasetParameters
from analysis.obtain.prepare.sources import Listing
from analysis.obtain.prepare.wording import counted, listed

N_CLASSES_LISTED = 12
# what keeps an image from being opened, and how it is said in a sentence
FAULTS_IN_WORDS = {
    "missing": "missing",
    "empty": "empty",
    "unreadable": "not readable for this user",
    "outside_root": "outside the dataset's folder",
    "link_outside": "a symbolic link that leads out of the dataset's folder",
    "symlink_loop": "a symbolic link that leads in a circle",
    "not_a_file": "no file",
    "bad_name": "not named in UTF-8",
}


def summary_of(manifest: pd.DataFrame) -> str:
    n_classes = len(manifest["label"].cat.categories)
    sizes = ", ".join(f"{name} {n:,}" for name, n in manifest["split"].value_counts(sort=False).items())
    n_faulty = (manifest["status"] != "ok").sum()
    faulty = f", {n_faulty:,} that cannot be opened" if n_faulty else ""
    return f"{len(manifest):,} images of {n_classes:,} classes ({sizes}){faulty}"


def metrics_of(manifest: pd.DataFrame) -> dict[str, float]:
    return {
        "n_items": len(manifest),
        "n_classes": len(manifest["label"].cat.categories),
        **{f"n_{name}": (manifest["split"] == name).sum() for name in SPLITS},
        "n_blank_labels": manifest["label"].isna().sum(),
        "n_exact_duplicates": manifest["content_hash"].dropna().duplicated().sum(),
        **{f"n_{status}": (manifest["status"] == status).sum() for status in FAULTS_IN_WORDS},
        "total_bytes": manifest["bytes"].sum(),
    }


def describe(manifest: pd.DataFrame, dataset: DatasetParameters) -> pd.DataFrame:
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


def split_notes(named: pd.DataFrame, rows: pd.DataFrame) -> list[str]:
    """How the completed splits of `rows` differ from those that the dataset brings."""
    notes = group_notes(rows)
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


def limits_of(rows: pd.DataFrame) -> list[str]:
    """What of this dataset cannot be judged, as far as its labels and completed splits tell."""
    labelled = rows[rows["label"].notna()]
    classes = set(labelled["label"])
    if not classes:
        return [
            "No image has a label: files, quality, copies and pictures are judged, but neither labels nor a "
            "classifier."
        ]
    if len(classes) == 1:
        return [
            f"All labels are one, {classes.pop()}: files, quality, copies and pictures are judged, but "
            "neither labels nor a classifier."
        ]
    in_training = set(labelled.loc[labelled["split"] == "train", "label"])
    if len(in_training) < 2:
        learnt = (
            f"the training images are all of one class, {in_training.pop()}"
            if in_training
            else (
                f"no labelled image is for training, as the splits are {listed(labelled['split'].unique())}"
            )
        )
        return [
            f"No classifier can be trained: {learnt}. If the splits are wrong, name a folder or a column "
            "without them, and all are made."
        ]
    notes = []
    for name in SPLITS[1:]:
        unknown = labelled[(labelled["split"] == name) & ~labelled["label"].isin(in_training)]
        if len(unknown):
            named = listed(sorted(set(unknown["label"]), key=natural_key))
            notes.append(
                f"Of {name}, {counted(len(unknown), 'image')} are of classes that no training image has "
                f"({named}): a classifier is wrong on each."
            )
    if not (labelled["split"] == "test").any():
        notes.append("There is no labelled test image: what is said of a classifier flatters it.")
    return notes


def group_notes(rows: pd.DataFrame) -> list[str]:
    """How many groups there are, which straddle splits, and how much of evaluation is of one in training."""
    grouped = rows.dropna(subset="group")
    if grouped.empty:
        return []
    n_alone = len(rows) - len(grouped)
    splits_of = grouped.dropna(subset="split").groupby("group")["split"].agg(set)
    straddling = sorted(splits_of.index[splits_of.map(len) > 1], key=natural_key)
    said = f"Groups of images: {grouped['group'].nunique():,}" + (
        f" ({counted(n_alone, 'image')} in none)" if n_alone else ""
    )
    if not straddling:
        return [f"{said}, each in one split."] if len(splits_of) else [f"{said}."]
    in_training = grouped["group"].map(splits_of.map(lambda splits: "train" in splits)).eq(True)
    spoilt = [
        f"{int((in_training & grouped['split'].eq(name)).sum()):,} of {counted(n, f'{name} image')}"
        for name in SPLITS[1:]
        if (n := int(rows["split"].eq(name).sum()))
    ]
    return [
        f"{said}, {len(straddling):,} of them in several splits ({listed(straddling)}). Of groups that are "
        f"in training too: {', '.join(spoilt)}."
    ]


def skipped_notes(skipped: dict[str, int]) -> list[str]:
    reasons = {
        "n_left_out": "Images left out by max_per_class or imbalance_ratio",
        "n_hidden": "Hidden files and folders skipped",
        "n_other_files": "Files skipped that have no extension of an image",
        "n_masks": "Masks of other images left out, as their names and few grey levels tell",
        "n_excluded": "Images left out by dataset.exclude",
    }
    return [f"{reasons[name]}: {n:,}." for name, n in skipped.items() if n]


def understood(listing: Listing) -> list[str]:
    """What the dataset was taken for, a line each: classes, splits, what is left out, and groups if any."""
    rows = listing.rows
    sizes = rows["label"].value_counts()
    classes = [f"{label} ({sizes[label]:,})" for label in sorted(sizes.index, key=natural_key)]
    shown = ", ".join(classes[:N_CLASSES_LISTED]) + (", …" if len(classes) > N_CLASSES_LISTED else "")
    named = f"{len(classes):,}, {shown}" if classes else "none"
    of_split = rows["split"].value_counts()
    splits = [f"{name} ({of_split[name]:,})" for name in SPLITS if name in of_split]
    n_blank, n_in_none = (int(rows[column].isna().sum()) for column in ("label", "split"))
    if splits and n_in_none:
        splits.append(f"{counted(n_in_none, 'image')} in none")
    left_out = {
        "hidden": listing.n_hidden,
        "without the extension of an image": listing.n_other_files,
        "masks of other images": listing.n_masks,
        "in excluded folders": listing.n_excluded,
    }
    left = [f"{n:,} {reason}" for reason, n in left_out.items() if n]
    return [
        f"Classes: {named}" + (f"; {n_blank:,} images without a label" if n_blank else ""),
        f"Splits: {', '.join(splits) or 'none brought, so they are made here'}",
        f"Left out: {', '.join(left) or 'nothing'}",
        *group_notes(rows),
    ]

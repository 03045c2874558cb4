"""Checks of an image's row and file whose answer is yes or no: the score is 1 or 0.

Every check takes the `images` table: one row per image, indexed by `item_id`, with `path`, `label` and
`split` of the manifest and the columns of the scan.
"""

from __future__ import annotations

import posixpath

import pandas as pd

from analysis.contract import FindingKind
from analysis.dataset.images import EXTENSIONS
from analysis.dataset.readable import READABLE
from analysis.scrub.quality_checks import findings as kinds
from analysis.scrub.quality_checks.findings import Check

STATUS_KINDS = {
    "missing": (kinds.MISSING_FILE, "there is no file at this path"),
    "empty": (kinds.EMPTY_FILE, "the file has 0 bytes"),
    "unreadable": (kinds.UNREADABLE, "the file cannot be decoded as an image"),
    "truncated": (kinds.TRUNCATED, "the file ends before the image does"),
    "too_large": (kinds.TOO_LARGE, "the image has too many pixels to decode safely"),
    "outside_root": (kinds.OUTSIDE_ROOT, "the path leads out of the dataset's folder"),
    "link_outside": (kinds.LINK_OUTSIDE, "the symbolic link leads out of the dataset's folder, to no image"),
    "symlink_loop": (kinds.SYMLINK_LOOP, "the symbolic link leads back to itself"),
    "bad_name": (kinds.BAD_NAME, "the file's name is not valid UTF-8"),
    "not_a_file": (kinds.NOT_A_FILE, "the path is a folder or a device"),
}
ORIENTATIONS = {
    2: "mirrored left to right",
    3: "turned by 180°",
    4: "mirrored top to bottom",
    5: "mirrored left to right, then turned by 270° clockwise",
    6: "turned by 90° clockwise",
    7: "mirrored left to right, then turned by 90° clockwise",
    8: "turned by 270° clockwise",
}
FORMATS = {extension: name for name, extensions in EXTENSIONS.items() for extension in extensions}


def _fact(kind: FindingKind, is_so: pd.Series, detail: pd.Series | str, *, rule: str) -> Check:
    """`is_so` is null where the check cannot say; `detail` is needed only where it is true."""
    is_flagged = is_so.fillna(False).astype(bool)
    detail = pd.Series(detail, index=is_so.index, dtype="string")
    return Check(kind, is_so.astype("Float64").astype(float), is_flagged, detail[is_flagged], rule)


def status_checks(images: pd.DataFrame) -> list[Check]:
    """One check for each reason why there is no whole image to measure."""
    return [
        _fact(kind, images["status"] == status, images["error"].fillna(reason), rule=reason)
        for status, (kind, reason) in STATUS_KINDS.items()
    ]


def unreadable_dataset(images: pd.DataFrame, *, fraction: float) -> Check:
    """Images without a picture, where they are at least this fraction of the dataset: one fault, not many."""
    is_without = ~images["status"].isin(READABLE)
    said = images["error"].fillna(
        images["status"].map({s: reason for s, (_, reason) in STATUS_KINDS.items()})
    )
    return _fact(
        kinds.UNREADABLE_DATASET,
        is_without & (is_without.mean() >= fraction),
        said,
        rule=f"no picture, as of at least {fraction:.0%} of the dataset",
    )


def several_pages(images: pd.DataFrame) -> Check:
    """Files of several pages or frames, of which only the first is looked at."""
    n_pages = images["n_pages"].astype("Int64")
    detail = "the first of " + n_pages.astype("string") + " pages or frames is the image"
    return _fact(kinds.SEVERAL_PAGES, n_pages > 1, detail, rule="more than one page or frame")


def repeated_listings(images: pd.DataFrame) -> list[Check]:
    """The same path listed with different labels, each time; and listed again with the same one.

    A blank label contradicts none. Of listings that agree the first one is right.
    """
    files = _listings(images)
    n, first = (files[name].astype("Int64").astype("string") for name in ("n", "first"))
    contradicts = files["n_labels"] > 1
    return [
        _fact(
            kinds.TWO_LABELS,
            contradicts,
            "listed " + n + " times, as " + files["labels"],
            rule="a path is listed with several labels",
        ),
        _fact(
            kinds.LISTED_TWICE,
            files["is_further"] & ~contradicts,
            "listed " + n + " times (first as image " + first + "), in " + files["splits"],
            rule="a path is listed again with the same label",
        ),
    ]


def _listings(images: pd.DataFrame) -> pd.DataFrame:
    """For each image how often its file is listed, with how many labels, which ones, and in which splits."""
    files = pd.DataFrame(
        {
            "file": images["path"].map(posixpath.normpath),
            "label": images["label"].astype("string"),
            "split": images["split"].astype("string"),
            "first": images.index,
        }
    )
    files["is_further"] = files["file"].duplicated()
    repeated = files[files["file"].duplicated(keep=False)].groupby("file", sort=False)
    listings = repeated.agg(
        n=("file", "size"),
        n_labels=("label", "nunique"),
        labels=("label", _names),
        splits=("split", _names),
        first=("first", "first"),
    )
    return files[["file", "is_further"]].join(listings, on="file", validate="m:1")


def _names(values: pd.Series) -> str:
    return " and ".join(f"'{value}'" for value in values.dropna().unique())


def blank_label(images: pd.DataFrame) -> Check:
    """An image without a label."""
    return _fact(kinds.BLANK_LABEL, images["label"].isna(), "the label is blank", rule="the label is blank")


def wrong_extension(images: pd.DataFrame) -> Check:
    """The content's format against the one that the extension stands for; unknown ones are not judged."""
    suffix = images["path"].map(lambda path: posixpath.splitext(path)[1])
    stands_for, holds = suffix.str.lower().map(FORMATS).astype("string"), images["format"].astype("string")
    detail = "named " + suffix + ", but holds " + holds
    rule = "the extension stands for another format"
    return _fact(kinds.WRONG_EXTENSION, stands_for != holds, detail, rule=rule)


def exif_rotated(images: pd.DataFrame) -> Check:
    """An EXIF orientation that asks viewers to turn or mirror the stored pixels."""
    orientation = images["exif_orientation"]
    is_so = orientation.isin(list(ORIENTATIONS)).astype("boolean").mask(orientation.isna())
    number, meaning = orientation.astype("string"), orientation.map(ORIENTATIONS).astype("string")
    detail = "EXIF orientation " + number + ": the pixels must be " + meaning + " to be seen upright"
    return _fact(kinds.EXIF_ROTATED, is_so, detail, rule="EXIF orientation other than 1 (upright)")

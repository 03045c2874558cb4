"""What can be wrong with an image or its row: title, why it matters, what to do; and what a check answers."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd

from analysis.contract import FindingKind, findings_of, no_findings

# Other kinds, of this and later stages, that a fault brings with it
OF_LOST_FILES = (
    "class_absent_from_train",
    "class_absent_from_evaluation",
    "few_training_images",
    "few_evaluation_images",
    "minority_class",
    "label_shift",
)
OF_LISTING_TWICE = ("exact_duplicate", "leaked_image")
OF_DARK_PICTURES = (
    "blurry",
    "suspected_label_error",
    "noisy_class",
    "unlike_all_others",
    "classes_indistinguishable",
    "class_without_variety",
    "class_recall_low",
)
OF_BLANK_PICTURES = (
    "too_dark",
    "too_bright",
    "exact_duplicate",
    "near_duplicate",
    "contradicting_copies",
    "leaked_image",
    *OF_DARK_PICTURES,
)

UNREADABLE_DATASET = FindingKind(
    name="unreadable_dataset",
    title="Dataset is unreadable for the greater part",
    severity="high",
    why="Of most images there is no picture to be had: whatever else is said here is said of the rest. One "
    "cause is likely behind them: pointers in place of files, a format that is not read, a broken copy.",
    action="Read the reasons below, mend the one that is most frequent, and run again before anything else.",
    explains=OF_LOST_FILES,
)
BLACK_DATASET = FindingKind(
    name="black_dataset",
    title="Dataset is nearly black",
    severity="high",
    why="In most images nothing is brighter than a dark grey. Networks learn little from so few levels, and "
    "doubtful labels, copies and odd images found here may be no more than a result of it. Usual causes: "
    "values of 10, 12 or 14 bits saved as if they had 16, class numbers (masks) saved as grey levels.",
    action="Look at some images brightened. If something is in them, convert the originals anew, all by "
    "one scale, and run again before anything else. If they are masks, leave them out (dataset.exclude).",
    explains=("too_dark", "low_information", *OF_DARK_PICTURES),
)
BLANK_DATASET = FindingKind(
    name="blank_dataset",
    title="Dataset is nearly blank",
    severity="high",
    why="Most images are of one shade all over: nothing in them tells a class, and other findings may be no "
    "more than a result of it. Usual causes: a failed export, placeholders in place of pictures.",
    action="Look at some images. If they are placeholders, fetch the pictures; if contrast was lost on the "
    "way, convert the originals anew; then run again before anything else.",
    explains=("low_information", *OF_BLANK_PICTURES),
)
MISSING_FILE = FindingKind(
    name="missing_file",
    title="File is missing",
    severity="high",
    why="The dataset names an image that is not there: training stops at it, or silently runs on less data.",
    action="Restore the file or delete its row. If many are missing, check the dataset's path first.",
    explains=OF_LOST_FILES,
)
EMPTY_FILE = FindingKind(
    name="empty_file",
    title="File is empty",
    severity="high",
    why="A file of zero bytes is what an interrupted copy or a full disk leaves. There is no image in it.",
    action="Copy it again from the source. Check its neighbours: interrupted copies come in groups.",
    explains=OF_LOST_FILES,
)
UNREADABLE = FindingKind(
    name="unreadable",
    title="Image cannot be read",
    severity="high",
    why="No pixel can be decoded: a damaged download, or no image at all (an error page saved as .jpg).",
    action="Fetch it again, or delete it together with its row.",
)
TRUNCATED = FindingKind(
    name="truncated",
    title="Image is cut short",
    severity="high",
    why="The file ends before the image does. Most loaders raise an error in mid-training; lenient ones "
    "fill the rest with grey, and the model learns from the grey.",
    action="Fetch it again. If that is impossible, delete it.",
    explains=("low_information", *OF_BLANK_PICTURES),
)
CUT_SHORT = FindingKind(
    name="cut_short",
    title="Lower part is grey in place of the picture",
    severity="high",
    why="The file broke off once, and whoever saved or closed it again filled the rest with the grey that "
    "decoders give for missing data. It loads without an error, so that the model learns from the grey.",
    action="Fetch it again. If that is impossible, delete it. Its neighbours may be as they should.",
)
SEVERAL_PAGES = FindingKind(
    name="several_pages",
    title="File of several pages",
    severity="low",
    why="An animation, or a document of several pages: the first is the image, here and in most loaders. The "
    "others are not looked at, and the first may be a cover or the empty start of an animation.",
    action="Save the pages that belong to the dataset as files of their own; all of one file into one split.",
)
TOO_LARGE = FindingKind(
    name="too_large",
    title="Image is too large to decode safely",
    severity="medium",
    why="Decoded, it would take gigabytes of memory and can stop a training run. It was not measured here.",
    action="Scale it down or cut it into tiles. A small file that claims huge dimensions should be deleted.",
)
OUTSIDE_ROOT = FindingKind(
    name="outside_root",
    title="Path leads out of the dataset",
    severity="high",
    why="The row points to a file outside the dataset's folder: a copy of the dataset will not hold it.",
    action="Move the file into the dataset and correct the path.",
    explains=OF_LOST_FILES,
)
LINK_OUTSIDE = FindingKind(
    name="link_outside",
    title="Link leads out of the dataset",
    severity="high",
    why="The link leads out of the dataset's folder, and to no image. A stranger's archive may hold such "
    "links to have your own files read, so it was not followed.",
    action="If you know where it leads, `--set dataset.follow_links=all` has it followed. Else delete it.",
)
SYMLINK_LOOP = FindingKind(
    name="symlink_loop",
    title="Link leads back to itself",
    severity="high",
    why="A link that leads to itself has no file at its end, and tools that follow it may never stop.",
    action="Replace the link by the file it was meant to point to, or delete it.",
)
BAD_NAME = FindingKind(
    name="bad_name",
    title="File name cannot be read as text",
    severity="medium",
    why="The name is not valid UTF-8. It cannot be written to a table, and breaks on other systems.",
    action="Rename the file, with plain letters and digits to be safe.",
)
NOT_A_FILE = FindingKind(
    name="not_a_file",
    title="Path is not a file",
    severity="high",
    why="A folder or a device stands where an image is expected, so there is nothing to load.",
    action="Correct the path, or rename the folder if it merely looks like an image.",
)
TWO_LABELS = FindingKind(
    name="two_labels",
    title="Same file listed with different labels",
    severity="high",
    why="At least one of the labels is wrong, or the image needs several. A single-label model is taught a "
    "contradiction, and its score on this image is chance.",
    action="Decide which label is right and delete the other rows.",
    explains=("listed_twice", "contradicting_copies", "suspected_label_error", *OF_LISTING_TWICE),
)
LISTED_TWICE = FindingKind(
    name="listed_twice",
    title="Same file listed more than once",
    severity="low",
    why="The image counts double in training and in every metric; listed in two splits, it leaks from one "
    "to the other.",
    action="Keep one row for each file.",
    explains=OF_LISTING_TWICE,
)
BLANK_LABEL = FindingKind(
    name="blank_label",
    title="No label",
    severity="medium",
    why="The image can neither train nor test a classifier, so the dataset is smaller than it looks.",
    action="Label it, or move it to where unlabelled images are kept.",
)
WRONG_EXTENSION = FindingKind(
    name="wrong_extension",
    title="Extension does not match the format",
    severity="low",
    why="Loaders that choose a decoder by the extension fail on it. Often a trace of renaming in place of "
    "converting, and of a second source.",
    action="Rename the file to its true format.",
)
EXIF_ROTATED = FindingKind(
    name="exif_rotated",
    title="Stored turned, righted only by EXIF",
    severity="low",
    why="Viewers turn the image as its EXIF orientation says; OpenCV's and Pillow's plain decoders need not. "
    "People then label one picture and the model sees another.",
    action="Turn the pixels themselves (exiftran -a, PIL.ImageOps.exif_transpose), boxes and masks too.",
)
UNEXPECTED_MODE = FindingKind(
    name="unexpected_mode",
    title="Unusual colour mode",
    severity="medium",
    why="Few images are stored so (CMYK, palette, 16 bit, transparency …). A loader that does not convert "
    "gets another number of channels, wrong colours, or a black image.",
    action="Convert to the dataset's usual mode, and look at the result: transparency needs a background.",
)
GREYSCALE_AMONG_COLOUR = FindingKind(
    name="greyscale_among_colour",
    title="Greyscale among colour images",
    severity="low",
    why="Almost every other image has colour. If grey ones gather in one class, colour gives the class away.",
    action="Check that they belong here. If so, train with random greyscale: colour is no shortcut then.",
)
COLOUR_AMONG_GREYSCALE = FindingKind(
    name="colour_among_greyscale",
    title="Colour among greyscale images",
    severity="low",
    why="Almost every other image is grey: this one probably comes from another source or carries markings.",
    action="Check that it belongs here; convert it to greyscale if the colour means nothing.",
)
LOW_INFORMATION = FindingKind(
    name="low_information",
    title="Nearly blank",
    severity="medium",
    why="The image is of one shade all over, or next to it: a blank page, a failed export, an empty mask. "
    "Nothing in it supports its label.",
    action="Delete it, unless empty means something here, as in masks. If many look alike, find their cause.",
    explains=OF_BLANK_PICTURES,
)
TOO_DARK = FindingKind(
    name="too_dark",
    title="Too dark",
    severity="medium",
    why="Even the brightest parts are nearly black, so that neither a person nor a model can tell the class.",
    action="Look at it brightened. Re-expose from the original if the content is there, delete it if not.",
    explains=OF_DARK_PICTURES,
)
TOO_BRIGHT = FindingKind(
    name="too_bright",
    title="Too bright",
    severity="medium",
    why="Even the darkest parts are nearly white: overexposed, or an empty background.",
    action="Re-expose from the original if the content is there, delete it if not.",
    explains=OF_DARK_PICTURES,
)
BLURRY = FindingKind(
    name="blurry",
    title="Blurry",
    severity="medium",
    why="It has far less fine detail than images like it have here: out of focus, moved, or enlarged from a "
    "much smaller image. A model may learn the blur in place of the class.",
    action="Replace it by a sharp one. Keep it if blur will occur in use, and then in every class and split.",
)
ODD_SIZE = FindingKind(
    name="odd_size",
    title="Unusual size",
    severity="low",
    why="Far smaller or larger than the rest: a thumbnail, an icon, an unscaled original. Resizing it to the "
    "network's input changes its detail far more than the others'.",
    action="Fetch a thumbnail again in full size; scale an original down as the rest was.",
)
ODD_ASPECT_RATIO = FindingKind(
    name="odd_aspect_ratio",
    title="Unusual aspect ratio",
    severity="low",
    why="Far wider or taller than the rest: squeezed to the network's input it is distorted, cropped to it "
    "the subject may be lost.",
    action="Crop it to its subject, or delete it if it is a banner, a strip or a collage.",
)


def findings_in(checks: list[Check]) -> pd.DataFrame:
    flagged = [
        findings_of(
            check.kind,
            item_id=check.detail.index,
            score=check.score[check.is_flagged],
            detail=check.detail,
        )
        for check in checks
        if check.is_flagged.any()
    ]
    return pd.concat(flagged, ignore_index=True) if flagged else no_findings()


@dataclass(frozen=True)
class Check:
    """The answer of one check, for every image. All series are indexed by `item_id`.

    Attributes
    ----------
    score
        In [0, 1], 1 is surely wrong; NaN where the check cannot say. Does not depend on the threshold.
    is_flagged
        Boolean.
    detail
        Of the flagged images: what was found and what it was held against, in words with numbers.
    rule
        When an image is flagged, in words, with the numbers that hold for this dataset.
    measure
        The quantity that the rule judges, in its own unit; None where the answer is yes or no.
    lower, upper
        An image is flagged if its `measure` lies below or above.
    """

    kind: FindingKind
    score: pd.Series
    is_flagged: pd.Series
    detail: pd.Series
    rule: str
    measure: pd.Series | None = None
    lower: float = -math.inf
    upper: float = math.inf

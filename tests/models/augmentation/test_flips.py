from pathlib import Path

import pandas as pd
import pytest

from models.augmentation.flips import classes_by_flip, flip_notes, safe_flips
from models.augmentation.parameters import AugmentationParameters

CLASSES = ["01", "1", "NA", "cat"]
VERDICTS = pd.DataFrame(
    {
        "label": ["01", "1", "NA", "cat"] * 2,
        "transform": ["horizontal_flip"] * 4 + ["vertical_flip"] * 4,
        "verdict": [
            "safe",
            "unusual pose",
            "safe",
            "unclear",
            "changes the class",
            "safe",
            "too few images",
            "safe",
        ],
    }
)


def settings(horizontal_flip: str | bool, vertical_flip: str | bool) -> AugmentationParameters:
    return AugmentationParameters.model_construct(
        horizontal_flip=horizontal_flip, vertical_flip=vertical_flip
    )


def test_auto_takes_the_classes_found_safe_and_no_others() -> None:
    masks = classes_by_flip(safe_flips(VERDICTS), CLASSES, settings("auto", "auto"))
    assert masks["horizontal_flip"].tolist() == [True, False, True, False]
    assert masks["vertical_flip"].tolist() == [False, True, False, True]


@pytest.mark.parametrize("setting", [True, False])
def test_a_persons_word_is_for_all_classes(setting: bool) -> None:
    masks = classes_by_flip(safe_flips(VERDICTS), CLASSES, settings(setting, "auto"))
    assert masks["horizontal_flip"].tolist() == [setting] * 4


def test_class_without_a_verdict_is_not_mirrored() -> None:
    masks = classes_by_flip(safe_flips(VERDICTS.head(0)), CLASSES, settings("auto", "auto"))
    assert not any(mask.any() for mask in masks.values())


def test_labels_survive_the_trip_through_a_file_as_they_are(tmp_path: Path) -> None:
    from analysis.pipeline.arguments import read_input

    VERDICTS.to_csv(tmp_path / "augmentations.csv", index=False)
    pd.testing.assert_frame_equal(read_input(tmp_path / "augmentations.csv"), VERDICTS)


def test_notes_name_the_classes_and_who_says_so() -> None:
    parameters = settings("auto", True)
    notes = flip_notes(classes_by_flip(safe_flips(VERDICTS), CLASSES, parameters), CLASSES, parameters)
    of_half = "flip of half of the training images of"
    assert notes == [
        f"Horizontal {of_half} 2 of 4 classes (01, NA), which `geometric` finds safe.",
        f"Vertical {of_half} all classes, as params.yaml says.",
    ]
    none = settings("auto", False)
    assert flip_notes(classes_by_flip(safe_flips(VERDICTS.head(0)), CLASSES, none), CLASSES, none) == [
        "Horizontal flip of half of the training images of no class, which `geometric` finds safe."
    ]

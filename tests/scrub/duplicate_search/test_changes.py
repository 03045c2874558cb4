import numpy as np
import pandas as pd
import pytest

from analysis.scrub.duplicate_search.changes import NOT_MEASURED, RECOMPRESSED, named_changes

UNCHANGED = {
    "row_a": 0,
    "row_b": 1,
    "is_mirrored": False,
    "scale": 1.0,
    "stretch": 1.0,
    "rotation_degrees": 0.0,
    "shift_px": 0.0,
    "brightness_change": 0.0,
    "contrast_ratio": 1.0,
    "hue_degrees": 0.0,
    "saturation_levels": 0.0,
    "tint_levels": 0.0,
}


def change_of(
    *, size_px=((400, 300), (400, 300)), kept=((1, 1), (1, 1)), is_recompressed=False, **measured
) -> str:
    return named_changes(
        pd.DataFrame([UNCHANGED | measured]),
        size_px=np.array(size_px),
        kept_fraction=np.array(kept, dtype=float),
        is_recompressed=np.array([is_recompressed]),
    ).iloc[0]


@pytest.mark.parametrize(
    ("measured", "expected"),
    [
        ({"is_mirrored": True}, "mirrored"),
        ({"shift_px": 1.5}, "shifted"),
        ({"rotation_degrees": -2.0}, "rotated"),
        ({"brightness_change": -12.0}, "brightness"),
        ({"contrast_ratio": 0.8}, "contrast"),
        ({"hue_degrees": 30.0, "tint_levels": 20.0, "saturation_levels": 20.0}, "hue"),
        ({"saturation_levels": 15.0, "tint_levels": 20.0}, "saturation"),
        ({"tint_levels": 20.0}, "tint"),
        ({"is_mirrored": True, "brightness_change": 30.0}, "mirrored, brightness"),
    ],
)
def test_named_changes_names_what_was_measured(measured: dict, expected: str) -> None:
    assert change_of(**measured) == expected


def test_named_changes_tells_what_was_not_measured_from_what_was_shown() -> None:
    assert change_of() == NOT_MEASURED
    assert change_of(is_recompressed=True) == RECOMPRESSED
    assert change_of(brightness_change=3.0) == NOT_MEASURED  # too little to be called one


def test_named_changes_takes_what_is_shown_to_be_recompressed_for_nothing_else() -> None:
    assert change_of(is_recompressed=True, shift_px=2.0) == RECOMPRESSED


def test_named_changes_calls_resized_only_where_things_take_another_number_of_pixels() -> None:
    smaller = ((400, 300), (200, 150))
    assert change_of(size_px=smaller) == "resized"
    assert change_of(size_px=((400, 300), (400, 225))) == "resized"  # squeezed
    # a crop to 9/10 of each side: what it shows is as large as it was, though the file is smaller
    crop = ((400, 300), (360, 270))
    assert change_of(size_px=crop, scale=10 / 9) == "cropped"
    assert change_of(size_px=((400, 300), (400, 300)), scale=10 / 9) == "cropped"
    assert change_of(size_px=((400, 300), (800, 600)), scale=10 / 9) == "resized, cropped"


def test_named_changes_calls_a_frame_around_a_picture_no_resizing() -> None:
    framed = ((400, 300), (500, 375))
    assert change_of(size_px=framed, kept=((1, 1), (0.8, 0.8))) == "border"
    assert change_of(size_px=((400, 300), (200, 150)), kept=((1, 1), (0.8, 0.8))) == "border, resized"
    # margins of the page in both
    assert change_of(kept=((0.8, 0.8), (0.8, 0.8)), brightness_change=9.0) == "brightness"

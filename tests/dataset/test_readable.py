"""Which images count: those with a picture, with a label too, and not dropped."""

import pandas as pd

from analysis.dataset.readable import is_not_dropped, is_readable, is_usable, left_out_note, readable_images

MANIFEST = pd.DataFrame(
    {
        "item_id": range(5),
        "path": [f"{i}.png" for i in range(5)],
        "label": pd.Categorical(["a", "b", None, "a", "b"]),
        "split": "train",
        "status": ["ok", "ok", "ok", "ok", "dropped"],
    }
)
SCAN = pd.DataFrame({"status": ["ok", "truncated", "ok", "unreadable", "ok"], "value_range": None})


def test_masks_tell_a_picture_from_a_label_and_from_a_decision() -> None:
    assert is_readable(SCAN).tolist() == [True, True, True, False, True]
    assert is_usable(MANIFEST, SCAN).tolist() == [True, True, False, False, True]
    assert is_not_dropped(MANIFEST).tolist() == [True, True, True, True, False]


def test_images_to_train_on_are_readable_and_not_dropped() -> None:
    images = readable_images(MANIFEST, SCAN)
    assert images["item_id"].tolist() == [0, 1, 2]
    assert images["is_truncated"].tolist() == [False, True, False]
    assert images["class_index"].tolist() == [0, 1, -1]


def test_each_image_that_is_left_out_is_counted_once() -> None:
    assert left_out_note(MANIFEST, SCAN) == (
        "3 of 5 images are left out: 1 are dropped by `clean`, 1 cannot be read, 1 have no label."
    )

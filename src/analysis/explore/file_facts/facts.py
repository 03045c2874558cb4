"""Facts of image files as categories, read from the scan and the paths; no file is opened."""

from __future__ import annotations

import re
from pathlib import PurePath

import numpy as np
import pandas as pd

N_BINS = 24  # of numbers, with equally many images each
ABSENT = "absent"
NAME = "name_pattern"


def file_facts_of(images: pd.DataFrame) -> pd.DataFrame:
    """One column of text per fact, in the order of the images.

    Parameters
    ----------
    images
        `path`, `label`, `bytes` of the manifest, and of the scan `format`, `mode`, `width_px`, `height_px`,
        `has_alpha`, `exif_orientation`, `n_pages` and what files say of their origin.
    """
    width, height = (images[f"{side}_px"].astype(float) for side in ("width", "height"))
    size = images["width_px"].astype("string") + "×" + images["height_px"].astype("string")
    shape = np.select([width > height, width < height], ["landscape", "portrait"], "square")
    facts = {
        "format": images["format"],
        "colour_mode": images["mode"],
        "exact_size": size,
        "orientation": pd.Series(shape, images.index),
        "aspect_ratio": _binned(width / height),
        "longer_side": _binned(np.maximum(width, height)),
        "transparency": images["has_alpha"],
        "exif_orientation": images["exif_orientation"],
        "pages": images["n_pages"],
        "camera": images["camera"],
        "day_of_exif": images["exif_date"],
        "software": images["software"],
        "jpeg_quality": images["jpeg_quality"],
        "colour_profile": images["has_icc_profile"],
        "bytes_per_pixel": _binned(images["bytes"].astype(float) / (width * height)),
        NAME: [_pattern(path, label) for path, label in zip(images["path"], images["label"], strict=True)],
    }
    return (
        pd.DataFrame({name: pd.Series(values).reset_index(drop=True) for name, values in facts.items()})
        .astype("string")
        .fillna(ABSENT)
    )


def _binned(values: pd.Series) -> pd.Series:
    """The range that a number lies in, of `N_BINS` that hold equally many; of few numbers each for itself."""
    if values.nunique() <= N_BINS:
        return values.map("{:.3g}".format, na_action="ignore")
    return pd.qcut(values, N_BINS, duplicates="drop").map(lambda bin: f"{bin.left:.3g} to {bin.right:.3g}")


def _pattern(path: str, label: object) -> str:
    """A file's name without extension, numbers and the name of its class: `IMG_0042.jpg` is `IMG_#`."""
    name = PurePath(path).stem
    if isinstance(label, str) and len(label) > 1:
        name = re.sub(re.escape(label), "*", name, flags=re.IGNORECASE)
    name = re.sub(r"[0-9a-f]{8,}", "#", name, flags=re.IGNORECASE)  # a hash is a number too
    return re.sub(r"\d+", "#", name)

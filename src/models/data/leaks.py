"""Training images that are held out too, by what they show.

Two pictures count as one if the network would get the very same pixels from both: copies of a file, and files
that differ but decode alike. Copies that were changed (recompressed, resized, cropped) are not found here:
the stage `duplicates` reports those, and `clean` drops what a person decides to drop.
"""

from __future__ import annotations

import hashlib

import numpy as np
import pandas as pd

from models.data.decoding import decode


def leaked_images(
    images: pd.DataFrame, thumbnails: np.ndarray, *, input_px: int, interpolation: str
) -> np.ndarray:
    """`item_id` of the labelled training images of which validation or test hold an exact copy.

    Parameters
    ----------
    images
        As of `analysis.dataset.readable.readable_images`.
    thumbnails
        uint8, one an image of the dataset. Only images whose thumbnails are equal are decoded and compared.
    """
    images = images[images["split"].ne("train") | images["class_index"].ge(0)]
    for pictures_of in (
        lambda rows: thumbnails[rows["item_id"]],
        lambda rows: decode(rows, input_px=input_px, interpolation=interpolation).numpy(),
    ):
        images = images[_is_on_both_sides(_digests(pictures_of(images)), images["split"].eq("train"))]
    return images.loc[images["split"].eq("train"), "item_id"].to_numpy()


def _digests(pictures: np.ndarray) -> np.ndarray:
    return np.array([hashlib.blake2b(picture.tobytes(), digest_size=16).hexdigest() for picture in pictures])


def _is_on_both_sides(digests: np.ndarray, is_training: pd.Series) -> np.ndarray:
    """Mask of the pictures that are in training and held out too."""
    return np.isin(digests, np.intersect1d(digests[is_training], digests[~is_training]))

"""Which images belong together: the same picture in several files, and copies around one centre."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.dataset.images import ImageError, open_as_seen
from analysis.pipeline.progress import progress


def tabulate_groups(pairs: pd.DataFrame, first: pd.Series, images: pd.DataFrame) -> pd.DataFrame:
    near = pairs[pairs["kind"] == "near"]
    centre_of = star_groups(zip(near["item_id_a"], near["item_id_b"], near["score"], strict=True))
    copied = set(first[first != first.index])
    centre_of |= {image: image for image in copied - set(centre_of)}
    members = first[first.isin(centre_of)]
    groups = pd.DataFrame({"item_id": members.index, "centre_id": members.map(centre_of).to_numpy()})
    groups = groups.join(images[["path", "label", "split"]], on="item_id")
    groups = groups.assign(is_centre=groups["item_id"] == groups["centre_id"])
    groups = groups.assign(n_images=groups.groupby("centre_id")["item_id"].transform("size"))
    order = ["n_images", "centre_id", "is_centre", "item_id"]
    groups = groups.sort_values(order, ascending=[False, True, False, True], ignore_index=True)
    return groups.assign(group=pd.factorize(groups["centre_id"])[0])[
        ["group", "n_images", "is_centre", "item_id", "path", "label", "split"]
    ]


def same_picture(images: pd.DataFrame, thumbnails: NDArray[np.uint8]) -> pd.Series:
    """For each image the first one with the same file content or, opened, the very same pixels.

    Parameters
    ----------
    images
        `path`, `content_hash`, `width_px`, `height_px`, `phash`, indexed by `item_id`, the preferred first.
    thumbnails
        Of all images, by `item_id`. Only images with equal ones are opened.

    Returns
    -------
    The `item_id` of the first, by `item_id`; an image that has no copy stands for itself.
    """
    first_of_content = _first_with_same(images["content_hash"])
    distinct = images[first_of_content == images.index]
    look = pd.util.hash_pandas_object(distinct[["width_px", "height_px", "phash"]], index=False)
    thumbnail = [blake2b(thumbnails[i].tobytes(), digest_size=16).hexdigest() for i in distinct.index]
    look = look.astype(str) + thumbnail
    alike = distinct[look.duplicated(keep=False).to_numpy()]
    opened = progress(alike["path"], description="look-alikes opened", unit="images")
    pixels = [_pixel_hash(path) for path in opened]
    first_of_pixels = pd.Series(distinct.index, index=distinct.index)
    first_of_pixels.update(_first_with_same(pd.Series(pixels, index=alike.index, dtype="object")))
    return first_of_content.map(first_of_pixels)


def _first_with_same(keys: pd.Series) -> pd.Series:
    """Index of the first row with the same key; a row without a key stands for itself."""
    ids = pd.Series(keys.index, index=keys.index)
    return ids.groupby(keys).transform("first").where(keys.notna(), ids).astype(np.int64)


def _pixel_hash(path: str) -> str | None:
    try:
        image = open_as_seen(path, allow_truncated=True)
    except ImageError:  # gone since the scan: then nothing says that it equals another
        return None
    return blake2b(repr(image.size).encode() + image.tobytes(), digest_size=16).hexdigest()


def star_groups(pairs: Iterable[tuple[int, int, float]]) -> dict[int, int]:
    """Each image's group, named by its centre: every member is a copy of the centre itself.

    The image with the most similar copies becomes a centre and takes those not taken yet, and so on (star
    clustering: Aslam, Pelekhov & Rus 2004). Connected components would chain: where a resembles b and b
    resembles c, the ends need have nothing in common. Ties go to the lower number.
    """
    neighbours: dict[int, dict[int, float]] = {}
    for one, other, score in pairs:
        neighbours.setdefault(one, {})[other] = score
        neighbours.setdefault(other, {})[one] = score
    centre_of: dict[int, int] = {}
    for image in sorted(neighbours, key=lambda image: (-sum(neighbours[image].values()), image)):
        if image in centre_of:
            continue
        free = [other for other in neighbours[image] if other not in centre_of]
        if free:
            centre_of |= dict.fromkeys([image, *free], image)
    return centre_of

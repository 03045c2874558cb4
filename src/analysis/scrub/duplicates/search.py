"""The search for copies: exact ones by content, near ones by candidates that are verified."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.dataset.readable import is_readable
from analysis.dataset.splits import SPLITS
from analysis.pipeline.cores import available_cores
from analysis.scrub.duplicates.candidates import candidate_pairs, without_borders
from analysis.scrub.duplicates.changes import named_changes
from analysis.scrub.duplicates.groups import same_picture
from analysis.scrub.duplicates.leaks import leaks_of
from analysis.scrub.duplicates.parameters import DuplicatesParameters
from analysis.scrub.duplicates.verification import verify

# Shorter sides hold too little to tell a copy from a look-alike: among 8 × 8 digits two sevens of one writer
# agree better than a seven with its own copy recompressed. Of such images only exact copies are reported.
MIN_SIDE_PX = 16
# Of copies one in some hundreds bears another label, of look-alikes (a plane and a bird, far off in the sky)
# every other: where labels differ, a pair must be surer by about that factor.
MIN_SCORE_IF_LABELS_DIFFER = 0.99


@dataclass(frozen=True)
class Copies:
    """What the search found: the readable `images`, the `first` that stands for each, `pairs` and `leaks`."""

    images: pd.DataFrame
    first: pd.Series
    pairs: pd.DataFrame
    leaks: pd.DataFrame


def search_copies(
    manifest: pd.DataFrame,
    scan: pd.DataFrame,
    thumbnails: NDArray[np.uint8],
    *,
    parameters: DuplicatesParameters,
    seed: int,
) -> Copies:
    """The search itself, without groups and pictures. `thumbnails` are by `item_id`."""
    images = _readable(manifest, scan)
    first = same_picture(images, thumbnails)
    is_large_enough = images[["width_px", "height_px"]].min(axis=1) >= MIN_SIDE_PX
    near = _near_pairs(
        images[images.index.isin(first) & is_large_enough], thumbnails, parameters=parameters, seed=seed
    )
    pairs = _described(pd.concat([_exact_pairs(images, first), near], ignore_index=True), images)
    return Copies(images, first, pairs, leaks_of(pairs, first, images))


def _readable(manifest: pd.DataFrame, scan: pd.DataFrame) -> pd.DataFrame:
    """The images that were decoded, by `item_id`; those of training first, to stand for their copies."""
    measures = scan[["item_id", "status", "width_px", "height_px", "phash"]]
    named = manifest[["item_id", "path", "label", "split", "content_hash"]]
    images = named.merge(measures, on="item_id", validate="1:1")
    images = images[is_readable(images) & images["phash"].notna()]
    images = images.assign(split_rank=images["split"].astype(str).map(SPLITS.index))
    return images.sort_values(["split_rank", "item_id"], kind="stable").set_index("item_id")


def _exact_pairs(images: pd.DataFrame, first: pd.Series) -> pd.DataFrame:
    copies = first[first != first.index]
    contents = images["content_hash"]
    same_file = contents.loc[copies.index].to_numpy() == contents.loc[copies].to_numpy()
    return pd.DataFrame(
        {
            "item_id_a": copies.to_numpy(),
            "item_id_b": copies.index.to_numpy(),
            "kind": "exact",
            "change": np.where(same_file, "same file", "same pixels"),
            "hamming_distance": 0,
            "score": 1.0,
        }
    )


def _near_pairs(
    images: pd.DataFrame, thumbnails: NDArray[np.uint8], *, parameters: DuplicatesParameters, seed: int
) -> pd.DataFrame:
    """Verified pairs among images of which no two are exact copies."""
    ids, hashes = images.index.to_numpy(), images["phash"].to_numpy(dtype=np.uint64)
    pictures, has_border = without_borders(thumbnails[ids])
    candidates = candidate_pairs(
        pictures,
        hashes,
        n_neighbours=parameters.n_neighbours,
        max_hamming_distance=parameters.max_hamming_distance,
        seed=seed,
    )
    near = verify(
        pictures, candidates, min_score=parameters.min_score, seed=seed, n_workers=available_cores()
    )
    size_px = images[["width_px", "height_px"]].to_numpy(dtype=np.int64)
    a, b = near["row_a"].to_numpy(), near["row_b"].to_numpy()
    return pd.DataFrame(
        {
            "item_id_a": ids[a],
            "item_id_b": ids[b],
            "kind": "near",
            "change": named_changes(near, has_border=has_border, size_px=size_px).to_numpy(),
            "hamming_distance": np.bitwise_count(hashes[a] ^ hashes[b]).astype(np.int64),
            "score": near["score"].to_numpy(),
        }
    )


def _described(pairs: pd.DataFrame, images: pd.DataFrame) -> pd.DataFrame:
    """With each image's path, split and label; leaks first, then by score."""
    for side in "ab":
        of_image = images[["path", "split", "label", "split_rank"]].add_suffix(f"_{side}")
        pairs = pairs.join(of_image, on=f"item_id_{side}", validate="m:1")
    crosses = pairs["split_rank_a"] != pairs["split_rank_b"]
    labelled = pairs["label_a"].notna() & pairs["label_b"].notna()
    contradicts = labelled & (pairs["label_a"].astype(str) != pairs["label_b"].astype(str))
    pairs = pairs.assign(crosses_splits=crosses, is_contradicting=contradicts)
    pairs = pairs[~contradicts | (pairs["score"] >= MIN_SCORE_IF_LABELS_DIFFER)]
    order = ["crosses_splits", "score", "item_id_a", "item_id_b"]
    pairs = pairs.sort_values(order, ascending=[False, False, True, True], ignore_index=True)
    return pairs[
        [f"{name}_{side}" for name in ("path", "split", "label") for side in "ab"]
        + ["kind", "change", "hamming_distance", "score", "is_contradicting", "item_id_a", "item_id_b"]
    ]
